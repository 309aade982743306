package istio_test

import (
	"net"
	"testing"

	"istio.io/istio/pilot/pkg/features"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config/mesh"
)

// Filters that only Istio's own build of Envoy has; the released Envoy refuses a listener with them.
func withoutIstiosOwnFilters() {
	features.MetadataExchange = false
	features.ALPNFilter = false
	features.EnableTelemetryLabel = false
}

// pilot serves resources, as YAML documents, over plain gRPC on loopback until the test ends, and
// returns its address.
func pilot(t *testing.T, resources string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	settings := mesh.DefaultMeshConfig()
	settings.OutboundTrafficPolicy = nil
	xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
		ConfigString:    resources,
		MeshConfig:      settings,
		ListenerBuilder: func() (net.Listener, error) { return listener, nil },
	})
	return listener.Addr().String()
}
