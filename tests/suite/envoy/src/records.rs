//! Records of decisions: rows of `tests/scenarios` once more, with `log.decisions`. No answer is
//! another, and for each there is a record in the access log and in the log, with what the client
//! gets to know.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context as _, Result, ensure};
use registry_auth_cases::Outcome;
use registry_auth_engine::reason::{Challenge, Reason};
use registry_auth_engine::record::MAX_RECORD;
use registry_auth_harness::client::{Request, Response};
use registry_auth_harness::expect;
use registry_auth_harness::module;
use registry_auth_harness::real::RealEnvoy;
use registry_auth_harness::scenario::{Config, Scenarios};
use registry_auth_harness::substrate::{Substrate, run};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::dynamic;

/// The files whose rows lead to each reason. All of them are in [`crate::scenarios`]; they would need
/// some hundred listeners once more.
const FILES: [&str; 12] = [
    "catalog",
    "credentials",
    "edits",
    "login",
    "mtls",
    "paths",
    "pushes",
    "records",
    "smoke",
    "token_endpoint",
    "tokens",
    "upstream",
];
/// How long the last lines of a log may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Reasons that no single request leads to: other tests have them.
const NOT_HERE: [Reason; 2] = [Reason::TooManyWaiting, Reason::NotReady];

/// The real Envoy, with records of all decisions.
struct Recording {
    real: RealEnvoy,
    /// What the filter has answered, with the method.
    answers: Vec<(String, Response)>,
    forwarded: usize,
}

impl Substrate for Recording {
    fn serve(&mut self, config: &Config) -> Result<usize> {
        let mut config = config.clone();
        if let Some(plugin) = config.plugin.as_object_mut() {
            let log = plugin.entry("log").or_insert_with(|| json!({}));
            let log = log.as_object_mut().context("`log` is an object")?;
            log.insert("level".to_owned(), json!("debug"));
            let decisions = log.entry("decisions").or_insert_with(|| json!({}));
            decisions
                .as_object_mut()
                .context("`decisions` is an object")?
                .insert("allow".to_owned(), json!(1));
        }
        self.real.serve(&config)
    }

    fn start(&mut self) -> Result<()> {
        self.real.start()
    }

    fn send(&mut self, config: usize, request: &Request) -> Result<expect::Outcome> {
        let outcome = self.real.send(config, request)?;
        match &outcome {
            expect::Outcome::Answered(response) => {
                let answer = (request.method.clone(), response.clone());
                self.answers.push(answer);
            }
            expect::Outcome::Forwarded { .. } => self.forwarded += 1,
        }
        Ok(outcome)
    }
}

/// A line of the access log.
struct Line {
    id: String,
    details: String,
    record: Map<String, Value>,
}

#[test]
fn each_decision_in_envoy_has_a_record_and_no_answer_changes_by_it() -> Outcome {
    play()?;
    Ok(())
}

fn play() -> Result<()> {
    let folder = TempDir::with_prefix("registry-auth-records-")?;
    let file = folder.path().join("access.log");
    let mut recording = Recording {
        real: RealEnvoy::new(module::path()?)?.logging(file.clone()),
        answers: Vec::new(),
        forwarded: 0,
    };
    let mut files = Scenarios::all()?;
    files.retain(|file| FILES.contains(&file.name.as_str()));
    ensure!(files.len() == FILES.len(), "a file is missing");
    if module::is_native() {
        dynamic::without_whole_certificates(&mut files)?;
    }
    run(&mut recording, &files)?;
    let lines = lines(&file, recording.answers.len() + recording.forwarded)?;
    let known = fields_of_the_page()?;
    let mut reasons = BTreeSet::new();
    for line in lines.values() {
        let record = &line.record;
        let unknown = record.keys().find(|name| !known.contains(*name));
        ensure!(
            unknown.is_none(),
            "docs/record.md has no {unknown:?}: {record:?}"
        );
        ensure!(record.get("id") == Some(&json!(line.id)), "{record:?}");
        let decision = text(record, "decision");
        let reason = text(record, "reason");
        let expected = match decision {
            "allow" => continue,
            "challenge" => "no_credential",
            "deny" | "answer" => reason,
            other => anyhow::bail!("{other}: {record:?}"),
        };
        ensure!(reason == expected && !reason.is_empty(), "{record:?}");
        let details = format!("registry_auth{{{reason}}}");
        ensure!(line.details == details, "{} {record:?}", line.details);
        if decision != "answer" {
            reasons.insert(reason.to_owned());
        }
    }
    for (method, answer) in &recording.answers {
        check_answer(method, answer, &lines)?;
    }
    check_log(&recording.real.envoy()?.log(), &lines)?;
    let missing: Vec<_> = Reason::ALL
        .iter()
        .filter(|reason| !NOT_HERE.contains(reason))
        .map(|reason| reason.descriptor().label)
        .filter(|label| !reasons.contains(*label))
        .collect();
    ensure!(missing.is_empty(), "no row leads to {missing:?}");
    Ok(())
}

/// The lines of the access log by the id of their request, once there are this many; without those
/// that Envoy has answered before the filter.
fn lines(file: &PathBuf, count: usize) -> Result<BTreeMap<String, Line>> {
    let deadline = Instant::now() + PATIENCE;
    let log = loop {
        let log = fs::read_to_string(file).unwrap_or_default();
        if log.lines().count() >= count {
            break log;
        }
        let found = log.lines().count();
        ensure!(Instant::now() < deadline, "{found} of {count} lines");
        thread::sleep(Duration::from_millis(20));
    };
    let mut lines = BTreeMap::new();
    for line in log.lines() {
        let parsed: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        let Some(record) = parsed.get("registry_auth").and_then(Value::as_str) else {
            let details = parsed.get("details").and_then(Value::as_str);
            let is_ours = details.is_some_and(|details| details.starts_with("registry_auth"));
            ensure!(!is_ours, "an answer of ours has no record: {line}");
            continue;
        };
        ensure!(
            record.len() <= MAX_RECORD,
            "{} bytes: {record}",
            record.len()
        );
        let of = |name: &str| {
            let value = parsed.get(name).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        let record = serde_json::from_str(record).with_context(|| record.to_owned())?;
        let line = Line {
            id: of("id"),
            details: of("details"),
            record,
        };
        lines.insert(line.id.clone(), line);
    }
    Ok(lines)
}

/// What the client gets is what is recorded under the id that it gets.
fn check_answer(method: &str, answer: &Response, lines: &BTreeMap<String, Line>) -> Result<()> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Some(id) = body.pointer("/errors/0/detail/id").and_then(Value::as_str) else {
        let is_error = answer.status >= 400 && body.get("errors").is_some();
        ensure!(!is_error, "a refusal without an id: {body}");
        return Ok(());
    };
    ensure!(method != "HEAD", "a HEAD with a body");
    let line = lines
        .get(id)
        .with_context(|| format!("no record of {id}"))?;
    let record = &line.record;
    let said = body.pointer("/errors/0/detail/reason");
    ensure!(said == record.get("detail"), "{body} {record:?}");
    let status = record.get("status").and_then(Value::as_u64);
    ensure!(status == Some(answer.status.into()), "{record:?}");
    let reason = Reason::ALL.iter();
    let mut reason = reason.map(|reason| reason.descriptor());
    let reason = reason.find(|reason| reason.label == text(record, "reason"));
    let challenge = reason.context("no reason")?.challenge;
    let described = answer
        .header("www-authenticate")
        .is_some_and(|challenge| challenge.contains(",error_description=\""));
    let is_bearer = answer
        .header("www-authenticate")
        .is_some_and(|challenge| challenge.starts_with("Bearer "));
    let has_error = matches!(
        challenge,
        Challenge::InvalidToken | Challenge::InsufficientScope
    );
    ensure!(
        described == (said.is_some() && is_bearer && has_error),
        "{:?} {record:?}",
        answer.header("www-authenticate")
    );
    Ok(())
}

/// Each record is in the log too, as it is in the access log.
fn check_log(log: &str, lines: &BTreeMap<String, Line>) -> Result<()> {
    let mut logged = BTreeMap::new();
    for line in log.lines().filter(|line| line.contains("\"decision\":")) {
        let (_, record) = line
            .split_once(": {")
            .or_else(|| line.split_once("[:] {"))
            .context("no record")?;
        let record = format!("{{{record}");
        let record: Map<String, Value> = serde_json::from_str(&record).context(record)?;
        logged.insert(text(&record, "id").to_owned(), record);
    }
    // Envoy is started with the level `info`, which challenges are below.
    let is_logged = |line: &&Line| text(&line.record, "decision") != "challenge";
    for line in lines.values().filter(is_logged) {
        let found = logged.get(&line.id);
        ensure!(found == Some(&line.record), "{found:?} {:?}", line.record);
    }
    Ok(())
}

fn text<'a>(record: &'a Map<String, Value>, name: &str) -> &'a str {
    record.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The fields that the page has a row for.
fn fields_of_the_page() -> Result<BTreeSet<String>> {
    let page = fs::read_to_string(module::workspace().join("docs/record.md"))?;
    let (_, fields) = page.split_once("## Fields").context("no fields")?;
    let (fields, _) = fields.split_once("\n## ").context("no end")?;
    let rows = fields.lines().filter_map(|line| line.strip_prefix("| `"));
    let names = rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned()));
    Ok(names.collect())
}
