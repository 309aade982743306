//! The harness: a proxy-wasm host on wasmtime, the real Envoy, an OIDC issuer, scenarios.
