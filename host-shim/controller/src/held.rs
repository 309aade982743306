//! What is known of a Secret that is there already: its metadata, never its content.

use serde_json::Value;

use crate::names::{EXPIRES, MANAGED_BY, MANAGER, RENEW, SPEC};
use crate::times;

/// The metadata of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Its unique id.
    pub uid: String,
    /// The version of the object.
    pub resource_version: String,
    /// Whether it has the label of the controller.
    pub is_managed: bool,
    /// The unique ids of its owners.
    pub owners: Vec<String>,
    /// The hash of what it was written for.
    pub spec: Option<String>,
    /// When its first token ends, in seconds since 1970.
    pub expires: Option<i64>,
    /// When it is written again.
    pub renew: Option<i64>,
    /// Whether it is being deleted.
    pub is_ending: bool,
}

/// The times of tokens, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// When the first of them ends.
    pub expires: i64,
    /// When they are replaced.
    pub renew: i64,
}

impl Held {
    /// Returns the times of its tokens while none has to be replaced. Whoever may write the Secret
    /// can change them: tokens are never kept to their end.
    #[must_use]
    pub fn life(&self, now: i64) -> Option<Life> {
        let (expires, renew) = (self.expires?, self.renew?);
        (renew > now && renew < expires).then_some(Life { expires, renew })
    }

    /// Reads an object; `None` if it is not one.
    #[must_use]
    pub fn read(object: &Value) -> Option<Self> {
        let metadata = object.get("metadata")?;
        let text = |name: &str| metadata.get(name)?.as_str().map(str::to_owned);
        let annotation = |name: &str| metadata.get("annotations")?.get(name)?.as_str();
        let label = metadata.get("labels").and_then(|all| all.get(MANAGED_BY));
        let owners = metadata.get("ownerReferences").and_then(Value::as_array);
        let owner = |owner: &Value| owner.get("uid")?.as_str().map(str::to_owned);
        Some(Self {
            uid: text("uid")?,
            resource_version: text("resourceVersion")?,
            is_managed: label.and_then(Value::as_str) == Some(MANAGER),
            owners: owners.into_iter().flatten().filter_map(owner).collect(),
            spec: annotation(SPEC).map(str::to_owned),
            expires: annotation(EXPIRES).and_then(times::read),
            renew: annotation(RENEW).and_then(times::read),
            is_ending: metadata.get("deletionTimestamp").is_some(),
        })
    }
}
