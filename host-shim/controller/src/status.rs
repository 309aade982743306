//! The state of the controller, for its endpoints.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;

/// A process that has not reached the API server for this long is not ready.
const SILENCE: Duration = Duration::from_secs(30);

/// The shared state; clones refer to the same one.
#[derive(Clone, Debug, Default)]
pub struct Status(Arc<Mutex<State>>);

#[derive(Clone, Debug, Default)]
struct State {
    is_leader: bool,
    contact: Option<Instant>,
    /// The ends of tokens in Secrets, in seconds since 1970.
    ends: BTreeMap<String, i64>,
    writes: BTreeMap<&'static str, u64>,
    failures: BTreeMap<&'static str, u64>,
}

impl Status {
    /// Records whether this process leads.
    pub fn leads(&self, leads: bool) {
        self.change(|state| {
            state.is_leader = leads;
            if !leads {
                state.ends.clear();
            }
        });
    }

    /// Records that the API server has answered.
    pub fn contact(&self, now: Instant) {
        self.change(|state| state.contact = Some(now));
    }

    /// Records when the tokens of a Secret end; `None` if it has none.
    pub fn ends(&self, secret: String, end: Option<i64>) {
        self.change(|state| match end {
            Some(end) => drop(state.ends.insert(secret, end)),
            None => drop(state.ends.remove(&secret)),
        });
    }

    /// Counts a Secret that was written.
    pub fn wrote(&self, kind: &'static str) {
        self.change(|state| *state.writes.entry(kind).or_default() += 1);
    }

    /// Counts a failure.
    pub fn failed(&self, label: &'static str) {
        self.change(|state| *state.failures.entry(label).or_default() += 1);
    }

    /// Returns why the process is not ready, if it is not: the API server does not answer. One that
    /// waits for another to end is ready.
    #[must_use]
    pub fn waiting(&self, now: Instant) -> Option<&'static str> {
        match self.change(|state| state.contact) {
            None => Some("the API server has not answered yet"),
            Some(last) if now.saturating_duration_since(last) > SILENCE => {
                Some("the API server does not answer")
            }
            Some(_) => None,
        }
    }

    /// Returns the metrics in the text format of `OpenMetrics` 1.0. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// The encoder fails.
    pub fn metrics(&self, now: i64) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("registry_auth_controller");
        let state = self.change(|state| state.clone());
        registry.register_collector(Box::new(Snapshot { state, now }));
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Debug)]
struct Snapshot {
    state: State,
    now: i64,
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let State {
            is_leader,
            ends,
            writes,
            failures,
            ..
        } = &self.state;
        let leader = ConstGauge::new(u32::from(*is_leader));
        let help = "1 while this process leads, 0 otherwise";
        write(&mut encoder, ("leader", None, help), &[("", "", leader)])?;
        let good = ends.values().filter(|end| **end > self.now).count();
        let good = ConstGauge::new(i64::try_from(good).unwrap_or(i64::MAX));
        let help = "Secrets whose tokens have not ended";
        write(&mut encoder, ("secrets", None, help), &[("", "", good)])?;
        let first = ends.values().min();
        let first = first.map(|end| ("", "", ConstGauge::new(end.saturating_sub(self.now))));
        let help = "Time until the first token of a Secret ends, negative after it; absent without Secrets";
        let family = ("earliest_end", Some(Unit::Seconds), help);
        write(&mut encoder, family, first.as_slice())?;
        let help = "Secrets that were written, by kind";
        write(
            &mut encoder,
            ("writes", None, help),
            &counters("kind", writes),
        )?;
        let help = "Failures by reason";
        write(
            &mut encoder,
            ("failures", None, help),
            &counters("reason", failures),
        )
    }
}

type Sample<'a, M> = (&'static str, &'a str, M);

fn counters(
    label: &'static str,
    counts: &BTreeMap<&'static str, u64>,
) -> Vec<Sample<'static, ConstCounter<u64>>> {
    let counts = counts.iter();
    counts
        .map(|(value, count)| (label, *value, ConstCounter::new(*count)))
        .collect()
}

fn write<M: EncodeMetric + TypedMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, unit, help): (&str, Option<Unit>, &str),
    samples: &[Sample<'_, M>],
) -> fmt::Result {
    let kind: MetricType = M::TYPE;
    let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), kind)?;
    for (label, value, metric) in samples {
        let labels = (!label.is_empty()).then_some((*label, *value));
        let labels: Vec<_> = labels.into_iter().collect();
        metric.encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_say_what_is_good_and_name_nobody() {
        let status = Status::default();
        status.leads(true);
        status.ends("team/default".to_owned(), Some(160));
        status.ends("team/other".to_owned(), Some(90));
        status.ends("team/gone".to_owned(), Some(500));
        status.ends("team/gone".to_owned(), None);
        status.wrote("account");
        status.failed("forbidden");
        let text = status.metrics(100).unwrap();
        for line in [
            "registry_auth_controller_leader 1",
            "registry_auth_controller_secrets 1",
            "registry_auth_controller_earliest_end_seconds -10",
            "registry_auth_controller_writes_total{kind=\"account\"} 1",
            "registry_auth_controller_failures_total{reason=\"forbidden\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
        assert!(!text.contains("team"), "{text}");
        status.leads(false);
        let text = status.metrics(100).unwrap();
        assert!(
            text.contains("_leader 0") && text.contains("_secrets 0"),
            "{text}"
        );
        assert!(
            !text.contains("\nregistry_auth_controller_earliest_end_seconds"),
            "{text}"
        );
    }

    #[test]
    fn a_process_without_contact_is_not_ready() {
        let status = Status::default();
        let now = Instant::now();
        assert_eq!(
            status.waiting(now),
            Some("the API server has not answered yet")
        );
        status.contact(now);
        assert_eq!(status.waiting(now + SILENCE), None);
        let late = now + SILENCE + Duration::from_secs(1);
        assert_eq!(status.waiting(late), Some("the API server does not answer"));
    }
}
