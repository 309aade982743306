package istio_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// issuer is an OIDC issuer with one ES256 key, at a TLS port of loopback.
type issuer struct {
	url     string
	port    int
	key     *ecdsa.PrivateKey
	fetches atomic.Int32
}

// startIssuer serves discovery and keys of `https://HOST` with this certificate until the test ends.
func startIssuer(t *testing.T, host string, certificate tls.Certificate) *issuer {
	t.Helper()
	key := fixture(t)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	i := &issuer{url: strings.ReplaceAll("https://"+host, ":PORT", fmt.Sprintf(":%d", port)), port: port, key: key}
	documents := http.NewServeMux()
	documents.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"issuer": i.url, "jwks_uri": i.url + "/keys",
			"id_token_signing_alg_values_supported": []string{"ES256"},
		})
	})
	documents.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		i.fetches.Add(1)
		answer(w, i.jwks())
	})
	server := &http.Server{Handler: documents, ReadHeaderTimeout: patience}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return i
}

// fixture is the private key of the issuers, whose public key is written into a document.
func fixture(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	block, _ := pem.Decode([]byte(file(t, "../fixtures/keys", "es256.pem")))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*ecdsa.PrivateKey)
}

func (i *issuer) jwks() map[string]any {
	point, _ := i.key.PublicKey.Bytes()
	return map[string]any{"keys": []map[string]any{{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "test",
		"x": encode(point[1:33]), "y": encode(point[33:]),
	}}}
}

// token signs a token for this subject, with claims besides the usual ones.
func (i *issuer) token(t *testing.T, subject string, claims map[string]any) string {
	t.Helper()
	return sign(t, i.key, i.url, subject, claims)
}

func sign(t *testing.T, key *ecdsa.PrivateKey, iss, subject string, claims map[string]any) string {
	t.Helper()
	now := time.Now().Unix()
	content := map[string]any{
		"iss": iss, "sub": subject, "aud": "registry.example.com", "iat": now, "nbf": now, "exp": now + 600,
	}
	for name, value := range claims {
		content[name] = value
	}
	head, _ := json.Marshal(map[string]string{"alg": "ES256", "kid": "test"})
	body, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	text := encode(head) + "." + encode(body)
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return fmt.Sprintf("%s.%s", text, encode(signature))
}

func encode(bytes []byte) string { return base64.RawURLEncoding.EncodeToString(bytes) }

func answer(w http.ResponseWriter, document any) {
	w.Header().Set("content-type", "application/json")
	_ = json.NewEncoder(w).Encode(document)
}
