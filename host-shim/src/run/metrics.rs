//! Metrics of `run` itself, and the page with those of both processes.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use crate::clock::wall_clock;

/// The content type of the text format of Prometheus, which Envoy speaks.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Counts changes of the configuration; clones share the counters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    generation: Arc<AtomicU64>,
    accepted: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    /// The last change, if it was refused: when, and the path of its first error.
    last_refused: Arc<Mutex<Option<Value>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

impl Changes {
    /// A configuration is live.
    pub(crate) fn accepted(&self, generation: u64) {
        self.generation.store(generation, Ordering::Relaxed);
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.forget_refusal();
    }

    /// Returns true once a configuration is live.
    pub(crate) fn is_live(&self) -> bool {
        self.generation.load(Ordering::Relaxed) > 0
    }

    /// A configuration was refused, by this program or by Envoy. `path` is that of its first error,
    /// if its content is wrong.
    pub(crate) fn refused(&self, path: Option<&str>) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        let mut refusal = json!({"since": wall_clock().rfc3339()});
        if let (Some(refusal), Some(path)) = (refusal.as_object_mut(), path) {
            refusal.insert("path".to_owned(), path.into());
        }
        *self.refusal() = Some(refusal);
    }

    /// The file has again what is live. Returns true if the last change was refused.
    pub(crate) fn forget_refusal(&self) -> bool {
        self.refusal().take().is_some()
    }

    /// Returns when the last change was refused, if it was, and where its first error is.
    pub(crate) fn last_refused(&self) -> Option<Value> {
        self.refusal().clone()
    }

    fn refusal(&self) -> MutexGuard<'_, Option<Value>> {
        self.last_refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Encodes the metrics; `starts` is how often Envoy was started.
    ///
    /// # Errors
    /// The encoder fails.
    pub(crate) fn text(&self, starts: u64) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("registry_auth_run");
        let generation: Gauge = Gauge::default();
        generation.set(i64::try_from(self.generation.load(Ordering::Relaxed)).unwrap_or(i64::MAX));
        registry.register(
            "configuration_generation",
            "Number of the configuration that Envoy uses",
            generation,
        );
        let changes = Family::<Outcome, Counter>::default();
        for (outcome, count) in [("accepted", &self.accepted), ("refused", &self.refused)] {
            changes
                .get_or_create(&Outcome { outcome })
                .inc_by(count.load(Ordering::Relaxed));
        }
        registry.register(
            "configurations",
            "Configurations that were read, the first one too",
            changes,
        );
        let envoys: Counter = Counter::default();
        envoys.inc_by(starts);
        registry.register("envoy_starts", "How often Envoy was started", envoys);
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

/// Puts texts in the format of `OpenMetrics` and one of Envoy on one page, in the format of Envoy.
pub(crate) fn page(own: &[&str], envoy: Option<&str>) -> String {
    let mut page: String = own.iter().map(|text| plain(text)).collect();
    page.push_str(envoy.unwrap_or_default());
    page
}

/// In the older format the family of a counter has the name of its samples, and nothing marks the
/// end.
fn plain(text: &str) -> String {
    let counters: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let lines = text.lines().filter_map(|line| {
        let Some(comment) = line.strip_prefix("# ") else {
            return Some(format!("{line}\n"));
        };
        let mut words = comment.splitn(3, ' ');
        let (kind, name, rest) = (
            words.next()?,
            words.next()?,
            words.next().unwrap_or_default(),
        );
        match kind {
            "HELP" | "TYPE" if counters.contains(name) => {
                Some(format!("# {kind} {name}_total {rest}\n"))
            }
            "HELP" | "TYPE" => Some(format!("{line}\n")),
            _ => None,
        }
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_the_older_format() {
        let changes = Changes::default();
        changes.accepted(4);
        changes.refused(Some("http"));
        let own = changes.text(2).unwrap();
        let page = page(&[&own], Some("# TYPE envoy_a counter\nenvoy_a{} 1\n"));
        for line in [
            "# TYPE registry_auth_run_configurations_total counter",
            "registry_auth_run_configurations_total{outcome=\"accepted\"} 1",
            "registry_auth_run_configurations_total{outcome=\"refused\"} 1",
            "# TYPE registry_auth_run_configuration_generation gauge",
            "registry_auth_run_configuration_generation 4",
            "registry_auth_run_envoy_starts_total 2",
            "envoy_a{} 1",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}: {page}");
        }
        assert!(!page.contains("# EOF"), "{page}");
        assert!(
            page.lines()
                .filter(|line| line.starts_with("# HELP"))
                .count()
                == 3
        );
    }
}
