//! A configuration that is tried out, and the questions about it.

use std::collections::BTreeMap;

use registry_auth_engine::UnixTime;
use registry_auth_engine::config::raw::Document;
use registry_auth_engine::engine::Engine;
use registry_auth_policy::diff::Side;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::check;
use crate::compare::{self, Compared};
use crate::decision::{self, Question};
use crate::document::{self, Compiled};
use crate::findings::Findings;
use crate::matrix::{self, Wanted};
use crate::places::Places;
use crate::promises;
use crate::secrets;
use crate::text::{self, Load};

/// What is said where nothing can be compared.
const OLDER: &str = "the older configuration has errors: nothing is compared";
/// What is said where nothing can be asked.
const NO_ENGINE: &str = "the configuration has errors: nothing can be decided by it";

/// A configuration, and what it was compiled to. Questions and answers are JSON; each answer is an
/// object, with only the member `error` if the question cannot be answered.
#[derive(Debug, Default)]
pub struct Workbench {
    ready: Option<Ready>,
    places: Places,
}

#[derive(Debug)]
struct Ready {
    engine: Engine,
    document: Document,
    written: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stated {
    #[serde(flatten)]
    load: Load,
    now: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shared {
    #[serde(flatten)]
    load: Load,
    words: String,
    who: Value,
}

#[derive(Debug, Deserialize)]
struct Now {
    now: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Checked {
    /// True if requests can be decided.
    ready: bool,
    /// For what the filter refuses it; `check` says the rest.
    #[serde(flatten)]
    errors: Findings,
    patterns: usize,
    policies: usize,
    tests: usize,
    /// The issuers of tokens.
    issuers: Vec<String>,
    /// True if client certificates authenticate.
    certificates: bool,
    /// True if people log in.
    people: bool,
    assumptions: Vec<String>,
}

impl Ready {
    const fn compared<'a>(&'a self, places: &'a Places) -> Compared<'a> {
        let side = Side {
            engine: &self.engine,
            document: &self.document,
            written: &self.written,
        };
        Compared { side, places }
    }
}

impl Workbench {
    /// Reads a configuration, and says whether it can be used.
    pub fn load(&mut self, question: &str) -> String {
        answer(question, |load: Load| Ok(self.loaded(&load)))
    }

    fn loaded(&mut self, load: &Load) -> Checked {
        *self = Self::default();
        let mut written = Value::Null;
        let (compiled, errors) = match text::read(&load.text, load.format) {
            Ok(value) => {
                self.places = Places::read(&load.text, load.format).unwrap_or_default();
                let compiled = document::read(&value, &load.files);
                let errors = check::errors(load, &value, &compiled);
                written = value;
                (compiled, errors)
            }
            Err(finding) => (Compiled::default(), check::shown(load, vec![finding])),
        };
        let mut checked = Checked::of(&compiled, errors);
        if let (Some(engine), Some(document)) = (compiled.engine, compiled.document) {
            checked.ready = true;
            checked.certificates = engine.reads_certificate();
            checked.people = engine.takes_logins();
            self.ready = Some(Ready {
                engine,
                document,
                written,
            });
        }
        checked
    }

    /// Says all that is wrong with a configuration, dangerous or doubtful. It takes longest of all
    /// questions, so that it needs nothing that was read before: a page asks it elsewhere.
    #[must_use]
    pub fn check(&self, question: &str) -> String {
        answer(question, |Stated { load, now }: Stated| {
            Ok(check::all(&load, UnixTime::from_secs(now)))
        })
    }

    /// Says what somebody gets who does something.
    #[must_use]
    pub fn decide(&self, question: &str) -> String {
        answer(question, |question: Question| {
            let ready = self.ready.as_ref().ok_or(NO_ENGINE)?;
            decision::decide(&ready.engine, &ready.document, &self.places, question)
        })
    }

    /// Says who may do what.
    #[must_use]
    pub fn matrix(&self, question: &str) -> String {
        answer(question, |wanted: Wanted| {
            let ready = self.ready.as_ref().ok_or(NO_ENGINE)?;
            Ok(matrix::of(&ready.engine, &ready.document, &wanted))
        })
    }

    /// Runs the configuration's own tests.
    #[must_use]
    pub fn tests(&self, question: &str) -> String {
        answer(question, |Now { now }: Now| {
            let Ready {
                engine, document, ..
            } = self.ready.as_ref().ok_or(NO_ENGINE)?;
            let now = UnixTime::from_secs(now);
            Ok(promises::run(document, engine, &self.places, now))
        })
    }

    /// Compares with an older configuration.
    #[must_use]
    pub fn compare(&self, question: &str) -> String {
        answer(question, |Stated { load: old, now }: Stated| {
            let new = self.ready.as_ref().ok_or(NO_ENGINE)?;
            let written = text::read(&old.text, old.format).map_err(|_| OLDER)?;
            let compiled = document::read(&written, &old.files);
            let (Some(engine), Some(document)) = (compiled.engine, compiled.document) else {
                return Err(OLDER.to_owned());
            };
            let older = Ready {
                engine,
                document,
                written,
            };
            let places = Places::read(&old.text, old.format).unwrap_or_default();
            let now = UnixTime::from_secs(now);
            compare::of(older.compared(&places), new.compared(&self.places), now)
        })
    }

    /// Says which secrets a configuration holds, and what would be shared with it; an error if that
    /// cannot be known. What is shared is what is searched: it needs nothing that was read before.
    #[must_use]
    pub fn secrets(&self, question: &str) -> String {
        answer(question, |shared: Shared| {
            let Load { text, format, .. } = &shared.load;
            let value = text::read(text, *format).map_err(
                |_| "the configuration cannot be read, so nobody knows whether it holds secrets",
            )?;
            let places = Places::read(text, *format).unwrap_or_default();
            let mut found = secrets::of(&value, &places);
            found.extend(secrets::in_comments(text).filter(|_| found.is_empty()));
            found.extend(secrets::elsewhere(&shared.words, &shared.who));
            Ok(serde_json::json!({ "secrets": found }))
        })
    }
}

impl Checked {
    fn of(compiled: &Compiled, errors: Findings) -> Self {
        let document = compiled.document.as_ref();
        let control = document.and_then(|document| document.access_control.as_ref());
        let groups = control.map(|control| &control.repositories);
        let bearer = document.and_then(|document| document.bearer.as_ref());
        let entries = bearer.into_iter().flat_map(|bearer| &bearer.oidc);
        let tests = document.and_then(|document| document.tests.as_ref()?.as_array());
        Self {
            ready: false,
            errors,
            patterns: groups.map_or(0, BTreeMap::len),
            policies: groups.map_or(0, |groups| {
                groups.values().map(|group| group.policies.len()).sum()
            }),
            tests: tests.map_or(0, Vec::len),
            issuers: entries.map(|entry| entry.issuer.clone()).collect(),
            certificates: false,
            people: false,
            assumptions: compiled.assumptions.clone(),
        }
    }
}

/// Reads a question and writes its answer.
fn answer<Q: DeserializeOwned, A: Serialize>(
    question: &str,
    reply: impl FnOnce(Q) -> Result<A, String>,
) -> String {
    // The message of serde may quote a token.
    let question = serde_json::from_str(question)
        .map_err(|error| format!("the question is malformed at column {}", error.column()));
    let written = question
        .and_then(reply)
        .and_then(|answer| serde_json::to_string(&answer).map_err(|error| error.to_string()));
    written.unwrap_or_else(|error| serde_json::json!({ "error": error }).to_string())
}
