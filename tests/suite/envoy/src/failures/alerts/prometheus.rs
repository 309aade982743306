//! Prometheus with the shipped rules, in which a minute is a second.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::program::{Program, free_address, tool};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::failures::proxy::PATIENCE;

/// The rules that operators get.
pub(super) const RULES: &str = "envoy/observability/alerts.yaml";
/// How often it scrapes, and evaluates the rules.
const INTERVAL: &str = "500ms";
/// An age in seconds that is no duration of the rules, and the one in its place.
const AGE: [&str; 2] = ["_age_seconds) > 3600\n", "_age_seconds) > 6\n"];

/// What is scraped: the job, the page, and where it is.
pub(super) type Target = (&'static str, &'static str, Vec<SocketAddr>);

/// A running Prometheus.
pub(super) struct Prometheus {
    address: SocketAddr,
    _kept: (Program, TempDir),
}

/// An alert that is pending or firing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alert {
    /// The name of its rule.
    pub(super) name: String,
    labels: String,
    since: String,
    /// It is no longer pending.
    pub(super) is_firing: bool,
}

impl Alert {
    fn read(alert: &Value) -> Option<Self> {
        let labels = alert.get("labels")?;
        Some(Self {
            name: labels.get("alertname")?.as_str()?.to_owned(),
            labels: labels.to_string(),
            since: alert.get("activeAt")?.as_str()?.to_owned(),
            is_firing: alert.get("state")? == "firing",
        })
    }

    /// Returns true if its labels have all of these texts.
    pub(super) fn is_of(&self, labels: &[&str]) -> bool {
        labels.iter().all(|label| self.labels.contains(label))
    }

    /// Which alert it is, whether or not it fires by now.
    pub(super) fn id(&self) -> [String; 3] {
        [self.name.clone(), self.labels.clone(), self.since.clone()]
    }
}

impl Prometheus {
    /// Starts it with the rules.
    pub(super) fn start(rules: &str, targets: &[Target]) -> Result<Self> {
        let folder = TempDir::with_prefix("registry-auth-prometheus-")?;
        ensure!(rules.contains(AGE[0]), "the rules have no `{}`", AGE[0]);
        let rules = shortened(rules).replace(AGE[0], AGE[1]);
        fs::write(folder.path().join("rules.yaml"), rules)?;
        let jobs = targets.iter().map(|(job, path, addresses)| {
            let targets: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            json!({"job_name": job, "metrics_path": path, "static_configs": [{"targets": targets}]})
        });
        // JSON is YAML.
        let configuration = json!({
            "global": {
                "scrape_interval": INTERVAL, "scrape_timeout": INTERVAL, "evaluation_interval": INTERVAL,
            },
            "rule_files": ["rules.yaml"],
            "scrape_configs": jobs.collect::<Vec<_>>(),
        });
        let file = folder.path().join("prometheus.yaml");
        fs::write(&file, configuration.to_string())?;
        let address = free_address()?;
        let mut command = Command::new(tool("bin/prometheus"));
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn");
        let mut program = Program::start("prometheus", &mut command, folder.path())?;
        program.wait(address, "/-/ready")?;
        Ok(Self {
            address,
            _kept: (program, folder),
        })
    }

    /// The alerts that are pending or firing.
    pub(super) fn alerts(&self) -> Result<Vec<Alert>> {
        let answer = self.get("/api/v1/alerts")?;
        let alerts = answer.pointer("/data/alerts").and_then(Value::as_array);
        let alerts = alerts.context("no alerts")?.iter();
        alerts
            .map(|alert| Alert::read(alert).context("an alert is something else"))
            .collect()
    }

    /// How many series a query has now.
    pub(super) fn query(&self, query: &str) -> Result<usize> {
        let answer = self.get(&format!("/api/v1/query?query={}", encoded(query)))?;
        let result = answer.pointer("/data/result").and_then(Value::as_array);
        Ok(result.with_context(|| format!("{query}: {answer}"))?.len())
    }

    fn get(&self, path: &str) -> Result<Value> {
        let answer = client::send(self.address, &Request::new("GET", path), PATIENCE)?;
        serde_json::from_slice(&answer.body).context("Prometheus answers no JSON")
    }
}

/// Rules with a second for each minute of their durations (`[5m]`, `offset 5m`, `for: 10m`).
fn shortened(rules: &str) -> String {
    let is_end = |letter: char| !letter.is_ascii_alphanumeric();
    let mut text = String::new();
    for word in rules.split_inclusive(is_end) {
        let end = word.find(is_end).unwrap_or(word.len());
        let (name, rest) = word.split_at(end);
        let minutes = name
            .strip_suffix('m')
            .and_then(|number| number.parse::<u64>().ok());
        let hours = name
            .strip_suffix('h')
            .and_then(|number| number.parse::<u64>().ok());
        match minutes.or(hours.map(|hours| hours * 60)) {
            Some(seconds) => text.extend([seconds.to_string().as_str(), "s", rest]),
            None => text.push_str(word),
        }
    }
    text
}

/// A text as a part of a query (RFC 3986 section 2.1).
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        if byte.is_ascii_alphanumeric() {
            all.push(char::from(byte));
        } else {
            let _ = write!(all, "%{byte:02X}");
        }
        all
    })
}

#[test]
fn a_minute_is_a_second() {
    let rows = [
        ("for: 10m\n", "for: 10s\n"),
        ("x[1h] offset 5m))", "x[60s] offset 5s))"),
        ("in 30 minutes", "in 30 minutes"),
        ("sum by (m)", "sum by (m)"),
    ];
    for (rules, expected) in rows {
        assert_eq!(shortened(rules), expected);
    }
}
