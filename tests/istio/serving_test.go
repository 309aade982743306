package istio_test

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	meshconfig "istio.io/api/mesh/v1alpha1"
)

// The environment variable of the push key, and its value in the proxies.
const pushKey = "REGISTRY_AUTH_PUSH_KEY=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// world is a registry and an issuer, which rows share.
type world struct {
	registry string
	image    string
	digest   string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{registry: startRegistry(t, "acme/app", "public/app", "private/app")}
	w.image, w.digest = pushModule(t, w.registry)
	return w
}

// served is an Envoy with what was rendered.
type served struct {
	base   string
	intake string
	admin  string
	// The rendered documents, with the ports of this run.
	rendered string
}

// setting is what differs between rows.
type setting struct {
	// rendered is a file of `rendered`, written by `registry-auth render istio`.
	rendered string
	// issuer stands behind the names of issuers.
	issuer *issuer
	proxy  *proxy
	// replace has further texts of the file, and what they are here.
	replace []string
	// image is the digest of the module if it is not that of the world.
	digest string
	// normalization is the setting of the mesh for paths; Istio's default if it is absent.
	normalization meshconfig.MeshConfig_ProxyPathNormalization_NormalizationType
	// operator is a file of `testdata` with what the mesh has already.
	operator string
}

// serve starts pilot, agent and Envoy with a rendered file. Ports, the image and its digest are
// those of this run; nothing else of the file is changed.
func (w *world) serve(t *testing.T, s setting) *served {
	t.Helper()
	port, intake := freePort(t), freePort(t)
	digest := w.digest
	if s.digest != "" {
		digest = s.digest
	}
	if s.operator == "" {
		s.operator = "gateway.yaml"
	}
	replace := append(s.replace,
		"number: 8443, name: http,", fmt.Sprintf("number: %d, name: http,", port),
		"ports: [{ number: 8443 }]", fmt.Sprintf("ports: [{ number: %d }]", port),
		"ports: [{ number: 9902 }]", fmt.Sprintf("ports: [{ number: %d }]", intake),
		"portNumber: 8443", fmt.Sprintf("portNumber: %d", port),
		"portNumber: 9902", fmt.Sprintf("portNumber: %d", intake),
		"number: 9902", fmt.Sprintf("number: %d", intake),
		"127.0.0.1:5001", w.registry,
		"inbound|5000||", fmt.Sprintf("inbound|%d||", port),
		"http: 5001", "http: "+strings.TrimPrefix(w.registry, "127.0.0.1:"),
		"oci://registry.example.com/registry-auth:0.1.0", w.image,
		strings.Repeat("0", 64), digest,
	)
	if s.issuer != nil {
		replace = append(replace, "targetPort: 443", fmt.Sprintf("targetPort: %d", s.issuer.port))
	}
	here := strings.NewReplacer(replace...)
	rendered := here.Replace(file(t, "rendered", s.rendered+".yaml"))
	operator := here.Replace(file(t, "testdata", s.operator))
	p := gateway
	if s.proxy != nil {
		p = *s.proxy
	}
	agent := startAgent(t, p, pilot(t, operator+"\n---\n"+rendered, s.normalization), w.registry, startNames(t))
	return &served{
		base:     fmt.Sprintf("http://127.0.0.1:%d", port),
		intake:   fmt.Sprintf("http://127.0.0.1:%d", intake),
		admin:    startEnvoy(t, p, agent, pushKey),
		rendered: rendered,
	}
}

func file(t *testing.T, folder, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(workspace, "tests/istio", folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// send sends requests to the port of clients.
func (m *served) send(t *testing.T, certificate *tls.Certificate, requests ...request) {
	t.Helper()
	send(t, m.base, certificate, requests...)
}
