//! What somebody gets who does something.

use registry_auth_engine::UnixTime;
use registry_auth_engine::config::raw::Document;
use registry_auth_engine::engine::{Engine, Report, Simulated, Situation};
use registry_auth_engine::reply::Reply;
use registry_auth_engine::trace::Step;
use registry_auth_policy::case::Case;
use registry_auth_policy::show;
use registry_auth_policy::words::Wish;
use serde::{Deserialize, Serialize};

use crate::places::Places;
use crate::steps::{self, Shown};
use crate::who::{Signature, Who};

/// The longest words, in bytes.
const MAX_WORDS: usize = 8 << 10;

/// Who does what.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Question {
    /// Who.
    pub(crate) who: Who,
    /// What: `push team/app:v1`, or a request.
    pub(crate) words: String,
    /// Whether tags that are pushed exist; absent if the registry does not say.
    #[serde(default)]
    pub(crate) tag_exists: Option<bool>,
    /// When, in seconds since 1970.
    pub(crate) now: i64,
    /// Whether the smallest changes are looked for with which it would be allowed.
    #[serde(default)]
    pub(crate) nearest: bool,
}

/// The answer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Decision {
    /// The words.
    pub(crate) words: String,
    /// `allowed`, `refused` or `unknown`.
    pub(crate) verdict: &'static str,
    /// The verdict in a line.
    pub(crate) headline: String,
    /// What is known of the signature of the token.
    pub(crate) signature: Signature,
    /// The user name; empty for the anonymous caller, absent if nobody is known.
    pub(crate) user: Option<String>,
    /// The groups of the user.
    pub(crate) groups: Vec<String>,
    /// Each request of the client.
    pub(crate) requests: Vec<Answered>,
    /// The place in `requests` of the one that decides: the first that is refused, or the last.
    pub(crate) deciding: usize,
    /// The smallest changes with which it would be allowed, if it is refused and they are asked for.
    pub(crate) nearest: Vec<String>,
    /// The same as `registry-auth explain` prints it.
    pub(crate) text: String,
}

/// A request, and what it gets.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answered {
    /// The request.
    pub(crate) request: String,
    /// True if the client gets what it asks for.
    pub(crate) granted: bool,
    /// What it gets, in some words.
    pub(crate) outcome: String,
    /// The reason of a refusal.
    pub(crate) reason: Option<&'static str>,
    /// The status, if the registry is not asked.
    pub(crate) status: Option<u16>,
    /// The header fields of that answer.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body of that answer.
    pub(crate) body: String,
    /// The steps to it.
    pub(crate) steps: Vec<Shown>,
}

/// Decides.
///
/// # Errors
/// The question means nothing: what to write instead.
pub(crate) fn decide(
    engine: &Engine,
    document: &Document,
    places: &Places,
    question: Question,
) -> Result<Decision, String> {
    if question.words.len() > MAX_WORDS {
        return Err(format!(
            "the request has more than {MAX_WORDS} bytes: no client sends that"
        ));
    }
    let wish = Wish::read(&question.words).map_err(|error| error.to_string())?;
    let asker = question.who.read()?;
    let situation = Situation {
        now: UnixTime::from_secs(question.now),
        tags_exist: question.tag_exists,
    };
    let document = Some(document).filter(|_| question.nearest);
    let case = asker.ask(engine, document, &wish, situation);
    Ok(shown(&case, engine, places, asker.signature))
}

/// Shows a case.
#[must_use]
pub(crate) fn shown(
    case: &Case,
    engine: &Engine,
    places: &Places,
    signature: Signature,
) -> Decision {
    let refused = case
        .reports
        .iter()
        .position(|(_, report)| !report.outcome.is_granted());
    let last = case.reports.len().saturating_sub(1);
    let deciding = refused.unwrap_or(last);
    let report = case.reports.get(deciding).map(|(_, report)| report);
    let caller = report.and_then(|report| {
        report.steps.iter().find_map(|step| match step {
            Step::Caller { user, groups } => Some((user.clone(), groups.clone())),
            _ => None,
        })
    });
    let (user, groups) = caller.unzip();
    let text = show::text(case);
    let headline = text.lines().next().unwrap_or_default();
    let headline = headline
        .strip_suffix(&format!("  ({})", case.words))
        .unwrap_or(headline);
    Decision {
        words: case.words.clone(),
        verdict: verdict(report),
        headline: headline.to_owned(),
        signature,
        user,
        groups: groups.unwrap_or_default(),
        requests: case
            .reports
            .iter()
            .map(|(asked, report)| answered(asked.to_string(), report, engine, places))
            .collect(),
        deciding,
        nearest: case.nearest.clone(),
        text,
    }
}

fn verdict(report: Option<&Report>) -> &'static str {
    match report.map(|report| &report.outcome) {
        Some(Simulated::Allowed(_) | Simulated::Answered(_)) => "allowed",
        Some(Simulated::Refused(..)) => "refused",
        Some(Simulated::Unknown(_)) | None => "unknown",
    }
}

fn answered(request: String, report: &Report, engine: &Engine, places: &Places) -> Answered {
    let reason = match &report.outcome {
        Simulated::Refused(reason, _) => Some(reason.descriptor().label),
        _ => None,
    };
    let reply = report.reply.as_ref();
    Answered {
        request,
        granted: report.outcome.is_granted(),
        outcome: show::outcome(report),
        reason,
        status: reply.map(|reply| reply.status),
        headers: reply.map(|reply| reply.headers.clone()).unwrap_or_default(),
        body: reply.map(body).unwrap_or_default(),
        steps: steps::shown(&report.steps, engine, places),
    }
}

fn body(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}
