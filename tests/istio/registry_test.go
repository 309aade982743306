package istio_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// startRegistry starts the real registry with an image in each of these repositories, tagged v1,
// until the test ends, and returns its address.
func startRegistry(t *testing.T, repositories ...string) string {
	t.Helper()
	folder := t.TempDir()
	address := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	file := filepath.Join(folder, "registry.yaml")
	text := "version: 0.1\nlog: { accesslog: { disabled: true }, level: error }\n" +
		"storage: { filesystem: { rootdirectory: " + filepath.Join(folder, "data") + " }, delete: { enabled: true } }\n" +
		"http: { addr: '" + address + "' }\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(tool(t, "bin/registry"), "serve", file)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	eventually(t, "the registry answers", func() error {
		response, err := http.Get("http://" + address + "/v2/")
		if err == nil {
			response.Body.Close()
		}
		return err
	})
	layer := tarball(t, "hello", "world\n")
	for _, repository := range repositories {
		crane(t, "append", "--new_layer", layer, "--new_tag", address+"/"+repository+":v1", "--oci-empty-base")
	}
	return address
}

// inFront serves what is at an address of plain HTTP with this certificate, and returns its port.
func inFront(t *testing.T, address string, certificate tls.Certificate) int {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler:           httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address}),
		ReadHeaderTimeout: patience,
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

// pushModule pushes the filter in the shape that Istio's loader takes (an OCI image whose last layer
// has a `plugin.wasm`), and returns its URL and the digest of its manifest, in hexadecimal.
func pushModule(t *testing.T, registry string) (image, digest string) {
	t.Helper()
	content, err := os.ReadFile(module(t))
	if err != nil {
		t.Fatal(err)
	}
	reference := registry + "/registry-auth:test"
	layer := tarball(t, "plugin.wasm", string(content))
	crane(t, "append", "--new_layer", layer, "--new_tag", reference, "--oci-empty-base")
	digest = strings.TrimPrefix(strings.TrimSpace(crane(t, "digest", reference)), "sha256:")
	return "oci://" + reference, digest
}

func crane(t *testing.T, arguments ...string) string {
	t.Helper()
	output, err := exec.Command(tool(t, "bin/crane"), append([]string{"--insecure"}, arguments...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("crane %s: %v\n%s", strings.Join(arguments, " "), err, output)
	}
	return string(output)
}
