package istio_test

import (
	"crypto/tls"
	"net"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/features"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/security"
	"istio.io/istio/security/pkg/server/ca/authenticate"
)

// Filters that only Istio's own build of Envoy has; the released Envoy refuses a listener with them.
func withoutIstiosOwnFilters() {
	features.MetadataExchange = false
	features.ALPNFilter = false
	features.EnableTelemetryLabel = false
}

// pilot serves resources, as YAML documents, on loopback until the test ends, and returns its
// address. A proxy is known by its certificate, which is why it may have secrets.
func pilot(t *testing.T, resources string, normalization meshconfig.MeshConfig_ProxyPathNormalization_NormalizationType) string {
	t.Helper()
	configs, objects := split(resources)
	settings := mesh.DefaultMeshConfig()
	settings.PathNormalization = &meshconfig.MeshConfig_ProxyPathNormalization{Normalization: normalization}
	server := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
		ConfigString:               configs,
		KubernetesObjectString:     objects,
		MeshConfig:                 settings,
		DisableSecretAuthorization: true,
	})
	server.Discovery.Authenticators = []security.Authenticator{&authenticate.ClientCertAuthenticator{}}
	certificate, err := authority.issue("istiod", "")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	secured := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{certificate},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    authority.pool(),
	})))
	server.Discovery.Register(secured)
	go func() { _ = secured.Serve(listener) }()
	t.Cleanup(secured.Stop)
	return listener.Addr().String()
}

// split returns the resources of Istio, and those of Kubernetes itself.
func split(resources string) (configs, objects string) {
	core := regexp.MustCompile(`(?m)^apiVersion: v1$`)
	var found [2][]string
	for _, document := range strings.Split(resources, "\n---\n") {
		i := 0
		if core.MatchString(document) {
			i = 1
		}
		found[i] = append(found[i], document)
	}
	return strings.Join(found[0], "\n---\n"), strings.Join(found[1], "\n---\n")
}
