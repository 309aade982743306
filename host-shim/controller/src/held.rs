//! What is known of a Secret that is there already: its metadata, and whether its content is what was
//! written. The content itself is not kept.

use serde_json::Value;

use crate::account::Spec;
use crate::names::{DIGEST, EXPIRES, MANAGED_BY, MANAGER, RENEW, SPEC, hash};
use crate::times;

/// How much later than it should a token may end: clocks differ.
const SLACK: i64 = 60;

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
    /// Its type.
    pub kind: Option<String>,
    /// Whether content and times are those that were written.
    pub is_intact: bool,
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
    /// can change them: tokens are never kept to their end, and none lives longer than `lifetime`
    /// seconds.
    #[must_use]
    pub fn life(&self, now: i64, lifetime: u32) -> Option<Life> {
        let (expires, renew) = (self.expires?, self.renew?);
        let last = now.saturating_add(lifetime.into()).saturating_add(SLACK);
        let is_fine = renew > now && renew < expires && expires <= last;
        is_fine.then_some(Life { expires, renew })
    }

    /// Returns the times of its tokens if it is what this spec asks for, as it was written, and none of them has
    /// to be replaced.
    #[must_use]
    pub fn good(&self, spec: &Spec, now: i64) -> Option<Life> {
        let life = self.life(now, spec.lifetime)?;
        let is_ours = self.is_intact && self.spec.as_deref() == Some(&*spec.hash());
        is_ours.then_some(life)
    }

    /// Reads an object, with these members of its content; `None` if it is not one.
    #[must_use]
    pub fn read(object: &Value, members: &[&str]) -> Option<Self> {
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
            kind: object
                .get("type")
                .and_then(Value::as_str)
                .map(str::to_owned),
            is_intact: annotation(DIGEST).is_some_and(|written| {
                let times = (annotation(EXPIRES), annotation(RENEW));
                let data = object.get("data").unwrap_or(&Value::Null);
                written
                    == digest(
                        (data, members),
                        (times.0.unwrap_or_default(), times.1.unwrap_or_default()),
                    )
            }),
        })
    }
}

/// Returns a hash of these members of the content, as the API server has it (base64), and of the times
/// of its tokens. Nobody finds a token by it: each has a signature that nobody can guess.
#[must_use]
pub fn digest((data, members): (&Value, &[&str]), (expires, renew): (&str, &str)) -> String {
    let text = |name: &&str| data.get(name).and_then(Value::as_str);
    let mut texts = vec![expires, renew];
    texts.extend(members.iter().map(|name| text(name).unwrap_or_default()));
    hash(&texts, 16)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::names::PULL_SECRET;

    #[test]
    fn times_that_nobody_of_us_has_written_are_not_believed() {
        // now is 1000, the life 600 seconds.
        let rows = [
            (1_600, 1_300, true),
            (1_660, 1_300, true),
            (1_661, 1_300, false),
            (i64::MAX, 1_300, false),
            (1_600, 1_000, false),
            (1_300, 1_300, false),
            (1_200, 1_300, false),
        ];
        for (expires, renew, is_fine) in rows {
            let held = Held {
                expires: Some(expires),
                renew: Some(renew),
                ..Held::default()
            };
            assert_eq!(
                held.life(1_000, 600).is_some(),
                is_fine,
                "{expires} {renew}"
            );
        }
    }

    #[test]
    fn a_change_of_content_or_times_is_seen() {
        let times = ("2027-01-15T08:00:00Z", "2027-01-15T07:30:00Z");
        let data = json!({".dockerconfigjson": "e30="});
        let fine = json!({
            "metadata": {"uid": "u", "resourceVersion": "1", "annotations": {
                DIGEST: digest((&data, PULL_SECRET), times), EXPIRES: times.0, RENEW: times.1,
            }},
            "data": data,
        });
        let change = |path: &str, value: Value| {
            let mut object = fine.clone();
            *object.pointer_mut(path).unwrap() = value;
            object
        };
        let annotation = |name: &str| format!("/metadata/annotations/registry-auth.dev~1{name}");
        let rows = [
            (fine.clone(), true),
            (
                change("/data", json!({".dockerconfigjson": "e30=", "more": "x"})),
                true,
            ),
            (change("/data", json!({".dockerconfigjson": "e31="})), false),
            (change("/data", json!({})), false),
            (change("/data", Value::Null), false),
            (
                change(&annotation("expires"), json!("2027-01-15T09:00:00Z")),
                false,
            ),
            (
                change(&annotation("renew"), json!("2027-01-15T07:31:00Z")),
                false,
            ),
            (change(&annotation("digest"), Value::Null), false),
        ];
        for (object, is_intact) in rows {
            assert_eq!(
                Held::read(&object, PULL_SECRET).unwrap().is_intact,
                is_intact,
                "{object}"
            );
        }
    }
}
