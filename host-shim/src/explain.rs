//! `registry-auth explain`: says what a request gets, and why.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use registry_auth_engine::authn::token::UnverifiedToken;
use registry_auth_engine::engine::Principal;
use registry_auth_engine::keys::KeySet;
use registry_auth_engine::time::UnixTime;
use registry_auth_policy::case::Case;
use registry_auth_policy::show;
use registry_auth_policy::words::Wish;
use registry_auth_render::Options;
use serde_json::{Map, Value, json};

use crate::clock::wall_clock;
use crate::configuration::{Configuration, View};
use crate::{check, policy};

/// The longest file of claims or of a token, in bytes.
const MAX_FILE: u64 = 1 << 20;
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
    #[arg(long, value_name = "FILE", requires = "token_file")]
    jwks: Option<PathBuf>,
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
    #[arg(value_name = "WORDS", required = true)]
    words: Vec<String>,
}

/// Who does it.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Who {
    /// The file of a token, `-` for standard input; its signature is checked with --jwks alone
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The file of a token's claims, as a JSON object
    #[arg(long, value_name = "FILE")]
    claims: Option<PathBuf>,
    /// A user name, of a login or of a client certificate
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Nobody
    #[arg(long)]
    anonymous: bool,
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
    let wish = Wish::read(&arguments.words.join(" "))?;
    let options = Options {
        check_files: true,
        ..Options::default()
    };
    let configuration = Configuration::read(&arguments.config, View::Proxy(&options))?;
    // A promise of its tests that does not hold is no reason: it may be what is asked about.
    let engine = configuration.document().and_then(policy::engine);
    let Some(engine) = engine else {
        check::print(&configuration);
        bail!("the configuration has errors: nothing can be explained by it");
    };
    let now = arguments.at.map_or_else(wall_clock, UnixTime::from_secs);
    let tags_exist = arguments.tag_exists.map(|answer| answer == YesNo::Yes);
    let case = if let (Some(token), Some(jwks)) = (&arguments.who.token_file, &arguments.jwks) {
        let (token, keys) = (read(token)?, keys(jwks)?);
        Case::of_token(&engine, (bare(&token), &keys), &wish, now, tags_exist)
    } else {
        let principal = arguments.principal()?;
        Case::of(&engine, &principal, &wish, now, tags_exist)
    };
    let case = case.with_hidden(&engine);
    print(&case, arguments);
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
fn print(case: &Case, arguments: &Arguments) {
    if arguments.json {
        println!("{:#}", as_json(case));
        return;
    }
    print!("{}", show::text(case));
    if arguments.who.token_file.is_some() && arguments.jwks.is_none() {
        println!("the signature of the token was not checked");
    }
}

fn as_json(case: &Case) -> Value {
    let requests = case.reports.iter().map(|(asked, report)| {
        json!({
            "request": asked.to_string(),
            "granted": report.outcome.is_granted(),
            "outcome": show::outcome(&report.outcome),
            "steps": report.steps,
        })
    });
    json!({
        "words": case.words,
        "granted": case.is_granted(),
        "message": case.message(),
        "requests": requests.collect::<Vec<_>>(),
    })
}

impl Arguments {
    fn principal(&self) -> anyhow::Result<Principal> {
        let who = &self.who;
        if let Some(name) = &who.user {
            return Ok(Principal::User {
                name: name.clone(),
                groups: self.groups.clone(),
            });
        }
        let claims = match (&who.token_file, &who.claims) {
            (Some(path), _) => claims_of_token(&read(path)?)
                .with_context(|| format!("`{}` holds no token", path.display()))?,
            (None, Some(path)) => serde_json::from_str(&read(path)?)
                .with_context(|| format!("`{}` is no JSON object of claims", path.display()))?,
            (None, None) => return Ok(Principal::Anonymous),
        };
        let named = claims.get("iss").and_then(Value::as_str);
        let issuer = self.issuer.as_deref().or(named);
        let issuer = issuer.context("the claims have no `iss`: add it, or give --issuer URL")?;
        Ok(Principal::Claims {
            issuer: issuer.to_owned(),
            claims,
        })
    }
}

/// The claims that a token has, whoever has signed it. No error holds a part of it.
fn claims_of_token(text: &str) -> anyhow::Result<Map<String, Value>> {
    let token = UnverifiedToken::parse(bare(text))?;
    Ok(token.claims_unverified().as_map().clone())
}

/// A token without blanks and the scheme, which a file may have.
fn bare(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix("Bearer ").unwrap_or(text)
}

/// The keys of a JWKS (RFC 7517 section 5).
fn keys(path: &Path) -> anyhow::Result<KeySet> {
    let name = path.display();
    let set: Value = serde_json::from_str(&read(path)?)
        .with_context(|| format!("`{name}` is no JWKS: it is not JSON"))?;
    let set = KeySet::from_jwks_value(&set).with_context(|| format!("`{name}` is no JWKS"))?;
    ensure!(!set.keys.is_empty(), "`{name}` holds no usable key");
    Ok(set.keys)
}

fn read(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let name = path.display();
    if path == Path::new("-") {
        let input = std::io::stdin().lock();
        input.take(MAX_FILE).read_to_string(&mut text)?;
    } else {
        let file = std::fs::File::open(path).with_context(|| format!("cannot read `{name}`"))?;
        ensure!(file.metadata()?.is_file(), "`{name}` is no file");
        file.take(MAX_FILE)
            .read_to_string(&mut text)
            .with_context(|| format!("cannot read `{name}`"))?;
    }
    Ok(text)
}
