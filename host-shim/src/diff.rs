//! `registry-auth diff`: says what a new policy gives and takes, and what it would have done to the
//! requests of a log.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use registry_auth_engine::config::raw::Document;
use registry_auth_engine::engine::Engine;
use registry_auth_policy::diff::settings::{Setting, settings};
use registry_auth_policy::diff::{self, Difference, Kind, Side, show};
use registry_auth_policy::replay::{Group, Replay, Report};
use serde_json::{Value, json};

use crate::configuration::Configuration;
use crate::{check, policy};

/// The longest line of a log, in bytes.
const LINE: u64 = 256 << 10;

/// Says what a new configuration gives and takes, compared with an old one
///
/// Each difference has an example about which the two decide differently. Conditions and claim
/// mappings are not compared: --replay shows what they do. The exit status is 1 if --fail-on says
/// so or something cannot be read, 2 for other arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The old configuration, JSON or YAML
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The new configuration, JSON or YAML
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Decide the requests of this log with both, `-` for standard input: lines of JSON with the
    /// records of decisions
    #[arg(long, value_name = "LOG")]
    replay: Option<PathBuf>,
    /// Fail if something is added, removed, or either; what is not compared or not known counts
    #[arg(long, value_name = "WHAT")]
    fail_on: Option<FailOn>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FailOn {
    Added,
    Removed,
    Any,
}

/// What has been found.
struct Found {
    differences: Vec<Difference>,
    settings: Vec<Setting>,
    report: Option<Report>,
}

/// Runs the command.
///
/// # Errors
/// A file cannot be read, or the policies cannot be compared.
#[expect(
    clippy::print_stdout,
    reason = "the differences are what the command is asked for"
)]
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (old, new) = (Read::of(&arguments.old)?, Read::of(&arguments.new)?);
    let (old, new) = (old.side()?, new.side()?);
    let found = Found {
        differences: diff::compare(old, new)?,
        settings: settings(old, new),
        report: match &arguments.replay {
            Some(log) => Some(replay(log, old, new)?),
            None => None,
        },
    };
    if arguments.json {
        println!("{:#}", found.json());
    } else {
        print!("{}", found.text());
    }
    let fails = arguments.fail_on.is_some_and(|what| found.fails(what));
    Ok(if fails {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// A configuration that was read.
struct Read {
    configuration: Configuration,
    engine: Engine,
}

impl Read {
    fn of(path: &Path) -> anyhow::Result<Self> {
        let configuration = Configuration::read_to_ask(path)?;
        // A promise of its tests that does not hold is no reason: that is what `test` is for.
        let Some(engine) = configuration.document().and_then(policy::engine) else {
            check::print(&configuration);
            bail!("`{}` has errors: it cannot be compared", path.display());
        };
        Ok(Self {
            configuration,
            engine,
        })
    }

    fn side(&self) -> anyhow::Result<Side<'_>> {
        let document: Option<&Document> = self.configuration.document();
        Ok(Side {
            engine: &self.engine,
            document: document.context("the configuration is that of an intake")?,
            written: self.configuration.value().unwrap_or(&Value::Null),
        })
    }
}

fn replay(log: &Path, old: Side<'_>, new: Side<'_>) -> anyhow::Result<Report> {
    let mut replay = Replay::of(old, new);
    let name = log.display();
    if log == Path::new("-") {
        lines(std::io::stdin().lock(), &mut replay)?;
    } else {
        let file = File::open(log).with_context(|| format!("cannot read `{name}`"))?;
        ensure!(
            !file.metadata()?.is_dir(),
            "`{name}` is a folder: give a file of lines of JSON"
        );
        lines(BufReader::new(file), &mut replay)
            .with_context(|| format!("cannot read `{name}`"))?;
    }
    Ok(replay.finish())
}

/// Reads lines. Of one that is too long nothing is kept.
fn lines(mut log: impl BufRead, replay: &mut Replay<'_>) -> std::io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = log.by_ref().take(LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        if line.ends_with(b"\n") || u64::try_from(read).is_ok_and(|read| read < LINE) {
            replay.line(&line);
            continue;
        }
        log.skip_until(b'\n')?;
        replay.long_line();
    }
}

impl Found {
    fn fails(&self, what: FailOn) -> bool {
        let has = |may: fn(Kind) -> bool| {
            self.differences
                .iter()
                .any(|difference| may(difference.kind))
        };
        // What is not compared may be either.
        let is_open = !self.settings.is_empty()
            || self
                .report
                .as_ref()
                .is_some_and(|report| report.undecidable() > 0);
        let counts = self.report.as_ref();
        let allowed = counts.is_some_and(|report| report.newly_allowed > 0);
        let refused = counts.is_some_and(|report| report.newly_refused > 0);
        let (added, removed) = (has(Kind::adds) || allowed, has(Kind::removes) || refused);
        is_open
            || match what {
                FailOn::Added => added,
                FailOn::Removed => removed,
                FailOn::Any => added || removed,
            }
    }

    fn text(&self) -> String {
        let mut text = show::text(&self.differences, &self.settings);
        if text.is_empty() {
            text.push_str("no differences\n");
        }
        if let Some(report) = &self.report {
            text.push_str(&report.to_string());
        }
        text
    }

    fn json(&self) -> Value {
        let differences: Vec<_> = self.differences.iter().map(difference).collect();
        let settings = self.settings.iter();
        let settings =
            settings.map(|setting| json!({ "place": setting.place, "what": setting.what }));
        json!({
            "differences": differences,
            "settings": settings.collect::<Vec<_>>(),
            "replay": self.report.as_ref().map(as_json),
        })
    }
}

fn difference(difference: &Difference) -> Value {
    let actions: Vec<_> = difference
        .actions
        .iter()
        .map(|action| action.name())
        .collect();
    let witness = difference.witness.as_ref().map(|witness| {
        json!({
            "user": witness.user,
            "groups": witness.groups,
            "action": witness.action.name(),
            "repository": witness.repository,
        })
    });
    json!({
        "kind": difference.kind.name(),
        "mayAdd": difference.kind.adds(),
        "mayRemove": difference.kind.removes(),
        "who": difference.who.to_string(),
        "actions": actions,
        "pattern": difference.pattern,
        "because": difference.because,
        "conditions": difference.conditions,
        "witness": witness,
    })
}

fn as_json(report: &Report) -> Value {
    let groups = report.groups.iter().map(|(group, count)| {
        let Group {
            is_allowed,
            user,
            action,
            pattern,
        } = group;
        json!({
            "decision": if *is_allowed { "newlyAllowed" } else { "newlyRefused" },
            "user": user,
            "action": action,
            "pattern": pattern,
            "count": count.count,
            "lastId": count.last_id,
        })
    });
    json!({
        "requests": report.requests,
        "same": report.same,
        "newlyRefused": report.newly_refused,
        "newlyAllowed": report.newly_allowed,
        "undecidable": report.undecidable,
        "linesWithoutRecord": report.foreign,
        "recordsRepeated": report.repeated,
        "decidedOtherwise": report.otherwise,
        "groups": groups.collect::<Vec<_>>(),
        "unused": report.unused,
    })
}
