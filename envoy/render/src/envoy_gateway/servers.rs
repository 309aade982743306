//! The servers that the filter asks, and the registry behind TLS.

use serde_json::json;

use super::place::Gateway;
use crate::cluster::{Endpoint, Trust};
use crate::completed::Completed;
use crate::envoy::{self, Place};
use crate::node::{Node, list, map, member};
use crate::resources::{Document, resource};

const CLUSTER: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";

/// Returns the patch that adds the clusters.
pub(super) fn patch(completed: &Completed, gateway: &Gateway) -> Document {
    let names = completed.clusters().map(|cluster| cluster.name.as_str());
    let clusters = envoy::servers(completed, &Place::default());
    let patches = names.zip(clusters).map(|(name, cluster)| {
        let operation = map([
            member("op", "add"),
            member("path", ""),
            member("value", cluster),
        ]);
        map([
            member("type", CLUSTER),
            member("name", name),
            member("operation", operation),
        ])
    });
    let target = json!({
        "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": gateway.gateway,
    });
    let spec = map([
        member("targetRef", target),
        member("type", "JSONPatch"),
        member("jsonPatches", list(patches)),
    ]);
    Document {
        node: resource(
            "gateway.envoyproxy.io/v1alpha1",
            "EnvoyPatchPolicy",
            &gateway.name,
            &gateway.namespace,
            member("spec", spec),
        ),
        head: "The servers that the filter asks: the registry, and issuers for their keys. Envoy Gateway has to be configured with extensionApis.enableEnvoyPatchPolicy.",
    }
}

/// Returns what a route needs that leads to a registry behind TLS.
pub(super) fn registry(completed: &Completed, gateway: &Gateway) -> Vec<Document> {
    let (Some(tls), Endpoint::Host(host, port)) =
        (&completed.upstream.tls, &completed.upstream.endpoint)
    else {
        return Vec::new();
    };
    let name = format!("{}-registry", gateway.name);
    let of = |version, kind, member| resource(version, kind, &name, &gateway.namespace, member);
    let mut documents = Vec::new();
    let mut validation = vec![member("hostname", tls.server.as_str())];
    match &tls.trust {
        Trust::Text(text) => {
            let data = map([member("ca.crt", text.as_str())]);
            documents.push(Document {
                node: of("v1", "ConfigMap", member("data", data)),
                head: "The authorities of the registry.",
            });
            let reference = json!([{ "group": "", "kind": "ConfigMap", "name": name }]);
            validation.push(member("caCertificateRefs", reference));
        }
        Trust::File(_) => {
            let reference = json!([{ "group": "", "kind": "ConfigMap", "name": name }]);
            validation.push(member("caCertificateRefs", reference).why(
                "A ConfigMap with the authorities in `ca.crt`, which is not rendered: the patch above has the path of a file, and a policy can have none.",
            ));
        }
        Trust::System => validation.push(member("wellKnownCACertificates", "System")),
    }
    let endpoint = json!([{ "fqdn": { "hostname": host, "port": port } }]);
    documents.push(Document {
        node: of(
            "gateway.envoyproxy.io/v1alpha1",
            "Backend",
            member("spec", map([member("endpoints", endpoint)])),
        ),
        head: "The registry, for `backendRefs` of the route that leads to it.",
    });
    let target = json!([{
        "group": "gateway.envoyproxy.io", "kind": "Backend", "name": name,
    }]);
    let spec = map([
        member("targetRefs", target),
        member("validation", Node::Map(validation)),
    ]);
    documents.push(Document {
        node: of(
            "gateway.networking.k8s.io/v1",
            "BackendTLSPolicy",
            member("spec", spec),
        ),
        head: "TLS to the registry.",
    });
    documents
}
