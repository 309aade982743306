package istio_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"istio.io/istio/pkg/security"
)

// Time limit for what happens outside of the test's process.
const patience = 60 * time.Second

// proxy is the identity of an Envoy in the mesh.
type proxy struct {
	// Kind is `router` for a gateway.
	kind      string
	namespace string
	labels    map[string]string
}

var gateway = proxy{kind: "router", namespace: "istio-ingress", labels: map[string]string{"istio": "ingressgateway"}}

// startEnvoy starts the Envoy of `.tools` as a proxy of the mesh with two workers, and waits until
// it has its configuration. It is stopped when the test ends. The result is the address of its
// administration.
func startEnvoy(t *testing.T, p proxy, agent string, environment ...string) string {
	t.Helper()
	folder := t.TempDir()
	admin := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	configuration, err := json.Marshal(bootstrap(p, agent, admin))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "envoy.json")
	if err := os.WriteFile(file, configuration, 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(tool(t, "venv/bin/envoy"), "-c", file, "--concurrency", "2",
		"--use-dynamic-base-id", "--log-level", "warn", "--component-log-level", "wasm:info")
	command.Env = append(os.Environ(), environment...)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("log of Envoy:\n%s", tail(string(text), 60))
		}
	})
	eventually(t, "Envoy is ready", func() error {
		response, err := http.Get("http://" + admin + "/ready")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", response.StatusCode)
		}
		return nil
	})
	return admin
}

func bootstrap(p proxy, agent, admin string) any {
	type object = map[string]any
	cluster := func(name string, address object) object {
		return object{
			"name": name, "type": "STATIC", "connect_timeout": "1s",
			"typed_extension_protocol_options": object{
				"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": object{
					"@type":                "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
					"explicit_http_config": object{"http2_protocol_options": object{}},
				},
			},
			"load_assignment": object{"cluster_name": name, "endpoints": []object{{
				"lb_endpoints": []object{{"endpoint": object{"address": address}}},
			}}},
		}
	}
	// As Istio's template of the bootstrap has it, apart from the addresses.
	ads := object{"ads": object{}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
	return object{
		"node": object{
			"id":      fmt.Sprintf("%s~127.0.0.1~proxy.%s~%s.svc.cluster.local", p.kind, p.namespace, p.namespace),
			"cluster": "proxy." + p.namespace,
			"metadata": object{
				"INTERCEPTION_MODE": "NONE", "NAMESPACE": p.namespace, "LABELS": p.labels, "CLUSTER_ID": "Kubernetes", "ISTIO_VERSION": "1.31.0",
			},
		},
		"admin": object{"address": socket(admin)},
		"dynamic_resources": object{
			"lds_config": ads, "cds_config": ads,
			"ads_config": object{
				"api_type": "DELTA_GRPC", "set_node_on_first_message_only": true, "transport_api_version": "V3",
				"grpc_services": []object{{"envoy_grpc": object{"cluster_name": "xds-grpc"}}},
			},
		},
		"static_resources": object{"clusters": []object{
			cluster("xds-grpc", socket(agent)),
			cluster("sds-grpc", object{"pipe": object{"path": security.GetIstioSDSServerSocketPath()}}),
		}},
	}
}

func socket(address string) map[string]any {
	host, port, _ := strings.Cut(address, ":")
	return map[string]any{"socket_address": map[string]any{"address": host, "port_value": json.Number(port)}}
}

// freePort returns a port of loopback that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// eventually asks until there is no error, or fails after the time limit with the last one.
func eventually(t *testing.T, what string, ask func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = ask(); err == nil {
			return
		}
	}
	t.Fatalf("%s: not within %s: %v", what, patience, err)
}

func tail(text string, lines int) string {
	all := strings.Split(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
