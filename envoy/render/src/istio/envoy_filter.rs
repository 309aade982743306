//! The filter as an `EnvoyFilter`: with request bodies, and with the intake.

use serde_json::{Value, json};

use super::intake;
use super::mesh::Mesh;
use crate::completed::Completed;
use crate::node::{Member, Node, list, map, member, typed};
use crate::resources::{Document, labels, resource};

const WASM: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";
const RBAC: &str = "envoy.extensions.filters.http.rbac.v3.RBAC";
const MANAGER: &str = "envoy.filters.network.http_connection_manager";

/// Returns the resource: the filter in front of the registry, and in the listener of the intake if
/// there is one.
pub(super) fn of(completed: &Completed, intake: Option<&Value>, mesh: &Mesh) -> Document {
    let environment = &completed.environment;
    let mut patches = vec![
        place(&mesh.name, mesh.client_port()),
        extension(&mesh.name, completed.filter_text(), environment, mesh).why(
            "The policy is in `configuration`, as JSON. `registry-auth render istio` made it of a zot document: change that one, and render again.",
        ),
    ];
    if let Some(configuration) = intake {
        let name = intake::name(mesh);
        patches.push(place(&name, Some(mesh.intake_port)));
        patches.push(extension(
            &name,
            configuration.to_string(),
            environment,
            mesh,
        ));
    }
    let spec = map([
        member(
            "workloadSelector",
            map([member("labels", labels(mesh.labels().unwrap_or_default()))]),
        ),
        member(
            "configPatches",
            Node::List(patches.into_iter().map(Patch::node).collect()),
        ),
    ]);
    Document {
        node: resource(
            "networking.istio.io/v1alpha3",
            "EnvoyFilter",
            &mesh.name,
            &mesh.namespace,
            member("spec", spec),
        ),
        head: "The filter.",
    }
}

/// A patch of Istio's configuration.
struct Patch {
    apply_to: &'static str,
    matched: Value,
    change: Member,
}

impl Patch {
    fn why(mut self, why: &'static str) -> Self {
        self.change = self.change.why(why);
        self
    }

    fn node(self) -> Node {
        map([
            member("applyTo", self.apply_to),
            member("match", self.matched),
            self.change,
        ])
    }
}

/// Puts a filter in front of all others of a port, or of all ports.
fn place(name: &str, port: Option<u16>) -> Patch {
    let mut listener = json!({ "filterChain": { "filter": { "name": MANAGER } } });
    if let (Some(port), Some(listener)) = (port, listener.as_object_mut()) {
        listener.insert("portNumber".to_owned(), port.into());
    }
    let types: Vec<_> = [WASM, RBAC]
        .map(|name| format!("type.googleapis.com/{name}"))
        .into();
    let source = json!({ "ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3" });
    let discovery = map([
        member("config_source", source),
        member("type_urls", list(types)).why(
            "Where the module cannot be fetched, Istio puts an RBAC filter in its place that denies everything.",
        ),
    ]);
    Patch {
        apply_to: "HTTP_FILTER",
        matched: json!({
            "context": "GATEWAY",
            "listener": listener,
        }),
        change: member(
            "patch",
            map([
                member("operation", "INSERT_FIRST"),
                member(
                    "value",
                    map([member("name", name), member("config_discovery", discovery)]),
                ),
            ]),
        ),
    }
}

/// The configuration of a filter, which Istio's agent fetches the module for.
fn extension(name: &str, configuration: String, environment: &[String], mesh: &Mesh) -> Patch {
    let config = map([
        member("name", name),
        member("root_id", name)
            .why("The filter and the intake need names of their own (root contexts of one VM)."),
        member("failure_policy", "FAIL_RELOAD")
            .why("A module that trapped answers 5xx and is loaded again."),
        member("allow_on_headers_stop_iteration", true)
            .why("The filter can then either wait or read a body: what a WasmPlugin cannot have."),
        member("vm_config", vm(environment, mesh)).why(
            "The same for filter and intake, so that they share data. The id begins with registry-auth and is given to no other module.",
        ),
        member(
            "configuration",
            typed(
                "google.protobuf.StringValue",
                [member("value", Node::from(configuration))],
            ),
        ),
    ]);
    let value = map([
        member("name", name),
        member("typed_config", typed(WASM, [member("config", config)])),
    ]);
    Patch {
        apply_to: "EXTENSION_CONFIG",
        matched: json!({ "context": "GATEWAY" }),
        change: member(
            "patch",
            map([member("operation", "ADD"), member("value", value)]),
        ),
    }
}

fn vm(environment: &[String], mesh: &Mesh) -> Node {
    let code = match mesh.image.url.strip_prefix("file://") {
        Some(path) => map([member("local", json!({ "filename": path }))]),
        None => map([member("remote", remote(mesh))]),
    };
    let vm = map([
        member("vm_id", "registry-auth"),
        member("runtime", "envoy.wasm.runtime.v8"),
        member("code", code),
    ]);
    if environment.is_empty() {
        return vm;
    }
    vm.and(member(
        "environment_variables",
        json!({ "host_env_keys": environment }),
    ))
}

/// Istio's agent takes the URL; `nil` is its word for a digest that is not given.
fn remote(mesh: &Mesh) -> Node {
    let uri = map([
        member("uri", mesh.image.url.as_str()),
        member("cluster", "_").why("Not used: Istio's agent fetches it."),
        member("timeout", "30s"),
    ]);
    map([
        member("http_uri", uri),
        member("sha256", mesh.image.sha256.as_deref().unwrap_or("nil")),
    ])
}
