package istio_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The command writes the files that are served here.
func TestCommand(t *testing.T) {
	binary := existing(t, filepath.Join(workspace, "target/release/registry-auth"), "cargo xtask build")
	const module = "--image oci://registry.example.com/registry-auth:0.1.0 --sha256 sha256:" +
		"0000000000000000000000000000000000000000000000000000000000000000 " +
		"--upstream http://registry.registry.svc.cluster.local:5000 "
	for _, row := range []struct{ target, document, options, file string }{
		{"istio", "issuer", "", "rendered/issuer"},
		{"istio", "issuer", "--form traffic-extension", "rendered/traffic-extension"},
		{"istio", "pushed-keys", "--port 8443", "rendered/pushed-keys"},
		{"istio", "issuer", "--mode sidecar --namespace registry --labels app=registry", "rendered/sidecar"},
		{"istio", "inline-keys", "--mode ambient --namespace registry", "rendered/waypoint"},
		{"envoy-gateway", "issuer", "", "../envoy-gateway/issuer"},
	} {
		t.Run(row.file, func(t *testing.T) {
			document := filepath.Join(workspace, "tests/istio/documents", row.document+".json")
			arguments := strings.Fields("render " + row.target + " --config " + document + " " + module + row.options)
			var output, said bytes.Buffer
			command := exec.Command(binary, arguments...)
			command.Stdout, command.Stderr = &output, &said
			if err := command.Run(); err != nil {
				t.Fatalf("%v: %s", err, said.String())
			}
			if output.String() != file(t, "", row.file+".yaml") {
				t.Errorf("not the file:\n%s", output.String())
			}
			for _, line := range strings.Split(strings.TrimSpace(file(t, "", row.file+".txt")), "\n") {
				if !strings.Contains(said.String(), "assumed: "+line+"\n") {
					t.Errorf("not said: %s", line)
				}
			}
		})
	}
}
