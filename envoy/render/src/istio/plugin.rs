//! The filter as a plugin of Istio: `WasmPlugin`, or `TrafficExtension`, which has the same members
//! below `wasm`.

use serde_json::{Value, json};

use super::intake;
use super::mesh::{Form, Mesh, Workload};
use crate::completed::Completed;
use crate::node::{Member, Node, list, map, member};
use crate::resources::{Document, labels, resource};

const POLICY: &str = "The policy. `registry-auth render istio` made it of a zot document: change that one, and render again.";

/// Returns the filter in front of the registry.
pub(super) fn filter(completed: &Completed, form: Form, mesh: &Mesh) -> Document {
    let configuration = member("pluginConfig", completed.filter.clone()).why(POLICY);
    Document {
        node: plugin(
            &mesh.name,
            place(mesh),
            configuration,
            completed,
            form,
            mesh,
        ),
        head: "The filter.",
    }
}

/// Returns the filter in the listener that keys are pushed to, where a push has no body.
pub(super) fn intake(
    completed: &Completed,
    configuration: &Value,
    form: Form,
    mesh: &Mesh,
) -> Document {
    let mut configuration = configuration.clone();
    if let Some(intake) = configuration
        .get_mut("intake")
        .and_then(Value::as_object_mut)
    {
        intake.insert("readRequestBodies".to_owned(), false.into());
    }
    let configuration = member("pluginConfig", configuration)
        .why("A plugin of Istio gets no request bodies: keys come in header fields.");
    let mut place: Vec<_> = selector(mesh).into_iter().collect();
    let port = json!({ "ports": [{ "number": mesh.intake_port }] });
    place.push(member("match", list([port])));
    let name = intake::name(mesh);
    Document {
        node: plugin(&name, place, configuration, completed, form, mesh),
        head: "The filter in the listener that keys are pushed to.",
    }
}

fn plugin(
    name: &str,
    mut members: Vec<Member>,
    configuration: Member,
    completed: &Completed,
    form: Form,
    mesh: &Mesh,
) -> Node {
    members.push(member("phase", "AUTHN").why(
        "Before the other filters of Istio: they see requests that are granted, without the client's token.",
    ));
    let mut wasm = wasm(completed, mesh);
    wasm.push(configuration);
    let kind = if form == Form::TrafficExtension {
        members.push(member("wasm", Node::Map(wasm)));
        "TrafficExtension"
    } else {
        members.extend(wasm);
        "WasmPlugin"
    };
    resource(
        "extensions.istio.io/v1alpha1",
        kind,
        name,
        &mesh.namespace,
        member("spec", Node::Map(members)),
    )
}

fn selector(mesh: &Mesh) -> Option<Member> {
    let all = mesh.labels()?;
    Some(member(
        "selector",
        map([member("matchLabels", labels(all))]),
    ))
}

/// Which proxies have the filter, and for which of their ports.
fn place(mesh: &Mesh) -> Vec<Member> {
    let rest = match &mesh.workload {
        Workload::Gateway(_, None) => None,
        Workload::Gateway(_, Some(port)) => Some(
            member("match", list([json!({ "ports": [{ "number": port }] })])).why(
                "The port that the gateway listens on for clients. Requests to other ports pass without the filter.",
            ),
        ),
        Workload::Sidecar(_) => Some(
            member("match", list([json!({ "mode": "SERVER" })]))
                .why("What comes in; what the registry asks elsewhere is its own."),
        ),
        Workload::Waypoint(name) => {
            let gateway = json!({
                "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": name,
            });
            Some(member("targetRefs", list([gateway])))
        }
    };
    selector(mesh).into_iter().chain(rest).collect()
}

/// The module, and how it is run.
fn wasm(completed: &Completed, mesh: &Mesh) -> Vec<Member> {
    let mut members = vec![member("url", mesh.image.url.as_str())];
    if let Some(sha256) = &mesh.image.sha256 {
        members.push(member("sha256", sha256.as_str()));
    }
    if let Some(secret) = &mesh.image.pull_secret {
        members.push(member("imagePullSecret", secret.as_str()));
    }
    members.push(member("failStrategy", "FAIL_RELOAD").why(
        "A module that trapped answers 5xx and is loaded again. Never FAIL_OPEN: everything passes then when the module cannot be fetched.",
    ));
    if !completed.environment.is_empty() {
        let variables = completed
            .environment
            .iter()
            .map(|name| json!({ "name": name, "valueFrom": "HOST" }));
        members.push(member("vmConfig", map([member("env", list(variables))])).why(
            "Variables of the proxy's container that the module sees. Plugins with this module in one proxy need the same ones.",
        ));
    }
    members
}
