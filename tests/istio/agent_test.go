package istio_test

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	cares "github.com/envoyproxy/go-control-plane/envoy/extensions/network/dns_resolver/cares/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/types/known/anypb"

	"istio.io/istio/pilot/pkg/util/protoconv"
	v3 "istio.io/istio/pilot/pkg/xds/v3"
	"istio.io/istio/pkg/security"
	"istio.io/istio/pkg/util/sets"
	"istio.io/istio/pkg/wasm"
	"istio.io/istio/security/pkg/nodeagent/cache"
	"istio.io/istio/security/pkg/nodeagent/sds"
)

// agent is what Istio's agent does between pilot and Envoy, with Istio's code for it: it fetches
// the modules that extension configurations name (`oci://`), and writes their files in their place.
// The agent itself writes into folders of the system that are fixed.
type agent struct {
	discovery.UnimplementedAggregatedDiscoveryServiceServer
	pilot discovery.AggregatedDiscoveryServiceClient
	cache wasm.Cache
	// The address of a DNS server.
	names string
}

// startAgent serves the Envoy of a proxy until the test ends, and returns its address. Modules are fetched without
// TLS from the registry, and names are resolved by this DNS server instead of that of the system.
func startAgent(t *testing.T, p proxy, pilot, registry, names string) string {
	t.Helper()
	certificate, err := authority.issue("", "spiffe://cluster.local/ns/"+p.namespace+"/sa/proxy")
	if err != nil {
		t.Fatal(err)
	}
	connection, err := grpc.NewClient(pilot, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{certificate}, RootCAs: authority.pool(), ServerName: "istiod",
	})))
	if err != nil {
		t.Fatal(err)
	}
	modules := wasm.NewLocalFileCache(t.TempDir(), wasm.Options{InsecureRegistries: sets.New(registry)})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(server, &agent{
		pilot: discovery.NewAggregatedDiscoveryServiceClient(connection),
		cache: modules,
		names: names,
	})
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		_ = connection.Close()
		modules.Cleanup()
	})
	return listener.Addr().String()
}

// DeltaAggregatedResources forwards both directions. The first that ends, ends the other.
func (a *agent) DeltaAggregatedResources(
	envoy discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer,
) error {
	ctx, cancel := context.WithCancel(envoy.Context())
	defer cancel()
	pilot, err := a.pilot.DeltaAggregatedResources(ctx)
	if err != nil {
		return err
	}
	go func() {
		defer cancel()
		for {
			request, err := envoy.Recv()
			if err != nil || pilot.Send(request) != nil {
				return
			}
		}
	}()
	for {
		response, err := pilot.Recv()
		if err != nil {
			return err
		}
		switch response.TypeUrl {
		case v3.ExtensionConfigurationType:
			err = a.fetchModules(response.Resources)
		case v3.ClusterType:
			err = a.resolve(response.Resources)
		}
		if err != nil {
			return err
		}
		if err := envoy.Send(response); err != nil {
			return err
		}
	}
}

func (a *agent) fetchModules(resources []*discovery.Resource) error {
	contents := make([]*anypb.Any, len(resources))
	for i, resource := range resources {
		contents[i] = resource.Resource
	}
	err := wasm.MaybeConvertWasmExtensionConfig(contents, a.cache)
	for i, resource := range resources {
		resource.Resource = contents[i]
	}
	return err
}

// resolve writes the DNS server into clusters that have names.
func (a *agent) resolve(resources []*discovery.Resource) error {
	host, port, err := net.SplitHostPort(a.names)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	resolver := protoconv.MessageToAny(&cares.CaresDnsResolverConfig{Resolvers: []*core.Address{{
		Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{
			Address: host, PortSpecifier: &core.SocketAddress_PortValue{PortValue: uint32(number)},
		}},
	}}})
	for _, resource := range resources {
		found := new(cluster.Cluster)
		if err := resource.Resource.UnmarshalTo(found); err != nil {
			return err
		}
		if found.GetType() == cluster.Cluster_STRICT_DNS || found.GetType() == cluster.Cluster_LOGICAL_DNS {
			found.TypedDnsResolverConfig = &core.TypedExtensionConfig{
				Name: "envoy.network.dns_resolver.cares", TypedConfig: resolver,
			}
			resource.Resource = protoconv.MessageToAny(found)
		}
	}
	return nil
}

// serveSecrets serves certificates and CAs to Envoy, as Istio's agent does: those of the workload,
// of files that the configuration names, and as the CAs of the system those of the test. The socket
// is at a fixed place below the working directory.
func serveSecrets(folder string, authority *ca) error {
	chain, key, err := authority.issuePEM("", "spiffe://cluster.local/ns/istio-ingress/sa/gateway")
	if err != nil {
		return err
	}
	// Not in the working directory: Istio would take them for files that it wrote.
	folder = filepath.Join(folder, "certificates")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	options := &security.Options{
		FileMountedCerts:  true,
		CARootPath:        filepath.Join(folder, "system-ca.pem"),
		RootCertFilePath:  filepath.Join(folder, "root.pem"),
		CertChainFilePath: filepath.Join(folder, "chain.pem"),
		KeyFilePath:       filepath.Join(folder, "key.pem"),
	}
	for path, content := range map[string][]byte{
		options.CARootPath: authority.pem(), options.RootCertFilePath: authority.pem(),
		options.CertChainFilePath: chain, options.KeyFilePath: key,
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(security.WorkloadIdentityPath, 0o700); err != nil {
		return err
	}
	secrets, err := cache.NewSecretManagerClient(nil, options)
	if err != nil {
		return err
	}
	server := sds.NewServer(options, secrets, nil)
	secrets.RegisterSecretHandler(server.OnSecretUpdate)
	return nil
}
