package istio_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTry(t *testing.T) {
	registry := startRegistry(t, "acme/app", "public/app", "private/app")
	issuer := startIssuer(t, "issuer.example.com", authority, "issuer.example.com")
	url, digest := pushModule(t, registry)
	text, err := os.ReadFile(filepath.Join(workspace, "tests/istio/testdata/plain.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	operator, err := os.ReadFile(filepath.Join(workspace, "tests/istio/testdata/operator.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	resources := strings.NewReplacer(
		"number: 8443, name: http,", fmt.Sprintf("number: %d, name: http,", port),
		"targetPort: 443", fmt.Sprintf("targetPort: %d", issuer.port),
		"http: 5001", "http: "+strings.TrimPrefix(registry, "127.0.0.1:"),
		"oci://registry.example.com/registry-auth:0.1.0", url,
		strings.Repeat("0", 64), digest,
	).Replace(string(operator) + "\n---\n" + string(text))
	agent := startAgent(t, pilot(t, resources), registry, startNames(t))
	startEnvoy(t, gateway, agent, "REGISTRY_AUTH_PUSH_KEY="+strings.Repeat("k", 64))
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	serving(t, base)
	token := issuer.token(t, "alice", nil)
	send(t, base, nil,
		request{name: "anonymous", method: http.MethodGet, path: "/v2/public/app/manifests/v1", status: 200},
		request{name: "token", method: http.MethodGet, path: "/v2/acme/app/tags/list", token: token, status: 200, contains: "v1"},
		request{name: "refused", method: http.MethodGet, path: "/v2/private/app/tags/list", token: token, status: 403, contains: "DENIED"},
	)
}
