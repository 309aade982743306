//! Service accounts and namespaces, of which only what matters here is decoded: an object may have
//! megabytes of what others have written.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use registry_auth_credential_helper::kubelet::ANNOTATION as USERNAME;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::account::MAX_VALUE;
use crate::names::{MANAGER, OPT_IN, REGISTRIES};

/// Labels and annotations that are kept.
const KEPT: [&str; 3] = [OPT_IN, REGISTRIES, USERNAME];

/// An object of the kind `K`: of its metadata what identifies it, and [`KEPT`], cut to a few bytes more
/// than [`MAX_VALUE`].
#[derive(Clone)]
pub(crate) struct Light<K> {
    metadata: ObjectMeta,
    /// The entries of `imagePullSecrets` that may be ours, with their places; `None` without a list.
    pub(crate) pull_secrets: Option<Vec<(usize, String)>>,
    kind: PhantomData<K>,
}

impl<K> fmt::Debug for Light<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Light")
            .field("metadata", &self.metadata)
            .field("pull_secrets", &self.pull_secrets)
            .finish()
    }
}

impl<K: Resource> Resource for Light<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(kind: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(kind)
    }

    fn group(kind: &Self::DynamicType) -> Cow<'_, str> {
        K::group(kind)
    }

    fn version(kind: &Self::DynamicType) -> Cow<'_, str> {
        K::version(kind)
    }

    fn plural(kind: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(kind)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl<'de, K> Deserialize<'de> for Light<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written {
            metadata,
            image_pull_secrets,
        } = Written::deserialize(deserializer)?;
        let kept = |kept: Option<Kept>| kept.map(|kept| kept.0.into_iter().collect());
        Ok(Self {
            metadata: ObjectMeta {
                name: metadata.name,
                namespace: metadata.namespace,
                uid: metadata.uid,
                resource_version: metadata.resource_version,
                deletion_timestamp: metadata.deletion_timestamp,
                labels: kept(metadata.labels),
                annotations: kept(metadata.annotations),
                ..ObjectMeta::default()
            },
            pull_secrets: image_pull_secrets.map(|names| names.0),
            kind: PhantomData,
        })
    }
}

/// Everything that is not here is skipped while it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    metadata: Metadata,
    #[serde(default)]
    image_pull_secrets: Option<Names>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    deletion_timestamp: Option<Time>,
    labels: Option<Kept>,
    annotations: Option<Kept>,
}

struct Kept(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeptVisitor)
    }
}

struct KeptVisitor;

impl<'de> Visitor<'de> for KeptVisitor {
    type Value = Kept;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("labels or annotations")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kept, A::Error> {
        let mut kept = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if KEPT.contains(&&*name) && !kept.iter().any(|(other, _)| *other == name) {
                let mut value = map.next_value::<String>()?;
                // More than is read shows that it was longer.
                value.truncate(value.ceil_char_boundary(MAX_VALUE.saturating_add(1)));
                value.shrink_to_fit();
                kept.push((name, value));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Kept(kept))
    }
}

struct Names(Vec<(usize, String)>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(NamesVisitor)
    }
}

struct NamesVisitor;

#[derive(Deserialize)]
struct Entry {
    name: Option<String>,
}

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Names;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of names")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Names, A::Error> {
        let mut names = Vec::new();
        let mut place: usize = 0;
        while let Some(entry) = seq.next_element::<Entry>()? {
            names.extend(
                entry
                    .name
                    .filter(|name| name.starts_with(MANAGER))
                    .map(|name| (place, name)),
            );
            place = place.saturating_add(1);
        }
        Ok(Names(names))
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ServiceAccount;
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_large_object_little_is_kept() {
        let many = |count: usize| {
            let entries = (0..count).map(|one| json!({"name": format!("secret-{one}")}));
            entries.collect::<Vec<_>>()
        };
        let mut listed = many(20_000);
        listed.push(json!({"name": "registry-auth-app"}));
        let written = json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {
                "name": "app", "namespace": "team", "uid": "u", "resourceVersion": "7",
                "deletionTimestamp": "2027-01-15T08:00:00Z",
                "labels": {OPT_IN: "true", "other": "x"},
                "annotations": {"other": "x".repeat(200_000), REGISTRIES: "a,".repeat(50_000), "last": "y".repeat(200_000)},
                "managedFields": many(20_000),
                "ownerReferences": [{"uid": "x"}],
            },
            "secrets": many(20_000),
            "imagePullSecrets": listed,
        });
        let text = written.to_string();
        assert!(text.len() > 1 << 20);
        let object: Light<ServiceAccount> = serde_json::from_str(&text).unwrap();
        assert!(format!("{object:?}").len() < 3 * MAX_VALUE);
        let metadata = object.meta();
        assert_eq!(metadata.name.as_deref(), Some("app"));
        assert_eq!(metadata.namespace.as_deref(), Some("team"));
        assert_eq!(metadata.uid.as_deref(), Some("u"));
        assert_eq!(metadata.resource_version.as_deref(), Some("7"));
        assert!(metadata.deletion_timestamp.is_some());
        let labels = metadata.labels.as_ref().unwrap();
        assert_eq!(labels.len(), 1);
        assert_eq!(labels[OPT_IN], "true");
        let annotations = metadata.annotations.as_ref().unwrap();
        assert_eq!(annotations.len(), 1);
        assert_eq!(annotations[REGISTRIES].len(), MAX_VALUE + 1);
        let ours = vec![(20_000, "registry-auth-app".to_owned())];
        assert_eq!(object.pull_secrets, Some(ours));
    }

    #[test]
    fn what_is_not_there_is_nothing() {
        let text = r#"{"metadata": {"name": "app", "labels": null}}"#;
        let object: Light<ServiceAccount> = serde_json::from_str(text).unwrap();
        assert_eq!((object.pull_secrets, object.metadata.labels), (None, None));
    }
    #[test]
    fn a_value_is_cut_by_bytes_where_a_character_ends() {
        // The text, and how many bytes are kept.
        let rows = [
            ("a".repeat(4_096), 4_096),
            ("a".repeat(4_097), 4_097),
            ("a".repeat(9_000), 4_097),
            ("\u{1f4a9}".repeat(1_024), 4_096),
            ("\u{1f4a9}".repeat(9_000), 4_100),
            // The whole character, or the rest would seem not to be longer.
            ("a".repeat(4_095) + "\u{1f4a9}b", 4_099),
        ];
        for (text, length) in rows {
            let written = json!({"metadata": {"annotations": {REGISTRIES: text}}});
            let object: Light<ServiceAccount> = serde_json::from_value(written).unwrap();
            let annotations = object.metadata.annotations.unwrap();
            let value = annotations[REGISTRIES].as_str();
            assert_eq!((value.len(), text.starts_with(value)), (length, true));
        }
    }
}
