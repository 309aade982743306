//! Problems: counted, logged, and reported to the owner of the object once.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::Utc;

use crate::call::{Server, Write};
use crate::event::{self, Regarding};
use crate::problem::Problem;
use crate::status::Status;
use crate::times;

/// What is reported of objects `K`.
pub(crate) struct Reports<'a, K> {
    status: &'a Status,
    failing: BTreeMap<K, Failing>,
}

struct Failing {
    failures: u32,
    text: String,
}

impl<'a, K: Ord + Clone> Reports<'a, K> {
    /// Nothing fails.
    pub(crate) const fn new(status: &'a Status) -> Self {
        Self {
            status,
            failing: BTreeMap::new(),
        }
    }

    /// Forgets what was wrong with an object.
    pub(crate) fn good(&mut self, key: &K) {
        self.failing.remove(key);
    }

    /// Returns what was wrong with an object when it was last looked after.
    pub(crate) fn last(&self, key: &K) -> Option<String> {
        self.failing.get(key).map(|failing| failing.text.clone())
    }

    /// Counts a problem and logs it, unless it is the same as before; returns the pause before the
    /// next try.
    pub(crate) fn problem(
        &mut self,
        key: &K,
        about: Option<&Regarding>,
        problem: &Problem,
    ) -> Duration {
        let text = problem.to_string();
        let before = self.failing.get(key);
        let failures = before.map_or(0, |before| before.failures).saturating_add(1);
        if before.is_none_or(|before| before.text != text) {
            self.status.failed(problem.label());
            let object =
                about.map(|about| format!("{} {}/{}", about.kind, about.namespace, about.name));
            tracing::warn!(object = object.unwrap_or_default(), "{text}");
        }
        self.failing.insert(key.clone(), Failing { failures, text });
        times::pause(failures, problem.retry_after(), fastrand::f64())
    }
}

/// Makes an event of a problem for the owner of an object, unless it is the same as `last`.
pub(crate) async fn event(
    server: &Server,
    identity: &str,
    (about, last): (Option<&Regarding>, Option<&str>),
    problem: &Problem,
) {
    let (Some(about), Some(reason)) = (about, problem.reason()) else {
        return;
    };
    let text = problem.to_string();
    if last == Some(&*text) {
        return;
    }
    let event = event::warning(about, reason, &text, identity, Utc::now());
    let path = event::path(&about.namespace);
    // The log has the problem too.
    if let Err(error) = server.write(Write::Create, &path, &event).await {
        tracing::debug!("cannot create an event: {error}");
    }
}
