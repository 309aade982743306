//! What a request is about.

use hyper::Uri;
use percent_encoding::percent_decode_str;

/// The resource, and the object if there is a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The group and version, as in `apiVersion`.
    pub(super) version: String,
    pub(super) resource: String,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
    pub(super) is_token: bool,
    query: Vec<(String, String)>,
}

impl Target {
    pub(super) fn read(uri: &Uri) -> Option<Self> {
        let mut parts: Vec<_> = uri.path().split('/').skip(1).collect();
        let version = match *parts.first()? {
            "api" => parts.drain(..2).nth(1)?.to_owned(),
            "apis" => parts.drain(..3).skip(1).collect::<Vec<_>>().join("/"),
            _ => return None,
        };
        let (resource, namespace, name, rest) = match *parts.as_slice() {
            [resource] => (resource, None, None, None),
            ["namespaces", name] => ("namespaces", None, Some(name), None),
            ["namespaces", namespace, resource] => (resource, Some(namespace), None, None),
            ["namespaces", namespace, resource, name] => {
                (resource, Some(namespace), Some(name), None)
            }
            ["namespaces", namespace, resource, name, rest] => {
                (resource, Some(namespace), Some(name), Some(rest))
            }
            _ => return None,
        };
        let query = uri.query().unwrap_or_default().split('&');
        let query = query.filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let value = percent_decode_str(value).decode_utf8().ok()?;
            Some((name.to_owned(), value.into_owned()))
        });
        Some(Self {
            version,
            resource: resource.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.map(str::to_owned),
            is_token: rest == Some("token"),
            query: query.collect(),
        })
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether it is one object, not a list.
    pub(super) fn is_object(&self) -> bool {
        self.name.is_some()
    }

    /// Whether an object of this namespace and these labels is in the list.
    pub(super) fn lists(&self, other: &Self, object: &serde_json::Value) -> bool {
        let selected = self.query("labelSelector").is_none_or(|selector| {
            selector.split_once('=').is_some_and(|(label, value)| {
                let labels = object["metadata"].get("labels");
                labels.and_then(|labels| labels.get(label)?.as_str()) == Some(value)
            })
        });
        self.resource == other.resource
            && (self.namespace.is_none() || self.namespace == other.namespace)
            && selected
    }

    /// The same, without query, for an object of this name.
    pub(super) fn named(&self, name: &str) -> Self {
        Self {
            name: Some(name.to_owned()),
            query: Vec::new(),
            ..self.clone()
        }
    }
}
