//! What a policy file promises about itself: its member `tests`.

mod reads;

use std::fmt;

use registry_auth_engine::UnixTime;
use registry_auth_engine::config::ConfigError;
use registry_auth_engine::engine::{Engine, Principal, Simulated};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::case::Case;
use crate::words::{Wish, WordsError};
pub use reads::{Read, Wanted};

/// The most tests of a file.
pub const MAX_TESTS: usize = 200;

/// The most requests of all tests together.
pub const MAX_REQUESTS: usize = 2_000;

/// A test: what one caller may do, and what not.
#[derive(Clone, Debug)]
pub struct PolicyTest {
    /// Its place in the configuration.
    pub path: String,
    /// Its name, or its place.
    pub name: String,
    principal: Principal,
    allow: Vec<Wish>,
    deny: Vec<(Wish, Option<String>)>,
}

/// Tests that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct InvalidTest {
    /// Where.
    pub path: String,
    /// What is wrong, and what to write.
    pub message: String,
}

/// A promise that does not hold.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The place of the test in the configuration.
    pub path: String,
    /// The name of the test.
    pub test: String,
    /// What was expected and what came.
    pub what: String,
    /// The requests with their steps.
    pub case: Case,
}

/// What came of all tests.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// How many tests there are.
    pub tests: usize,
    /// How many requests they make.
    pub requests: usize,
    /// The promises that do not hold.
    pub failures: Vec<Failure>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    name: Option<String>,
    #[serde(rename = "as")]
    principal: Value,
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    deny: Vec<Denied>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Denied {
    Words(String),
    Because(Because),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Because {
    #[serde(rename = "do")]
    words: String,
    because: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct User {
    user: String,
    #[serde(default)]
    groups: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    issuer: String,
    #[serde(default)]
    claims: Map<String, Value>,
}

const WHO: &str = "must be `anonymous`, `{ user, groups }` or `{ issuer, claims }`";

/// Reads and runs the member `tests` of a configuration. Returns everything that is wrong with it,
/// and each promise that does not hold.
#[must_use]
pub fn check(tests: Option<&Value>, engine: &Engine, now: UnixTime) -> Vec<ConfigError> {
    let Some(tests) = tests else {
        return Vec::new();
    };
    let error = |path, message| ConfigError { path, message };
    match read(tests) {
        Err(wrong) => wrong
            .into_iter()
            .map(|InvalidTest { path, message }| error(path, message))
            .collect(),
        Ok(tests) => run(&tests, engine, now)
            .failures
            .into_iter()
            .map(|failure| error(failure.path.clone(), failure.to_string()))
            .collect(),
    }
}

/// Reads the member `tests`.
///
/// # Errors
/// Everything that is wrong, each with its place.
pub fn read(tests: &Value) -> Result<Vec<PolicyTest>, Vec<InvalidTest>> {
    let (read, wrong) = read_each(tests);
    if wrong.is_empty() {
        Ok(read)
    } else {
        Err(wrong)
    }
}

/// Reads the tests that can be read, and returns everything that is wrong, each with its place.
#[must_use]
pub fn read_each(tests: &Value) -> (Vec<PolicyTest>, Vec<InvalidTest>) {
    let invalid = |path: String, message: String| InvalidTest { path, message };
    let Some(list) = tests.as_array() else {
        let message =
            "must be a list of tests, such as `- { as: anonymous, deny: [\"pull team/app:v1\"] }`";
        return (
            Vec::new(),
            vec![invalid("tests".to_owned(), message.to_owned())],
        );
    };
    let mut wrong = Vec::new();
    let mut read = Vec::new();
    if list.len() > MAX_TESTS {
        let message = format!("has {} tests; {MAX_TESTS} are run at most", list.len());
        wrong.push(invalid("tests".to_owned(), message));
    }
    for (index, test) in list.iter().take(MAX_TESTS).enumerate() {
        let path = format!("tests[{index}]");
        match one(test, &path) {
            Ok(test) => read.push(test),
            Err(errors) => wrong.extend(errors),
        }
    }
    let requests: usize = read.iter().map(PolicyTest::requests).sum();
    if requests > MAX_REQUESTS {
        let message = format!("make {requests} requests; {MAX_REQUESTS} are run at most");
        wrong.push(invalid("tests".to_owned(), message));
    }
    (read, wrong)
}

fn one(test: &Value, path: &str) -> Result<PolicyTest, Vec<InvalidTest>> {
    let at = |member: &str, message: &dyn fmt::Display| InvalidTest {
        path: format!("{path}{member}"),
        message: message.to_string(),
    };
    let written = Written::deserialize(test).map_err(|error| vec![at("", &error)])?;
    let mut wrong = Vec::new();
    let principal = principal(&written.principal);
    if principal.is_none() {
        wrong.push(at(".as", &WHO));
    }
    if written.allow.is_empty() && written.deny.is_empty() {
        wrong.push(at("", &"promises nothing: write `allow` or `deny`"));
    }
    let mut wish = |place: String, words: &str| {
        Wish::read(words)
            .map_err(|error: WordsError| wrong.push(at(&place, &error)))
            .ok()
    };
    let allow = written.allow.iter().enumerate();
    let allow = allow.filter_map(|(index, words)| wish(format!(".allow[{index}]"), words));
    let allow = allow.collect();
    let deny = written.deny.iter().enumerate();
    let deny = deny.filter_map(|(index, denied)| {
        let (words, because) = match denied {
            Denied::Words(words) => (words, None),
            Denied::Because(Because { words, because }) => (words, Some(because.clone())),
        };
        Some((wish(format!(".deny[{index}]"), words)?, because))
    });
    let deny = deny.collect();
    match principal {
        Some(principal) if wrong.is_empty() => Ok(PolicyTest {
            path: path.to_owned(),
            name: written.name.unwrap_or_else(|| path.to_owned()),
            principal,
            allow,
            deny,
        }),
        _ => Err(wrong),
    }
}

fn principal(written: &Value) -> Option<Principal> {
    if written == "anonymous" {
        return Some(Principal::Anonymous);
    }
    if let Ok(User { user, groups }) = User::deserialize(written) {
        return (!user.is_empty()).then_some(Principal::User { name: user, groups });
    }
    let Token { issuer, claims } = Token::deserialize(written).ok()?;
    Some(Principal::Claims { issuer, claims })
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the test \"{}\" fails: {}", self.test, self.what)?;
        match self.case.stops_at() {
            Some((asked, report)) => {
                write!(formatter, "; it is refused at `{asked}`")?;
                match &report.outcome {
                    Simulated::Refused(reason, _) => {
                        write!(formatter, " ({})", reason.descriptor().label)
                    }
                    _ => Ok(()),
                }
            }
            None => Ok(()),
        }
    }
}

impl PolicyTest {
    /// Who asks.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    fn requests(&self) -> usize {
        let denied = self.deny.iter().map(|(wish, _)| wish);
        let wishes = self.allow.iter().chain(denied);
        wishes.map(|wish| wish.requests.len()).sum()
    }

    fn run(
        &self,
        engine: &Engine,
        now: UnixTime,
        seen: &mut dyn FnMut(&Case),
        failures: &mut Vec<Failure>,
    ) {
        let mut fail = |case: Case, what: String| {
            failures.push(Failure {
                path: self.path.clone(),
                test: self.name.clone(),
                what,
                case,
            });
        };
        for wish in &self.allow {
            // Whether a tag exists must not matter, unless the words say it.
            for tags_exist in states(wish, true) {
                let case = Case::of(engine, &self.principal, wish, now, tags_exist);
                seen(&case);
                if !case.is_granted() {
                    let what = format!("`{}` should be allowed", wish.words);
                    fail(case, what);
                    break;
                }
            }
        }
        for (wish, because) in &self.deny {
            for tags_exist in states(wish, false) {
                let case = Case::of(engine, &self.principal, wish, now, tags_exist);
                seen(&case);
                if case.is_granted() {
                    let what = format!("`{}` should be refused", wish.words);
                    fail(case, what);
                    break;
                }
                if because.is_none()
                    && let Some(reason) = case.is_of_nobody()
                {
                    let what = format!(
                        "`{}` is refused whatever the rules say, as the token is not accepted ({reason}): write an issuer and claims that are, or `because` with a part of the message",
                        wish.words
                    );
                    fail(case, what);
                    break;
                }
                let said = case.message().unwrap_or_default();
                if let Some(because) = because.as_ref().filter(|because| !said.contains(*because)) {
                    let what = format!(
                        "`{}` should be refused because `{because}`, and not because `{said}`",
                        wish.words
                    );
                    fail(case, what);
                    break;
                }
            }
        }
    }
}

/// The answers of the registry for which a promise has to hold. A new tag is what a push means; a
/// refusal has to hold for a tag that exists, too.
fn states(wish: &Wish, is_allowed: bool) -> Vec<Option<bool>> {
    match (wish.tag_exists, is_allowed) {
        (Some(_), _) => vec![None],
        (None, true) => vec![Some(false)],
        (None, false) => vec![Some(false), Some(true)],
    }
}

/// Runs tests.
#[must_use]
pub fn run(tests: &[PolicyTest], engine: &Engine, now: UnixTime) -> Summary {
    run_and_see(tests, engine, now, &mut |_| ())
}

/// Runs tests, and shows each case to `seen`.
pub fn run_and_see(
    tests: &[PolicyTest],
    engine: &Engine,
    now: UnixTime,
    seen: &mut dyn FnMut(&Case),
) -> Summary {
    let mut summary = Summary {
        tests: tests.len(),
        requests: tests.iter().map(PolicyTest::requests).sum(),
        failures: Vec::new(),
    };
    for test in tests {
        test.run(engine, now, seen, &mut summary.failures);
    }
    summary
}
