//! Metrics of the shim in the text format of `OpenMetrics` 1.0.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;

use crate::status::{PeopleState, State};

/// The content type of the text format.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The value of the label `outcome` for successful fetches and resolutions.
const SUCCESS: &str = "success";

/// Encodes the metrics at the time `now`. Labels are names of sets, addresses of Envoys, names of
/// intakes and kinds of outcome, nothing else.
///
/// # Errors
/// The encoder fails.
pub(crate) fn text(state: State, now: Instant) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("registry_auth_shim");
    registry.register_collector(Box::new(Snapshot { state, now }));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Snapshot {
    state: State,
    now: Instant,
}

/// Name, unit and help text of a metric family.
struct Family(&'static str, Option<Unit>, &'static str);

/// The labels and the value of a sample.
type Sample<'a, M> = (Vec<(&'static str, &'a str)>, M);

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.ready(&mut encoder)?;
        self.sources(&mut encoder)?;
        self.envoys(&mut encoder)?;
        self.names(&mut encoder)?;
        self.people(&mut encoder)
    }
}

impl Snapshot {
    /// What `/readyz` says, for an alert.
    fn ready(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let ready = ConstGauge::new(u32::from(self.state.waiting().is_empty()));
        let family = Family(
            "ready",
            None,
            "1 when every source has keys and every Envoy holds them, 0 otherwise",
        );
        write(encoder, family, std::iter::once((Vec::new(), ready)))
    }

    fn sources(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let sources = || {
            self.state
                .sources
                .iter()
                .map(|(set, source)| (vec![("set", &**set)], source))
        };
        let age = sources().filter_map(|(labels, source)| {
            let age = self.now.saturating_duration_since(source.last_success?);
            Some((labels, ConstGauge::new(age.as_secs_f64())))
        });
        let family = Family(
            "source_age",
            Some(Unit::Seconds),
            "Time since the last successful fetch, absent before the first",
        );
        write(encoder, family, age)?;
        let keys = sources().map(|(labels, source)| (labels, ConstGauge::new(source.keys)));
        write(
            encoder,
            Family(
                "source_keys",
                None,
                "Usable keys of the source, 0 when they are older than maxStale",
            ),
            keys,
        )?;
        let skipped = sources().map(|(labels, source)| (labels, ConstGauge::new(source.skipped)));
        write(
            encoder,
            Family(
                "source_skipped_entries",
                None,
                "Entries of the source that cannot be used",
            ),
            skipped,
        )?;
        let generations = sources()
            .map(|(labels, source)| (labels, ConstGauge::new(source.generation.unwrap_or(0))));
        write(
            encoder,
            Family(
                "source_generation",
                None,
                "Generation that Envoys should hold, 0 for none",
            ),
            generations,
        )?;
        let fetches = sources().flat_map(|(labels, source)| {
            let failed = source
                .failed
                .iter()
                .map(|(failure, count)| (failure.label(), *count));
            let outcomes = std::iter::once((SUCCESS, source.succeeded)).chain(failed);
            outcomes.map(move |(outcome, count)| {
                (with(&labels, "outcome", outcome), ConstCounter::new(count))
            })
        });
        write(
            encoder,
            Family("fetches", None, "Fetches from the source by outcome"),
            fetches,
        )
    }

    fn people(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Some(PeopleState(service)) = &self.state.people else {
            return Ok(());
        };
        let login = service.login();
        let logins = login.counters().logins();
        let logins = logins.iter().map(|(method, outcome, count)| {
            let labels = vec![("method", *method), ("outcome", outcome.as_str())];
            (labels, ConstCounter::new(*count))
        });
        let family = Family("logins", None, "Logins by password and API key");
        write(encoder, family, logins)?;
        let state = service.state();
        let gauges = [
            (
                "sessions",
                "Sessions of browsers that this process has begun",
                Some(state.live_sessions()),
            ),
            ("api_keys", "API keys in the store", state.api_keys()),
            (
                "login_store_failing",
                "1 while the store of keys and ended logins does not answer",
                Some(u64::from(state.is_store_failing())),
            ),
        ];
        for (name, help, value) in gauges {
            let value = value.into_iter();
            let value = value.map(|value| (Vec::new(), ConstGauge::new(value)));
            write(encoder, Family(name, None, help), value)?;
        }
        let Some(directory) = login.directory() else {
            return Ok(());
        };
        let asked = directory.asked();
        let requests = [
            ("answered", asked.answered),
            ("outage", asked.outages),
            ("skipped", asked.skipped),
        ];
        let requests =
            requests.map(|(outcome, count)| (vec![("outcome", outcome)], ConstCounter::new(count)));
        let family = Family("directory_requests", None, "Requests to the directory");
        write(encoder, family, requests.into_iter())?;
        let family = Family(
            "directory",
            Some(Unit::Seconds),
            "Time of all requests to the directory together",
        );
        let time = [(Vec::new(), ConstCounter::new(asked.time.as_secs_f64()))];
        write(encoder, family, time.into_iter())?;
        let family = Family(
            "directory_connections",
            None,
            "Connections to the directory that were opened",
        );
        let opened = [(Vec::new(), ConstCounter::new(asked.connections))];
        write(encoder, family, opened.into_iter())?;
        let family = Family(
            "directory_circuit_open",
            None,
            "1 while the directory is not asked, since it has just not answered",
        );
        let open = [(Vec::new(), ConstGauge::new(u32::from(asked.is_open)))];
        write(encoder, family, open.into_iter())
    }

    fn envoys(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let feeds = || {
            let labels = |envoy, set| vec![("envoy", envoy), ("set", set)];
            self.state
                .feeds
                .iter()
                .map(move |((envoy, set), feed)| (labels(&**envoy, &**set), feed))
        };
        let up =
            feeds().map(|(labels, feed)| (labels, ConstGauge::new(u32::from(feed.held.is_some()))));
        write(
            encoder,
            Family("envoy_up", None, "1 when the intake responds, 0 otherwise"),
            up,
        )?;
        let held = feeds().filter_map(|(labels, feed)| Some((labels, ConstGauge::new(feed.held?))));
        write(
            encoder,
            Family(
                "envoy_generation",
                None,
                "Generation that the intake holds, 0 for none",
            ),
            held,
        )?;
        let pushes = feeds().flat_map(|(labels, feed)| {
            let pushes = feed.pushes.iter();
            pushes.map(move |(outcome, count)| {
                (with(&labels, "outcome", outcome), ConstCounter::new(*count))
            })
        });
        write(
            encoder,
            Family("pushes", None, "Pushes to the intake by outcome"),
            pushes,
        )
    }
}

impl Snapshot {
    fn names(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let names = || {
            let names = self.state.names.iter();
            names.map(|(name, state)| (vec![("name", &**name)], state))
        };
        let intakes = names().map(|(labels, name)| (labels, ConstGauge::new(name.intakes)));
        write(
            encoder,
            Family(
                "name_intakes",
                None,
                "Intakes that are known by the name, 0 when none was found",
            ),
            intakes,
        )?;
        let resolutions = names().flat_map(|(labels, name)| {
            [(SUCCESS, name.resolved), ("failure", name.failed)].map(|(outcome, count)| {
                (with(&labels, "outcome", outcome), ConstCounter::new(count))
            })
        });
        write(
            encoder,
            Family("resolutions", None, "Resolutions of the name by outcome"),
            resolutions,
        )
    }
}

fn with<'a>(
    labels: &[(&'static str, &'a str)],
    name: &'static str,
    value: &'a str,
) -> Vec<(&'static str, &'a str)> {
    labels.iter().copied().chain([(name, value)]).collect()
}

fn write<'a, M: EncodeMetric + TypedMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    Family(name, unit, help): Family,
    samples: impl Iterator<Item = Sample<'a, M>>,
) -> fmt::Result {
    let kind: MetricType = M::TYPE;
    let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), kind)?;
    for (labels, metric) in samples {
        metric.encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::source::Failure;
    use crate::status::Status;

    #[test]
    fn each_part_of_the_state_has_its_sample() {
        let (status, start) = (Status::default(), Instant::now());
        let set = "oidc:https://i.example/\"\\\n".into();
        status.source(&set).update(|source| {
            source.succeeded = 3;
            source.failed = [(Failure::Timeout, 2)].into();
            source.last_success = Some(start);
            (source.keys, source.skipped, source.generation) = (4, 1, Some(u64::MAX));
        });
        status.source(&"secret:us-east-1/a".into());
        let feed = status.feed("unix:/run/intake.sock", &set);
        feed.pushed("stored");
        feed.update(|feed| feed.held = Some(7));
        let other = status.feed("http://127.0.0.1:9902", &set);
        other.pushed("refused");
        status.name("dns+http://intakes:9902").update(|name| {
            (name.resolved, name.failed, name.intakes) = (5, 2, 3);
        });
        let text = text(status.now(), start + Duration::from_millis(1500)).unwrap();
        let set = r#"set="oidc:https://i.example/\"\\\n""#;
        let expected = [
            "ready 0".to_owned(),
            format!("source_age_seconds{{{set}}} 1.5"),
            format!("source_keys{{{set}}} 4"),
            r#"source_keys{set="secret:us-east-1/a"} 0"#.to_owned(),
            format!("source_skipped_entries{{{set}}} 1"),
            format!("source_generation{{{set}}} {}", u64::MAX),
            format!("fetches_total{{{set},outcome=\"success\"}} 3"),
            format!("fetches_total{{{set},outcome=\"timeout\"}} 2"),
            r#"fetches_total{set="secret:us-east-1/a",outcome="success"} 0"#.to_owned(),
            format!("envoy_up{{envoy=\"unix:/run/intake.sock\",{set}}} 1"),
            format!("envoy_up{{envoy=\"http://127.0.0.1:9902\",{set}}} 0"),
            format!("envoy_generation{{envoy=\"unix:/run/intake.sock\",{set}}} 7"),
            format!("pushes_total{{envoy=\"unix:/run/intake.sock\",{set},outcome=\"stored\"}} 1"),
            format!("pushes_total{{envoy=\"http://127.0.0.1:9902\",{set},outcome=\"refused\"}} 1"),
            r#"name_intakes{name="dns+http://intakes:9902"} 3"#.to_owned(),
            r#"resolutions_total{name="dns+http://intakes:9902",outcome="success"} 5"#.to_owned(),
            r#"resolutions_total{name="dns+http://intakes:9902",outcome="failure"} 2"#.to_owned(),
        ];
        for line in expected {
            let line = format!("registry_auth_shim_{line}\n");
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
        drop((feed, other));
        let later = super::text(status.now(), start).unwrap();
        assert!(!later.contains("envoy=\""), "{later}");
        assert!(
            !text.contains("age_seconds{set=\"bearer\"}") && text.ends_with("# EOF\n"),
            "{text}"
        );
    }
}
