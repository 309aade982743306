package istio_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The gateway verifies certificates of clients, and the filter takes their names.
func TestClientCertificates(t *testing.T) {
	w := newWorld(t)
	folder := t.TempDir()
	chain, key, err := authority.issuePEM("registry.example.com", "")
	if err != nil {
		t.Fatal(err)
	}
	clients := fixtureCA(t)
	paths := []string{}
	for name, content := range map[string][]byte{"SERVER": chain, "KEY": key, "CLIENTS": clients.pem()} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, ": "+name, ": "+path)
	}
	m := w.serve(t, setting{rendered: "client-certificates", operator: "mutual.yaml", replace: paths})
	m.base = strings.Replace(m.base, "http:", "https:", 1)
	serving(t, m.base)
	workload, err := clients.issue("", "spiffe://example.com/ns/acme/sa/build")
	if err != nil {
		t.Fatal(err)
	}
	nameless, err := clients.issue("build.example.com", "")
	if err != nil {
		t.Fatal(err)
	}
	m.send(t, nil,
		request{name: "what is public needs no certificate", method: get, path: "/v2/public/app/manifests/v1", status: 200},
		request{name: "without one nothing else", method: get, path: "/v2/acme/app/manifests/v1", status: 401},
	)
	m.send(t, &workload,
		request{name: "a certificate reads", method: get, path: "/v2/acme/app/manifests/v1", status: 200},
		request{name: "and not everything", method: get, path: "/v2/private/app/manifests/v1", status: 403},
	)
	m.send(t, &nameless, request{name: "a certificate without the name that is asked for", method: get, path: "/v2/acme/app/manifests/v1", status: 401})
}

// In front of the registry alone: its sidecar has the filter for what comes in.
func TestSidecar(t *testing.T) {
	w := newWorld(t)
	issuer := startIssuer(t, "issuer.example.com", issued(t, authority, "issuer.example.com"))
	sidecar := proxy{kind: "sidecar", namespace: "registry", labels: map[string]string{"app": "registry"}}
	m := w.serve(t, setting{rendered: "sidecar", issuer: issuer, proxy: &sidecar, operator: "sidecar.yaml"})
	serving(t, m.base)
	m.send(t, nil, reads(issuer.token(t, "reader", nil))...)
}
