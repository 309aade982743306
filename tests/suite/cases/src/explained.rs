//! Random policies, claims and requests with what `explain` says of each: the module has to do the
//! same.

mod random;

use anyhow::{Context as _, Result, bail, ensure};
use registry_auth_engine::compile::compile;
use registry_auth_engine::config::{Role, decode_value};
use registry_auth_engine::engine::{Engine, Principal, Simulated, Situation};
use registry_auth_engine::{KeyRing, UnixTime};
use registry_auth_harness::client::Request;
use registry_auth_harness::expect::Outcome;
use registry_auth_harness::scenario::Config;
use registry_auth_policy::case::{Caller, Case};
use registry_auth_policy::show;
use registry_auth_policy::words::Wish;
use serde_json::Value;

use random::{Random, Token};

/// The shortest part of a token that is looked for in what is printed.
const PART: usize = 8;

/// A policy with requests.
pub struct World {
    /// The policy, and what the registry behind it has.
    pub config: Config,
    /// The requests.
    pub rows: Vec<Row>,
}

/// A request, and what `explain` says of it.
pub struct Row {
    /// The request.
    pub request: Request,
    /// The same in words.
    pub words: String,
    /// The token, if it has one.
    pub token: Option<String>,
    /// What the registry says of the tag that is pushed; `None` where it is not asked.
    pub tag_exists: Option<bool>,
    /// What is said.
    pub explained: Explained,
}

/// What is said of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Explained {
    /// It is forwarded.
    Allowed,
    /// The filter answers it.
    Answered,
    /// It is refused, with this status and for this reason.
    Refused(u16, String),
}

impl Explained {
    fn of(outcome: &Simulated) -> Result<Self> {
        Ok(match outcome {
            Simulated::Allowed(_) => Self::Allowed,
            Simulated::Answered(_) => Self::Answered,
            Simulated::Refused(reason, _) => {
                let descriptor = reason.descriptor();
                Self::Refused(descriptor.status, descriptor.label.to_owned())
            }
            Simulated::Unknown(why) => bail!("nothing is known: {why}"),
        })
    }
}

/// Returns policies with requests, the same ones for the same seed.
///
/// # Errors
/// `explain` says nothing, contradicts itself, or prints a part of a token.
pub fn worlds(seed: u64, policies: usize, requests: usize, now: UnixTime) -> Result<Vec<World>> {
    let mut random = Random(seed);
    let mut worlds = Vec::new();
    for _ in 0..policies {
        let config = random.config()?;
        let engine = engine(&config.plugin)?;
        let mut rows = Vec::new();
        for _ in 0..requests {
            rows.push(row(&mut random, &config, &engine, now)?);
        }
        worlds.push(World { config, rows });
    }
    Ok(worlds)
}

fn engine(plugin: &Value) -> Result<Engine> {
    let (role, mut diagnostics) = decode_value(plugin.clone());
    let Role::Filter(document) = role else {
        bail!("{:?}", diagnostics.errors)
    };
    let compiled = compile(&document, &mut diagnostics);
    let compiled = compiled.with_context(|| format!("{:?}", diagnostics.errors))?;
    Ok(compiled.engine)
}

fn row(random: &mut Random, config: &Config, engine: &Engine, now: UnixTime) -> Result<Row> {
    let token = random.token(now)?;
    let (method, path) = random.request();
    let words = format!("{method} {path}");
    let tag_exists = tag_exists(config, &method, &path);
    let situation = Situation {
        now,
        tags_exist: tag_exists,
    };
    let wish = Wish::read(&words)?;
    let keys = KeyRing::of(engine.sources());
    let authorization = token
        .as_ref()
        .map(|token| format!("Bearer {}", token.compact));
    let caller = match &authorization {
        Some(authorization) => Caller::Credential(authorization, &keys),
        None => Caller::Said(&Principal::Anonymous),
    };
    let explained = explain(engine, caller, &wish, situation, token.as_ref())?;
    if let Some(token) = token.as_ref().filter(|token| token.is_signed) {
        let said = Principal::Token {
            claims: token.claims.clone(),
        };
        let by_claims = explain(engine, Caller::Said(&said), &wish, situation, Some(token))?;
        ensure!(
            by_claims == explained,
            "{words}: by the claims {by_claims:?}, by the token {explained:?}"
        );
    }
    let mut request = Request::new(&method, &path);
    if let Some(authorization) = &authorization {
        request = request.header("authorization", authorization);
    }
    Ok(Row {
        request,
        words,
        token: token.map(|token| token.compact),
        tag_exists,
        explained,
    })
}

/// What the registry of a configuration says of the tag that a request pushes.
fn tag_exists(config: &Config, method: &str, path: &str) -> Option<bool> {
    config.plugin.pointer("/proxy/upstreamCluster")?;
    let name = path.strip_prefix("/v2/").filter(|_| method == "PUT")?;
    let (repository, tag) = name.split_once("/manifests/")?;
    Some(
        config
            .registry
            .tags
            .contains(&format!("{repository}:{tag}")),
    )
}

fn explain(
    engine: &Engine,
    caller: Caller<'_>,
    wish: &Wish,
    situation: Situation,
    token: Option<&Token>,
) -> Result<Explained> {
    let case = Case::by(engine, caller, wish, situation).with_hidden(engine);
    let (_, report) = case.reports.first().context("no request")?;
    let printed = format!(
        "{}{}",
        show::text(&case),
        serde_json::to_string(&report.steps)?
    );
    let parts = token.iter().flat_map(|token| token.compact.split('.'));
    for part in parts.filter(|part| part.len() >= PART) {
        ensure!(
            !printed.contains(part),
            "a part of the token is in {printed}"
        );
    }
    Explained::of(&report.outcome)
}

impl Row {
    /// Returns true if the filter logs a refusal of it.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        matches!(self.explained, Explained::Refused(..))
    }

    /// Compares with what a filter did, and the reason that it has logged.
    ///
    /// # Errors
    /// It did something else.
    pub fn check(&self, outcome: &Outcome, reason: Option<&str>) -> Result<()> {
        let became = match outcome {
            Outcome::Forwarded { .. } => Explained::Allowed,
            Outcome::Answered(answer) if answer.status == 200 => Explained::Answered,
            // What asks for a credential is logged at the level debug, which hosts do not show.
            Outcome::Answered(answer) if answer.status == 401 => {
                Explained::Refused(401, reason.unwrap_or("no_credential").to_owned())
            }
            Outcome::Answered(answer) => {
                Explained::Refused(answer.status, reason.unwrap_or_default().to_owned())
            }
        };
        ensure!(
            became == self.explained,
            "{}: explained as {:?}, and became {became:?}",
            self.words,
            self.explained
        );
        Ok(())
    }
}

/// Returns the reasons of refusals in the log of a filter, in order.
#[must_use]
pub fn reasons<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let values = lines.filter_map(|line| {
        let (_, text) = line.split_once("{\"")?;
        serde_json::from_str::<Value>(&format!("{{\"{text}")).ok()
    });
    let refusals = values.filter(|value| value["decision"] == "deny");
    refusals
        .filter_map(|value| Some(value.get("reason")?.as_str()?.to_owned()))
        .collect()
}
