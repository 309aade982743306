//! The expectations of a row, and those for every response.

mod description;

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

use self::description::{DESCRIPTION, check, undescribed};
use crate::client::{Request, Response};
use crate::login;
use crate::upstream::UpstreamRequest;

/// The header field that registries set in every response.
const VERSION: &str = "docker-distribution-api-version";
/// Placeholder in `json` for the credential of the request itself.
const PRESENTED: &str = "${presented}";

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It reached the upstream, which answered with this status.
    Forwarded {
        /// The request as the upstream saw it.
        seen: UpstreamRequest,
        /// Status of the upstream's answer.
        status: u16,
    },
    /// The filter (or the proxy) answered.
    Answered(Response),
}

/// The members of `expect`. Absent ones are not checked, beyond the general rules.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The status that the client gets.
    pub status: u16,
    /// The status that a proxy may give on its own, in its own form: it refuses the request before
    /// the filter sees it.
    #[serde(default)]
    pub proxy: Option<u16>,
    /// `errors[0].code`.
    #[serde(default)]
    pub code: Option<String>,
    /// `www-authenticate`: its exact text, or true or false for its presence. A text without
    /// `error_description` is compared without; that one follows `detail` by a general rule.
    #[serde(default)]
    pub challenge: Option<Challenge>,
    /// `errors[0].detail.reason`; empty for none.
    #[serde(default)]
    pub detail: Option<String>,
    /// Header fields of a local answer; `null`: absent.
    #[serde(default)]
    pub headers: BTreeMap<String, Option<String>>,
    /// Members of the JSON body of a local answer: the given ones must be equal. `${presented}` is
    /// the credential of the request.
    #[serde(default)]
    pub json: Option<Map<String, Value>>,
    /// What the upstream sees.
    #[serde(default)]
    pub upstream: Option<SeenUpstream>,
}

/// The challenge of a refusal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Challenge {
    /// True if there must be one, false if there must not.
    Present(bool),
    /// Its text.
    Text(String),
}

/// The request that the upstream must receive.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenUpstream {
    /// The path with its query.
    #[serde(default)]
    pub path: Option<String>,
    /// Header fields: the only value, or `null` for none.
    #[serde(default)]
    pub headers: BTreeMap<String, Option<String>>,
    /// Members of what the filter says of the caller to the login service; null: it is absent.
    #[serde(default)]
    pub caller: Option<Map<String, Value>>,
}

impl Expect {
    /// Checks that `expect` does not contradict itself, such as a refusal that reaches the
    /// upstream.
    ///
    /// # Errors
    /// It does.
    pub fn check(&self) -> Result<()> {
        let refusal = self.code.is_some() || self.detail.is_some() || self.challenge.is_some();
        ensure!(
            !(refusal && self.upstream.is_some()),
            "`expect`: a refusal does not reach the upstream"
        );
        ensure!(
            !(self.json.is_some() && self.upstream.is_some()),
            "`expect`: `json` is of an answer that is made here"
        );
        ensure!(
            !(self.status < 400 && refusal),
            "`expect`: status {} is no refusal",
            self.status
        );
        Ok(())
    }

    /// Returns every way in which `outcome` differs; empty if it is as expected.
    #[must_use]
    pub fn differences(&self, request: &Request, outcome: &Outcome) -> Vec<String> {
        let mut found = Differences::default();
        match outcome {
            Outcome::Forwarded { seen, status } => {
                found.compare(
                    "status",
                    &self.status.to_string(),
                    &format!("{status} (it reached the upstream)"),
                    || self.status == *status,
                );
                if self.code.is_some() || self.json.is_some() {
                    found.note("an answer was expected, and it reached the upstream".to_owned());
                }
                self.upstream
                    .iter()
                    .for_each(|upstream| upstream.compare(seen, &mut found));
                unchanged(request, seen, &mut found);
            }
            // A response of Envoy itself, with a body of plain text or none.
            Outcome::Answered(response)
                if self.proxy == Some(response.status)
                    && response.header("content-type").as_deref() != Some("application/json") => {}
            Outcome::Answered(response) => {
                let body = String::from_utf8_lossy(&response.body);
                found.compare(
                    "status",
                    &self.status.to_string(),
                    &format!("{} {body}", response.status),
                    || self.status == response.status,
                );
                if self.upstream.is_some() {
                    found.note("it did not reach the upstream".to_owned());
                }
                self.compare_answer(request, response, &mut found);
            }
        }
        found.0
    }

    fn compare_answer(&self, request: &Request, response: &Response, found: &mut Differences) {
        for (name, expected) in &self.headers {
            found.equal(name, expected.as_deref(), response.header(name).as_deref());
        }
        let version = is_under_v2(&request.target).then_some("registry/2.0");
        found.equal(VERSION, version, response.header(VERSION).as_deref());
        let challenge = response.header("www-authenticate");
        match &self.challenge {
            Some(Challenge::Text(text)) => {
                let is_whole = text.contains(DESCRIPTION);
                let seen = challenge.as_deref();
                let seen = seen.map(|seen| if is_whole { seen } else { undescribed(seen) });
                found.equal("www-authenticate", Some(text), seen);
            }
            Some(Challenge::Present(present)) => {
                let expected = if *present {
                    "a challenge"
                } else {
                    "no challenge"
                };
                found.compare(
                    "www-authenticate",
                    expected,
                    &format!("{challenge:?}"),
                    || challenge.is_some() == *present,
                );
            }
            None => {}
        }
        let bodiless = request.method == "HEAD";
        if response.status >= 400 {
            let is_for_ui = request.headers.iter().any(|(name, value)| {
                name.eq_ignore_ascii_case("x-zot-api-client") && value == b"zot-ui"
            });
            let unchallenged = is_for_ui && self.challenge == Some(Challenge::Present(false));
            refusal_form(bodiless, unchallenged, response, found);
        }
        if bodiless {
            return;
        }
        let error: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        for (member, expected) in self.json.iter().flatten() {
            let value = error.get(member).unwrap_or(&Value::Null);
            found.compare(member, &expected.to_string(), &value.to_string(), || {
                if expected == PRESENTED {
                    value.as_str().is_some_and(|token| presents(request, token))
                } else {
                    expected == value
                }
            });
        }
        if let Some(code) = &self.code {
            found.equal(
                "code",
                Some(code),
                error.pointer("/errors/0/code").and_then(Value::as_str),
            );
        }
        if let Some(detail) = &self.detail {
            found.equal(
                "detail",
                Some(detail.as_str()).filter(|detail| !detail.is_empty()),
                error
                    .pointer("/errors/0/detail/reason")
                    .and_then(Value::as_str),
            );
        }
    }
}

impl SeenUpstream {
    fn compare(&self, seen: &UpstreamRequest, found: &mut Differences) {
        if let Some(path) = &self.path {
            found.equal("upstream path", Some(path), Some(&seen.path));
        }
        for (name, expected) in &self.headers {
            let expected: Vec<String> = expected.iter().cloned().collect();
            let values = seen.values(name);
            let what = format!("upstream header `{name}`");
            found.compare(
                &what,
                &format!("{expected:?}"),
                &format!("{values:?}"),
                || expected == values,
            );
        }
        if let Some(expected) = &self.caller {
            let values = seen.values("x-registry-auth-caller");
            let caller = match values.as_slice() {
                [one] => login::caller(one).map_err(|error| error.to_string()),
                _ => Err(format!("{} headers", values.len())),
            };
            for (member, expected) in expected {
                let value = caller
                    .as_ref()
                    .map(|caller| caller.get(member).unwrap_or(&Value::Null));
                let what = format!("caller `{member}`");
                found.compare(&what, &expected.to_string(), &format!("{value:?}"), || {
                    value == Ok(expected)
                });
            }
        }
    }
}

/// Returns true if a target is under `/v2`, whose responses have the version field.
fn is_under_v2(target: &[u8]) -> bool {
    let path = target
        .split(|byte| *byte == b'?')
        .next()
        .unwrap_or_default();
    path == b"/v2" || path.starts_with(b"/v2/")
}

/// Returns true if a token is the credential of a request: in its `authorization`, or unescaped in
/// its form.
fn presents(request: &Request, token: &str) -> bool {
    let is_credential = |value: &[u8]| {
        let value = String::from_utf8_lossy(value);
        let (scheme, rest) = value.split_once(' ').unwrap_or_default();
        match scheme {
            "Basic" => BASE64_STANDARD
                .decode(rest)
                .is_ok_and(|pair| pair.ends_with(format!(":{token}").as_bytes())),
            _ => rest == token,
        }
    };
    let mut headers = request
        .headers
        .iter()
        .filter(|(name, _)| name == "authorization");
    let body = request.body.bytes();
    let mut fields = body.split(|byte| *byte == b'&');
    let is_field = |field: &[u8]| field.ends_with(format!("={token}").as_bytes());
    !token.is_empty() && (headers.any(|(_, value)| is_credential(value)) || fields.any(is_field))
}

/// Checks that method and body reach the upstream unchanged.
fn unchanged(request: &Request, seen: &UpstreamRequest, found: &mut Differences) {
    found.equal("upstream method", Some(&request.method), Some(&seen.method));
    let body = request.body.bytes();
    found.compare(
        "upstream body",
        &body.len().to_string(),
        &seen.body.to_string(),
        || body.len() == seen.body && crate::upstream::sha256(&body) == seen.sha256,
    );
}

/// Checks the form of a refusal: the OCI error body, and the header fields that its status
/// requires.
fn refusal_form(bodiless: bool, unchallenged: bool, response: &Response, found: &mut Differences) {
    let has = |name: &str| response.header(name).is_some();
    // Envoy removes the type of an empty body.
    let untyped = bodiless && !has("content-type");
    if !untyped {
        found.equal(
            "content-type",
            Some("application/json"),
            response.header("content-type").as_deref(),
        );
    }
    if response.status == 401 && !unchallenged && !has("www-authenticate") {
        found.note("a 401 without `www-authenticate`".to_owned());
    }
    if response.status != 401 && has("www-authenticate") {
        found.note(format!("a {} with `www-authenticate`", response.status));
    }
    if response.status == 405 && !has("allow") {
        found.note("a 405 without `allow`".to_owned());
    }
    if matches!(response.status, 429 | 503) && !has("retry-after") {
        found.note(format!("a {} without `retry-after`", response.status));
    }
    if bodiless {
        if !response.body.is_empty() {
            found.note("the answer to HEAD has a body".to_owned());
        }
        return;
    }
    let error: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    check(response, &error, found);
    for member in ["code", "message"] {
        if error
            .pointer("/errors/0")
            .and_then(|error| error.get(member))
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
        {
            found.note(format!(
                "the body has no `errors[0].{member}`: {}",
                String::from_utf8_lossy(&response.body)
            ));
        }
    }
}

#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn note(&mut self, difference: String) {
        self.0.push(difference);
    }

    fn compare(&mut self, what: &str, expected: &str, found: &str, same: impl FnOnce() -> bool) {
        if !same() {
            self.note(format!("{what}: expected {expected}, found {found}"));
        }
    }

    fn equal(&mut self, what: &str, expected: Option<&str>, found: Option<&str>) {
        self.compare(
            what,
            &format!("{expected:?}"),
            &format!("{found:?}"),
            || expected == found,
        );
    }
}

#[cfg(test)]
mod tests;
