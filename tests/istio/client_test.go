package istio_test

import (
	"archive/tar"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// request is one request to the proxy, and what it gets.
type request struct {
	// name says what the row shows.
	name   string
	method string
	path   string
	// token is sent as Bearer when it is not empty.
	token string
	body  string
	// status is that of the response; contains is a part of its body.
	status   int
	contains string
}

// send sends requests in turn, to this base URL, with this client certificate if there is one.
func send(t *testing.T, base string, certificate *tls.Certificate, requests ...request) {
	t.Helper()
	client := newClient(certificate)
	for _, r := range requests {
		status, body, err := client.do(base, r)
		switch {
		case err != nil:
			t.Errorf("%s: %v", r.name, err)
		case status != r.status || !strings.Contains(body, r.contains):
			t.Errorf("%s: %d %s, expected %d %s", r.name, status, body, r.status, r.contains)
		}
	}
}

type client struct{ http http.Client }

func newClient(certificate *tls.Certificate) *client {
	settings := &tls.Config{InsecureSkipVerify: true}
	if certificate != nil {
		settings.Certificates = []tls.Certificate{*certificate}
	}
	return &client{http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: settings}}}
}

func (c *client) do(base string, r request) (int, string, error) {
	asked, err := http.NewRequest(r.method, base+r.path, strings.NewReader(r.body))
	if err != nil {
		return 0, "", err
	}
	asked.Header.Set("accept", "application/vnd.oci.image.manifest.v1+json")
	asked.Host = "registry.example.com"
	if r.token != "" {
		asked.Header.Set("authorization", "Bearer "+r.token)
	}
	if r.method == http.MethodPost && strings.Contains(r.body, "grant_type") {
		asked.Header.Set("content-type", "application/x-www-form-urlencoded")
	}
	response, err := c.http.Do(asked)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// serving waits until a request gets another answer than that of a proxy without configuration:
// Envoy is ready before its listeners and the module are.
func serving(t *testing.T, base string) {
	t.Helper()
	c := newClient(nil)
	eventually(t, "the filter answers", func() error {
		status, body, err := c.do(base, request{method: http.MethodGet, path: "/v2/private/app/tags/list"})
		if err == nil && status != http.StatusUnauthorized {
			err = fmt.Errorf("%d %s", status, body)
		}
		return err
	})
}

// answering waits until the port of clients answers anything.
func answering(t *testing.T, base string) {
	t.Helper()
	c := newClient(nil)
	eventually(t, "the port answers", func() error {
		_, _, err := c.do(base, request{method: http.MethodGet, path: "/v2/"})
		return err
	})
}

// tarball writes an archive with one file, and returns its path.
func tarball(t *testing.T, name, content string) string {
	t.Helper()
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	if err := writer.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(writer, content); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "layer.tar")
	if err := os.WriteFile(path, archive.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
