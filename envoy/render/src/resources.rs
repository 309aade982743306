//! Resources of Kubernetes, and what several of them have in common.

use registry_auth_engine::config::ConfigError;

use crate::completed::Completed;
use crate::node::{Member, Node, map, member};
use crate::yaml;

/// Resources, and what is to be said about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// YAML documents: the same bytes for the same input.
    pub yaml: String,
    /// What was assumed, and what the operator has to do; one line each.
    pub assumptions: Vec<String>,
    /// The warnings about the document.
    pub warnings: Vec<ConfigError>,
}

/// A resource, with a comment above it.
pub(crate) struct Document {
    pub(crate) node: Node,
    pub(crate) head: &'static str,
}

/// Returns the text of resources.
pub(crate) fn join(documents: &[Document]) -> String {
    let texts: Vec<_> = documents
        .iter()
        .map(|document| yaml::write(&document.node, document.head))
        .collect();
    texts.join("---\n")
}

/// A resource with one more member, which is most often `spec`.
pub(crate) fn resource(
    version: &str,
    kind: &str,
    name: &str,
    namespace: &str,
    rest: Member,
) -> Node {
    map([
        member("apiVersion", version),
        member("kind", kind),
        member(
            "metadata",
            map([member("name", name), member("namespace", namespace)]),
        ),
        rest,
    ])
}

/// Labels as an object.
pub(crate) fn labels(labels: &[(String, String)]) -> Node {
    Node::Map(
        labels
            .iter()
            .map(|(name, value)| member(name, value.as_str()))
            .collect(),
    )
}

/// Says that the route to the registry has to do what was asked for: it is the operator's.
pub(crate) fn assume_route(completed: &Completed, assumptions: &mut Vec<String>) {
    if let Some(host) = &completed.rewrite_host {
        assumptions.push(format!(
            "the route to the registry rewrites the host to {host}"
        ));
    }
}
