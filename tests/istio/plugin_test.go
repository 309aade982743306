package istio_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"testing"
)

const get, head, post, put = http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut

// reads are requests of a policy that lets everyone read `public` and callers with a token `acme`.
func reads(token string) []request {
	return []request{
		{name: "what is public needs no token", method: get, path: "/v2/public/app/manifests/v1", status: 200},
		{name: "without a token nothing else", method: get, path: "/v2/acme/app/manifests/v1", status: 401, contains: "UNAUTHORIZED"},
		{name: "a token reads", method: get, path: "/v2/acme/app/manifests/v1", token: token, status: 200},
		{name: "a token does not read everything", method: get, path: "/v2/private/app/manifests/v1", token: token, status: 403, contains: "DENIED"},
		{name: "a broken token is refused", method: get, path: "/v2/public/app/manifests/v1", token: token[:len(token)-8] + "AAAAAAAA", status: 401, contains: "UNAUTHORIZED"},
		{name: "the catalog has what may be read", method: get, path: "/v2/_catalog", token: token, status: 200, contains: `["acme/app","public/app"]`},
		{name: "what is no registry is not there", method: get, path: "/admin", token: token, status: 404},
	}
}

func issued(t *testing.T, by *ca, name string) tls.Certificate {
	t.Helper()
	certificate, err := by.issue(name, "")
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestPlugin(t *testing.T) {
	w := newWorld(t)
	good := startIssuer(t, "issuer.example.com", issued(t, authority, "issuer.example.com"))
	for _, row := range []struct {
		rendered string
		issuer   *issuer
		// fetches is the number of times that the keys are fetched by two workers; 0 for any.
		fetches int32
	}{
		{"inline-keys", good, 0},
		{"one-port", good, 0},
		{"issuer", good, 0},
		{"traffic-extension", good, 0},
		{"private-issuer", startIssuer(t, "issuer.example.com", issued(t, fixtureCA(t), "issuer.example.com")), 0},
		{"shared-keys", startIssuer(t, "issuer.example.com", issued(t, authority, "issuer.example.com")), 1},
	} {
		t.Run(row.rendered, func(t *testing.T) {
			m := w.serve(t, setting{rendered: row.rendered, issuer: row.issuer})
			serving(t, m.base)
			m.send(t, nil, reads(row.issuer.token(t, "reader", nil))...)
			m.send(t, nil,
				request{name: "the token endpoint is not a path of a registry", method: get, path: "/auth/token", status: 404},
				request{name: "a tag is made by whom the policy names", method: post, path: "/v2/acme/app/blobs/uploads/", token: row.issuer.token(t, "ci", nil), status: 202},
				request{name: "and by nobody else", method: post, path: "/v2/acme/app/blobs/uploads/", token: row.issuer.token(t, "reader", nil), status: 403},
			)
			if fetched := row.issuer.fetches.Load(); row.fetches != 0 && fetched != row.fetches {
				t.Errorf("keys were fetched %d times, expected %d", fetched, row.fetches)
			}
		})
	}
}

// Whoever is not the issuer cannot give it keys.
func TestIssuerOfAnotherName(t *testing.T) {
	w := newWorld(t)
	stranger, err := newCA("another CA")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, rendered string
		certificate    tls.Certificate
	}{
		{"a certificate for another name", "issuer", issued(t, authority, "other.example.com")},
		{"a certificate of another authority", "issuer", issued(t, stranger, "issuer.example.com")},
		{"a certificate of the system for a private issuer", "private-issuer", issued(t, authority, "issuer.example.com")},
		{"the private authority, for another name", "private-issuer", issued(t, fixtureCA(t), "other.example.com")},
	} {
		t.Run(row.name, func(t *testing.T) {
			issuer := startIssuer(t, "issuer.example.com", row.certificate)
			m := w.serve(t, setting{rendered: row.rendered, issuer: issuer})
			serving(t, m.base)
			m.send(t, nil,
				request{name: "no keys", method: get, path: "/v2/acme/app/manifests/v1", token: issuer.token(t, "reader", nil), status: 503, contains: "UNAVAILABLE"},
				request{name: "public", method: get, path: "/v2/public/app/manifests/v1", status: 200},
			)
			if issuer.fetches.Load() != 0 {
				t.Error("it was asked for keys")
			}
		})
	}
}

// A registry behind TLS is reached only if its certificate is good.
func TestRegistryWithTLS(t *testing.T) {
	w := newWorld(t)
	key := &issuer{url: "https://issuer.example.com", key: fixture(t)}
	for name, want := range map[string]int{"registry.internal.example.com": 200, "other.example.com": 503} {
		t.Run(name, func(t *testing.T) {
			port := inFront(t, w.registry, issued(t, authority, name))
			m := w.serve(t, setting{rendered: "registry-tls", replace: []string{
				"targetPort: 443", fmt.Sprintf("targetPort: %d", port),
				"host: registry.registry.svc.cluster.local, port: { number: 5000 }",
				"host: registry.internal.example.com, port: { number: 8443 }",
			}})
			serving(t, m.base)
			token := key.token(t, "reader", nil)
			m.send(t, nil,
				request{name: "a token reads", method: get, path: "/v2/acme/app/manifests/v1", token: token, status: want},
				request{name: "the filter asks for the catalog", method: get, path: "/v2/_catalog", token: token, status: want},
				request{name: "refused either way", method: get, path: "/v2/private/app/manifests/v1", token: token, status: 403},
			)
		})
	}
}

// What must never be rendered: Istio checks no name where there is `sni` and no `subjectAltNames`.
func TestRuleWithoutNames(t *testing.T) {
	w := newWorld(t)
	issuer := startIssuer(t, "issuer.example.com", issued(t, authority, "other.example.com"))
	m := w.serve(t, setting{
		rendered: "issuer", issuer: issuer,
		replace: []string{"        subjectAltNames: [issuer.example.com]\n", ""},
	})
	serving(t, m.base)
	m.send(t, nil, request{name: "keys of somebody else", method: get, path: "/v2/acme/app/manifests/v1", token: issuer.token(t, "reader", nil), status: 200})
}

// Ports that the plugin does not name have no filter: what `registry-auth render istio` warns of.
func TestOtherPort(t *testing.T) {
	w := newWorld(t)
	m := w.serve(t, setting{rendered: "one-port", replace: []string{"ports: [{ number: 8443 }]", "ports: [{ number: 1 }]"}})
	answering(t, m.base)
	m.send(t, nil, request{name: "open", method: get, path: "/v2/private/app/manifests/v1", status: 200})
}

// A proxy that the selector does not name has no filter.
func TestSelector(t *testing.T) {
	w := newWorld(t)
	other := gateway
	other.labels = map[string]string{"istio": "othergateway"}
	m := w.serve(t, setting{
		rendered: "inline-keys", proxy: &other,
		// The gateway of the operator is that of the other proxy here.
		replace: []string{"selector: { istio: ingressgateway }", "selector: { istio: othergateway }"},
	})
	answering(t, m.base)
	m.send(t, nil, request{name: "open", method: get, path: "/v2/private/app/manifests/v1", status: 200})
}

// A module that is not the one that was named is not run, and nothing passes.
func TestModuleOfAnotherDigest(t *testing.T) {
	w := newWorld(t)
	m := w.serve(t, setting{rendered: "inline-keys", digest: "1111111111111111111111111111111111111111111111111111111111111111"})
	answering(t, m.base)
	m.send(t, nil, request{name: "closed", method: get, path: "/v2/public/app/manifests/v1", status: 403, contains: "RBAC"})
}
