//! The set of the login service: published at each change, and again before it would be too old.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::clock::wall_clock;
use crate::generation::next_generation;
use crate::login_feed::LoginFeed;
use crate::refresh::Published;
use crate::status::SourceReport;

/// How long a filter that hears nothing goes by a set: what ends meanwhile is not known to it.
const LIFE: Duration = Duration::from_mins(10);
/// Time after which a set is published again.
const AGAIN: Duration = Duration::from_mins(2);

/// Runs until the service or the push tasks have ended.
pub(crate) async fn run(
    LoginFeed(mut feed): LoginFeed,
    keys: watch::Sender<Option<Arc<Published>>>,
    report: SourceReport,
) {
    let mut generation = 0;
    loop {
        let set = feed.borrow_and_update().clone();
        let published = set.map(|jwks| {
            let now = wall_clock();
            generation = next_generation(now, generation);
            Arc::new(Published {
                generation,
                not_after: now.after(LIFE),
                jwks,
            })
        });
        report.update(|source| {
            source.generation = published.as_ref().map(|set| set.generation);
            source.keys = usize::from(published.is_some());
            if published.is_some() {
                source.succeeded += 1;
                source.last_success = Some(Instant::now());
            }
        });
        if keys.is_closed() {
            return;
        }
        keys.send_replace(published);
        if let Ok(Err(_)) = timeout(AGAIN, feed.changed()).await {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::status::Status;

    #[tokio::test(start_paused = true)]
    async fn each_change_is_published_at_once_with_a_newer_generation() {
        let status = Status::default();
        let report = status.source(&"login".into());
        let (feed, receiver) = watch::channel(Some(json!(1)));
        let (keys, mut published) = watch::channel(None);
        let task = tokio::spawn(run(LoginFeed(receiver), keys, report));
        let mut generations = Vec::new();
        for value in [Some(json!(1)), Some(json!(2)), None, Some(json!(3))] {
            feed.send_replace(value.clone());
            let is_it =
                |set: &Option<Arc<Published>>| set.as_ref().map(|set| set.jwks.clone()) == value;
            let set = published.wait_for(is_it).await.unwrap().clone();
            generations.extend(set.map(|set| set.generation));
        }
        assert!(
            generations.is_sorted_by(|one, other| one < other),
            "{generations:?}"
        );
        published.mark_unchanged();
        tokio::time::sleep(AGAIN + Duration::from_secs(1)).await;
        assert!(published.has_changed().unwrap());
        task.abort();
    }
}
