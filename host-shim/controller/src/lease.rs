//! Who leads, by a Lease (`coordination.k8s.io/v1`): what to do next, without effects.
//!
//! As in client-go, the end of another's lease is measured by the time for which this process has
//! seen the Lease unchanged, not by the times in it: clocks of nodes may differ.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::times;

/// How long a lease is valid.
pub const DURATION: Duration = Duration::from_secs(15);
/// A leader that could not renew for this long ends: before another begins.
pub const DEADLINE: Duration = Duration::from_secs(10);
/// The pause between two checks of it.
pub const PERIOD: Duration = Duration::from_secs(2);

/// The Lease as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// The version of the object.
    pub resource_version: String,
    /// Who leads; empty if nobody does.
    pub holder: String,
    /// How long the holder's lease is valid, in seconds.
    pub seconds: u64,
    /// How often the leader has changed.
    pub transitions: i64,
    /// Since when the holder leads.
    pub acquired: Option<String>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Make the Lease.
    Create,
    /// Take or renew it.
    Replace,
    /// Another leads.
    Wait,
}

/// What a process knows of the election.
#[derive(Clone, Debug, Default)]
pub struct Election {
    seen: Option<(String, Instant)>,
}

impl Lease {
    /// Reads an object; a Lease without a holder where it has no such members.
    #[must_use]
    pub fn read(object: &Value) -> Self {
        let spec = object.get("spec");
        let of = |name: &str| spec.and_then(|spec| spec.get(name));
        let text =
            |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let seconds = of("leaseDurationSeconds").and_then(Value::as_u64);
        Self {
            resource_version: text(object.pointer("/metadata/resourceVersion")),
            holder: text(of("holderIdentity")),
            seconds: seconds.unwrap_or(DURATION.as_secs()),
            transitions: of("leaseTransitions").and_then(Value::as_i64).unwrap_or(0),
            acquired: of("acquireTime").and_then(Value::as_str).map(str::to_owned),
        }
    }

    /// Returns the Lease that `holder` writes at `now` over `before`.
    #[must_use]
    pub fn written(
        (namespace, name): (&str, &str),
        before: Option<&Self>,
        holder: &str,
        now: DateTime<Utc>,
    ) -> Value {
        let now = times::micro(now);
        let same = before.filter(|before| before.holder == holder);
        let acquired = same.and_then(|before| before.acquired.clone());
        let transitions = before.map_or(0, |before| {
            before.transitions.saturating_add(i64::from(same.is_none()))
        });
        let mut lease = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": DURATION.as_secs(),
                "acquireTime": acquired.unwrap_or_else(|| now.clone()),
                "renewTime": now,
                "leaseTransitions": transitions,
            },
        });
        let metadata = lease.get_mut("metadata").and_then(Value::as_object_mut);
        if let (Some(metadata), Some(before)) = (metadata, before) {
            let version = before.resource_version.clone();
            metadata.insert("resourceVersion".to_owned(), version.into());
        }
        lease
    }
}

impl Election {
    /// Returns what the process `me` does about the Lease that is there at `now`.
    pub fn next(&mut self, lease: Option<&Lease>, me: &str, now: Instant) -> Move {
        let Some(lease) = lease else {
            self.seen = None;
            return Move::Create;
        };
        if lease.holder.is_empty() || lease.holder == me {
            return Move::Replace;
        }
        let since = match &self.seen {
            Some((version, since)) if *version == lease.resource_version => *since,
            _ => now,
        };
        self.seen = Some((lease.resource_version.clone(), since));
        // A holder cannot keep others away by naming a long time.
        let valid = Duration::from_secs(lease.seconds).min(DURATION.saturating_mul(4));
        if now.saturating_duration_since(since) > valid {
            Move::Replace
        } else {
            Move::Wait
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_taken_when_nobody_has_renewed_it_for_its_time() {
        let start = Instant::now();
        let lease = |version: &str, holder: &str, seconds| Lease {
            resource_version: version.to_owned(),
            holder: holder.to_owned(),
            seconds,
            ..Lease::default()
        };
        // Seconds since the start, what is there, what to do.
        let rows = [
            (0, None, Move::Create),
            (1, Some(lease("1", "other", 15)), Move::Wait),
            (16, Some(lease("1", "other", 15)), Move::Wait),
            (17, Some(lease("1", "other", 15)), Move::Replace),
            (18, Some(lease("2", "third", 15)), Move::Wait),
            (33, Some(lease("3", "third", 15)), Move::Wait),
            (48, Some(lease("3", "third", 15)), Move::Wait),
            (49, Some(lease("3", "third", 15)), Move::Replace),
            (50, Some(lease("4", "me", 15)), Move::Replace),
            (51, Some(lease("5", "", 15)), Move::Replace),
            (52, Some(lease("6", "other", u64::MAX)), Move::Wait),
            (113, Some(lease("6", "other", u64::MAX)), Move::Replace),
        ];
        let mut election = Election::default();
        for (seconds, there, expected) in rows {
            let now = start + Duration::from_secs(seconds);
            assert_eq!(
                election.next(there.as_ref(), "me", now),
                expected,
                "{seconds}"
            );
        }
    }

    #[test]
    fn a_lease_keeps_what_others_have_written() {
        let now = DateTime::<Utc>::from_timestamp(60, 0).unwrap();
        let read = |holder: &str| {
            Lease::read(&json!({
                "metadata": {"resourceVersion": "7"},
                "spec": {"holderIdentity": holder, "leaseTransitions": 3, "acquireTime": "before"},
            }))
        };
        let rows = [
            (None, "1970-01-01T00:01:00.000000Z", 0),
            (Some(read("me")), "before", 3),
            (Some(read("other")), "1970-01-01T00:01:00.000000Z", 4),
            (
                Some(Lease::read(&json!([]))),
                "1970-01-01T00:01:00.000000Z",
                1,
            ),
        ];
        for (before, acquired, transitions) in rows {
            let lease = Lease::written(("n", "l"), before.as_ref(), "me", now);
            assert_eq!(lease["spec"]["acquireTime"], acquired);
            assert_eq!(lease["spec"]["leaseTransitions"], transitions);
            assert_eq!(lease["spec"]["holderIdentity"], "me");
            let version = before.map(|before| before.resource_version);
            assert_eq!(
                lease["metadata"]
                    .get("resourceVersion")
                    .and_then(Value::as_str),
                version.as_deref()
            );
        }
    }
}
