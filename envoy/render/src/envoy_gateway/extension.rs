//! The filter as an `EnvoyExtensionPolicy`.

use serde_json::json;

use super::place::Gateway;
use crate::completed::Completed;
use crate::node::{Node, list, map, member};
use crate::resources::{Document, resource};

/// Returns the policy.
pub(super) fn of(completed: &Completed, gateway: &Gateway) -> Document {
    let mut wasm = map([
        member("name", gateway.name.as_str()),
        member("rootID", gateway.name.as_str()),
        member("code", code(gateway)),
        member("failOpen", false)
            .why("Never true: everything passes then when the module cannot be loaded."),
    ]);
    if !completed.environment.is_empty() {
        wasm = wasm.and(
            member("env", json!({ "hostKeys": completed.environment }))
                .why("Variables of the proxy that the module sees."),
        );
    }
    let wasm = wasm.and(member("config", completed.filter.clone()).why(
        "The policy. `registry-auth render envoy-gateway` made it of a zot document: change that one, and render again.",
    ));
    let target = json!({
        "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": gateway.gateway,
    });
    let spec = map([
        member("targetRefs", list([target])).why(
            "All routes of the Gateway. A route with an EnvoyExtensionPolicy of its own would not have this one.",
        ),
        member("wasm", list([wasm])),
    ]);
    Document {
        node: resource(
            "gateway.envoyproxy.io/v1alpha1",
            "EnvoyExtensionPolicy",
            &gateway.name,
            &gateway.namespace,
            member("spec", spec),
        ),
        head: "The filter.",
    }
}

/// Where Envoy Gateway fetches the module from; images have no scheme there.
fn code(gateway: &Gateway) -> Node {
    let image = &gateway.image;
    let (kind, name, url) = match image.url.strip_prefix("oci://") {
        Some(reference) => ("Image", "image", reference),
        None => ("HTTP", "http", image.url.as_str()),
    };
    let mut source = map([member("url", url)]);
    if let Some(sha256) = &image.sha256 {
        source = source.and(member("sha256", sha256.as_str()));
    }
    if let (Some(secret), "Image") = (&image.pull_secret, kind) {
        source = source.and(member(
            "pullSecretRef",
            json!({ "kind": "Secret", "name": secret }),
        ));
    }
    map([member("type", kind), member(name, source)])
}
