//! Members that several resources have.

use crate::node::{Member, Node, map, member};

use super::mesh::Mesh;

/// A resource in the namespace of the proxy.
pub(super) fn resource(version: &str, kind: &str, name: &str, mesh: &Mesh, rest: Member) -> Node {
    map([
        member("apiVersion", version),
        member("kind", kind),
        member(
            "metadata",
            map([
                member("name", name),
                member("namespace", mesh.namespace.as_str()),
            ]),
        ),
        rest,
    ])
}

/// An object whose members have the same kind of value.
pub(super) fn object<'a, T: Into<Node>>(members: impl IntoIterator<Item = (&'a str, T)>) -> Node {
    Node::Map(
        members
            .into_iter()
            .map(|(name, value)| member(name, value))
            .collect(),
    )
}

/// The labels of the proxy.
pub(super) fn labels(labels: &[(String, String)]) -> Node {
    object(
        labels
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    )
}
