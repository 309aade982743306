//! `registry-auth explain`: says what a request gets, and why.

mod caller;
mod certificate;
mod fetch;
mod sealed;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use registry_auth_engine::engine::{Simulated, Situation};
use registry_auth_engine::json::escaped;
use registry_auth_engine::time::UnixTime;
use registry_auth_policy::case::Case;
use registry_auth_policy::words::Wish;
use registry_auth_policy::{plain, show};
use serde_json::{Map, Value, json};

use crate::clock::wall_clock;
use crate::configuration::Configuration;
use crate::{check, policy};
use caller::Known;

/// The exit status of a request that is refused.
const REFUSED: u8 = 3;

/// Says what a request gets, and why
///
/// WORDS are `pull team/app:v1`, `push`, `overwrite`, `delete`, `list` or `mount team/app from
/// team/base`, `catalog`, or a request such as `GET /v2/team/app/tags/list`. The exit status is 0 if
/// it is allowed, 3 if it is refused, 1 if something cannot be read, 2 for other arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The configuration, JSON or YAML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    who: Who,
    /// The keys of the token's issuer, a JWKS: its signature is checked with them
    #[arg(long, value_name = "FILE", requires = "token_file", conflicts_with_all = OTHERS)]
    jwks: Option<PathBuf>,
    /// Fetch the keys of the token's issuer as the configuration says, and check its signature
    #[arg(long, requires = "token_file", conflicts_with = "jwks", conflicts_with_all = OTHERS)]
    fetch: bool,
    /// Groups of the user
    #[arg(long = "group", value_name = "GROUP", requires = "user")]
    groups: Vec<String>,
    /// The issuer of the claims; `iss` of the file if absent
    #[arg(long, value_name = "URL", requires = "claims")]
    issuer: Option<String>,
    /// Whether a tag that is pushed exists; both are needed if absent
    #[arg(long, value_name = "YES|NO")]
    tag_exists: Option<YesNo>,
    /// When it happens, in seconds since 1970; now if absent
    #[arg(long, value_name = "SECONDS")]
    at: Option<i64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// What is done
    #[arg(
        value_name = "WORDS",
        required_unless_present = "trace",
        conflicts_with = "trace"
    )]
    words: Vec<String>,
}

/// Callers without a token, for whom there is no signature to check: clap does not insist on
/// `requires` where another member of the group is there.
const OTHERS: [&str; 5] = ["claims", "user", "cert", "anonymous", "trace"];

/// Who does it.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Who {
    /// The file of a token, `-` for standard input; its signature is checked with --jwks or --fetch
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The file of a token's claims, as a JSON object
    #[arg(long, value_name = "FILE")]
    claims: Option<PathBuf>,
    /// A user name, of a login or of a client certificate
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The PEM file of a client certificate, which `http.auth.mtls` makes a user of
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// Nobody
    #[arg(long)]
    anonymous: bool,
    /// The record that a client was given with a refusal (`detail.trace`), or all that it has
    /// printed, `-` for standard input: opened with the push key of the configuration
    #[arg(long, value_name = "TEXT")]
    trace: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum YesNo {
    Yes,
    No,
}

/// Runs the command.
///
/// # Errors
/// A file cannot be read, or the words mean nothing.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let configuration = Configuration::read_to_ask(&arguments.config)?;
    // A promise of its tests that does not hold is no reason: it may be what is asked about.
    let document = configuration.document();
    let (Some(document), Some(engine)) = (document, document.and_then(policy::engine)) else {
        check::print(&configuration);
        bail!("the configuration has errors: nothing can be explained by it");
    };
    if let Some(text) = &arguments.who.trace {
        print_record(&sealed::read(text, document)?, arguments.json);
        return Ok(ExitCode::from(REFUSED));
    }
    let wish = Wish::read(&arguments.words.join(" "))?;
    let now = arguments.at.map_or_else(wall_clock, UnixTime::from_secs);
    let tags_exist = arguments.tag_exists.map(|answer| answer == YesNo::Yes);
    let situation = Situation { now, tags_exist };
    let known = Known::read(
        arguments,
        configuration.written().unwrap_or(document),
        &engine,
    )?;
    let caller = known.caller();
    let case = Case::by(&engine, caller, &wish, situation);
    let case = case.with_nearest(
        (&engine, document),
        (caller, known.claims()),
        &wish,
        situation,
    );
    let case = case.with_hidden(&engine);
    print(&case, &known.notes, arguments.json);
    Ok(if case.is_granted() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(REFUSED)
    })
}

#[expect(
    clippy::print_stdout,
    reason = "the explanation is what the command is asked for"
)]
fn print(case: &Case, notes: &[String], json: bool) {
    if json {
        println!("{}", escaped(format!("{:#}", as_json(case, notes))));
        return;
    }
    print!("{}", show::text(case));
    for note in notes {
        println!("{}", plain::line(note));
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the record is what the command is asked for"
)]
fn print_record(record: &Map<String, Value>, json: bool) {
    if json {
        println!("{}", escaped(format!("{:#}", Value::from(record.clone()))));
    } else {
        print!("{}", sealed::text(record));
    }
}

fn as_json(case: &Case, notes: &[String]) -> Value {
    let requests = case.reports.iter().map(|(asked, report)| {
        json!({
            "request": asked.to_string(),
            "granted": report.outcome.is_granted(),
            "outcome": show::outcome(report),
            "steps": report.steps,
        })
    });
    let refused = case
        .stops_at()
        .and_then(|(_, report)| match report.outcome {
            Simulated::Refused(reason, _) => Some(reason.descriptor()),
            _ => None,
        });
    json!({
        "words": case.words,
        "granted": case.is_granted(),
        "status": refused.map(|descriptor| descriptor.status),
        "reason": refused.map(|descriptor| descriptor.label),
        "message": case.message(),
        "nearest": case.nearest,
        "notes": notes,
        "requests": requests.collect::<Vec<_>>(),
    })
}
