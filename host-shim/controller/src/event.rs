//! Events (`events.k8s.io/v1`) about objects, for those who own them.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::names::{hash, with_suffix};
use crate::times;

/// Who reports.
const CONTROLLER: &str = "registry-auth.dev/controller";
/// What was tried.
const ACTION: &str = "WriteToken";
/// The longest note that the API server takes is 1024 bytes.
const NOTE: usize = 1_000;

/// The object that an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Regarding {
    /// Its kind: of `v1`.
    pub(crate) kind: &'static str,
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// Its unique id.
    pub(crate) uid: String,
}

/// Returns the path of the events of a namespace.
#[must_use]
pub(crate) fn path(namespace: &str) -> String {
    format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events")
}

/// Returns a warning about an object.
#[must_use]
pub(crate) fn warning(
    about: &Regarding,
    reason: &str,
    note: &str,
    identity: &str,
    now: DateTime<Utc>,
) -> Value {
    let time = times::micro(now);
    let mut end = note.len().min(NOTE);
    while !note.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    let unique = hash(&[&about.uid, reason, note, &time], 8);
    json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": with_suffix(&about.name, &unique), "namespace": about.namespace},
        "eventTime": time,
        "type": "Warning",
        "reason": reason,
        "action": ACTION,
        "note": note.get(..end),
        "reportingController": CONTROLLER,
        "reportingInstance": identity.chars().take(128).collect::<String>(),
        "regarding": {
            "apiVersion": "v1",
            "kind": about.kind,
            "namespace": about.namespace,
            "name": about.name,
            "uid": about.uid,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_fits_whatever_the_object_is_called() {
        let now = DateTime::<Utc>::from_timestamp(1, 0).unwrap();
        for (name, note) in [
            ("default".to_owned(), "no".to_owned()),
            ("a".repeat(253), "\u{e4}".repeat(2_000)),
            (
                format!("{}.b", "a".repeat(251)),
                format!("x{}", "\u{1f600}".repeat(900)),
            ),
        ] {
            let about = Regarding {
                kind: "ServiceAccount",
                namespace: "team".to_owned(),
                name,
                uid: "u".to_owned(),
            };
            let event = warning(&about, "Reason", &note, &"i".repeat(300), now);
            let name = event["metadata"]["name"].as_str().unwrap();
            assert!(name.len() <= 253 && !name.contains(".-"), "{name}");
            let written = event["note"].as_str().unwrap();
            assert!(written.len() <= NOTE && !written.is_empty() && note.starts_with(written));
            assert_eq!(event["reportingInstance"].as_str().unwrap().len(), 128);
        }
    }
}
