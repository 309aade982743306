module registry-auth/tests/hosts/proxytest

go 1.26.0

require github.com/tetratelabs/proxy-wasm-go-sdk v0.24.0

require (
	// Newer than the SDK asks for: that one miscomputes.
	github.com/tetratelabs/wazero v1.12.0 // indirect
	golang.org/x/sys v0.44.0 // indirect
)
