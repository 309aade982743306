// Package istio_test runs what `registry-auth render istio` writes: Istio's own control plane
// translates it, and a real Envoy with the module serves requests. No Kubernetes is needed.
package istio_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"istio.io/istio/pkg/log"
)

// The checkout.
var workspace string

// authority signs the certificates of issuers; the proxies take it for the CAs of the system.
var authority *ca

func TestMain(m *testing.M) {
	status, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		status = 1
	}
	os.Exit(status)
}

func run(m *testing.M) (int, error) {
	here, err := os.Getwd()
	if err != nil {
		return 1, err
	}
	workspace = filepath.Dir(filepath.Dir(here))
	withoutIstiosOwnFilters()
	options := log.DefaultOptions()
	options.SetDefaultOutputLevel(log.OverrideScopeName, log.ErrorLevel)
	if err := log.Configure(options); err != nil {
		return 1, err
	}
	// Istio's server for secrets has its socket below the working directory.
	folder, err := os.MkdirTemp("", "registry-auth-istio-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(folder)
	if err := os.Chdir(folder); err != nil {
		return 1, err
	}
	if authority, err = newCA("test CA"); err != nil {
		return 1, err
	}
	if err := serveSecrets(folder, authority); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// tool returns the path of a program of `.tools`.
func tool(t *testing.T, name string) string {
	t.Helper()
	tools := os.Getenv("REGISTRY_AUTH_TOOLS")
	if tools == "" {
		tools = filepath.Join(workspace, ".tools")
	}
	return existing(t, filepath.Join(tools, name), "cargo xtask tools")
}

// module returns the path of the filter.
func module(t *testing.T) string {
	t.Helper()
	return existing(t, filepath.Join(workspace, "target/registry-auth.wasm"), "cargo xtask build")
}

func existing(t *testing.T, path, command string) string {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run `%s`", err, command)
	}
	return path
}
