package istio_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	meshconfig "istio.io/api/mesh/v1alpha1"
)

// With request bodies, the token endpoint answers POST, and plugins answer 405.
func TestTokenEndpoint(t *testing.T) {
	w := newWorld(t)
	issuer := startIssuer(t, "issuer.example.com", issued(t, authority, "issuer.example.com"))
	m := w.serve(t, setting{rendered: "token-endpoint", issuer: issuer})
	serving(t, m.base)
	token := issuer.token(t, "reader", nil)
	form := "grant_type=password&service=registry.example.com&client_id=test&username=token&password=" + token
	m.send(t, nil, append(reads(token),
		request{name: "a form with a token", method: post, path: "/auth/token", body: form, status: 200, contains: `"access_token":"` + token},
		request{name: "a form with another token", method: post, path: "/auth/token", body: form + "A", status: 401},
		request{name: "the query", method: get, path: "/auth/token?service=registry.example.com", token: token, status: 200, contains: `"token":"` + token},
	)...)
	before := w.serve(t, setting{
		rendered: "issuer", issuer: issuer,
		replace: []string{"realm: registry\n", "realm: \"https://registry.example.com/auth/token\"\n"},
	})
	serving(t, before.base)
	before.send(t, nil,
		request{name: "no form in a plugin", method: post, path: "/auth/token", body: form, status: 405},
		request{name: "but the query", method: get, path: "/auth/token?service=registry.example.com", token: token, status: 200, contains: `"token":"` + token},
	)
}

// Keys that `registry-auth serve` fetches reach the filter by the intake.
func TestPushedKeys(t *testing.T) {
	w := newWorld(t)
	for _, rendered := range []string{"pushed-keys", "pushed-keys-plugin"} {
		t.Run(rendered, func(t *testing.T) { pushedKeys(t, w, setting{rendered: rendered}) })
	}
	t.Run("merged slashes", func(t *testing.T) {
		pushedKeys(t, w, setting{rendered: "pushed-keys", normalization: meshconfig.MeshConfig_ProxyPathNormalization_MERGE_SLASHES})
	})
}

// Escaped slashes in the names of sets have to reach the intake as they are.
func TestDecodedSlashes(t *testing.T) {
	w := newWorld(t)
	issuer := startIssuer(t, "localhost:PORT", issued(t, fixtureCA(t), "localhost"))
	m := w.serve(t, setting{
		rendered:      "pushed-keys",
		replace:       []string{"localhost:7443", fmt.Sprintf("localhost:%d", issuer.port)},
		normalization: meshconfig.MeshConfig_ProxyPathNormalization_DECODE_AND_MERGE_SLASHES,
	})
	serving(t, m.base)
	startShim(t, m)
	eventually(t, "keys are fetched", func() error {
		if issuer.fetches.Load() == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	m.send(t, nil, request{name: "nothing arrives", method: get, path: "/v2/acme/app/manifests/v1", token: issuer.token(t, "reader", nil), status: 503})
}

func pushedKeys(t *testing.T, w *world, s setting) {
	t.Helper()
	issuer := startIssuer(t, "localhost:PORT", issued(t, fixtureCA(t), "localhost"))
	s.replace = []string{"localhost:7443", fmt.Sprintf("localhost:%d", issuer.port)}
	m := w.serve(t, s)
	serving(t, m.base)
	token := issuer.token(t, "reader", nil)
	m.send(t, nil,
		request{name: "no keys yet", method: get, path: "/v2/acme/app/manifests/v1", token: token, status: 503, contains: "UNAVAILABLE"},
		request{name: "what is public needs none", method: get, path: "/v2/public/app/manifests/v1", status: 200},
	)
	send(t, m.intake, nil, request{name: "the intake takes nothing without a proof", method: put, path: "/keys/v2/bearer", body: "{}", status: 401, contains: "push key"})
	startShim(t, m)
	c := newClient(nil)
	eventually(t, "pushed keys are used", func() error {
		status, body, err := c.do(m.base, request{method: get, path: "/v2/acme/app/manifests/v1", token: token})
		if err == nil && status != 200 {
			err = fmt.Errorf("%d %s", status, body)
		}
		return err
	})
	m.send(t, nil, reads(token)...)
}

// startShim runs `registry-auth serve` with the configuration of the rendered ConfigMap, as a
// container beside the gateway does.
func startShim(t *testing.T, m *served) {
	t.Helper()
	found := regexp.MustCompile(`(?s)  registry\.json: \|\n(.*?)\n---\n`).FindStringSubmatch(m.rendered)
	if found == nil {
		t.Fatal("no registry.json in the rendered resources")
	}
	folder := t.TempDir()
	configuration := filepath.Join(folder, "registry.json")
	if err := os.WriteFile(configuration, []byte(found[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	binary := existing(t, filepath.Join(workspace, "target/release/registry-auth"), "cargo xtask build")
	command := exec.Command(binary, "serve", "--config", configuration, "--envoy", m.intake)
	command.Env = append(os.Environ(), pushKey)
	var log strings.Builder
	command.Stdout, command.Stderr = &log, &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if t.Failed() {
			t.Logf("log of registry-auth serve:\n%s", tail(log.String(), 40))
		}
	})
}
