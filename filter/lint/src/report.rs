//! All that is found in one text, each with its place.

use std::ops::Range;

use registry_auth_engine::config::ConfigError;
use registry_auth_engine::config::raw::Document;
use serde_json::Value;

use super::allow::{allowed, errors as allow_errors};
use super::families::findings;
use super::finding::{Finding, Place};
use super::known::name as known;
use super::level::Level;
use super::places::{Lines, Places};
use super::subject::Subject;

/// A text with what was found in it.
#[derive(Clone, Debug)]
pub struct Report {
    /// The name of its file, as people gave it.
    pub file: String,
    /// The text; what is not UTF-8 in it is replaced.
    pub text: String,
    /// What was found.
    pub found: Vec<Located>,
}

/// A finding and the bytes that it is about, if it is about some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// What was found.
    pub finding: Finding,
    /// Where it is in the text.
    pub bytes: Option<Range<usize>>,
}

/// What reading a configuration has come to.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// As it was written.
    pub value: &'a Value,
    /// For what it is refused.
    pub errors: &'a [ConfigError],
    /// What is said besides.
    pub warnings: &'a [ConfigError],
    /// The value, decoded; `None` if that cannot be.
    pub document: Option<&'a Document>,
    /// True if the registry can be asked whether a tag exists, whatever the document says.
    pub asks_upstream: bool,
}

impl Reading<'_> {
    /// Returns all that is found, without what the configuration allows.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let value = self.value;
        let more = allow_errors(value);
        let errors = self.errors.iter().chain(&more);
        let mut found: Vec<Finding> = errors.map(|error| known(error, true, value)).collect();
        let warnings = self.warnings.iter();
        found.extend(warnings.map(|warning| known(warning, false, value)));
        if let Some(document) = self.document {
            found.extend(findings(&Subject {
                value,
                document,
                asks_upstream: self.asks_upstream || document.proxy.upstream_cluster.is_some(),
            }));
        }
        allowed(value, found)
    }
}

impl Report {
    /// Finds the place of each finding in a text. What is found twice is kept once.
    #[must_use]
    pub fn new(file: String, text: &[u8], found: Vec<Finding>) -> Self {
        let text = String::from_utf8_lossy(text).into_owned();
        let places = Places::of(&text);
        let mut located: Vec<Located> = Vec::new();
        for finding in found {
            let is_known = located.iter().any(|known| known.finding == finding);
            if !is_known {
                let bytes = places.locate(&text, &finding);
                located.push(Located { finding, bytes });
            }
        }
        Self {
            file,
            text,
            found: located,
        }
    }

    /// Errors first, then by place.
    pub fn sort(&mut self) {
        self.found.sort_by_key(|one| {
            let start = one.bytes.as_ref().map_or(0, |bytes| bytes.start);
            (one.finding.level, start)
        });
    }

    /// Returns how many findings of a level there are.
    #[must_use]
    pub fn count(&self, level: Level) -> usize {
        let found = self.found.iter();
        found.filter(|one| one.finding.level == level).count()
    }

    /// Returns the lines of the text.
    #[must_use]
    pub fn lines(&self) -> Lines<'_> {
        Lines::of(&self.text)
    }
}

/// Says that a value is something else than a configuration of the filter, if it is: nothing that
/// is found in it otherwise would help.
#[must_use]
pub fn foreign(value: &Value) -> Option<Finding> {
    let is_envoy = ["static_resources", "dynamic_resources", "admin"]
        .iter()
        .any(|name| value.get(name).is_some());
    let message = if is_envoy {
        "is a configuration of Envoy, and not of the filter: the filter's is the text in it, or a file of its own; `--envoy` checks that both fit"
    } else if value.get("apiVersion").is_some() && value.get("kind").is_some() {
        "is a resource of Kubernetes, and not a configuration of the filter: check the text that it holds"
    } else {
        return None;
    };
    Some(Finding {
        id: "invalid",
        level: Level::Error,
        path: String::new(),
        place: Place::File,
        message: message.to_owned(),
        write: Some("check --config POLICY --envoy ENVOY".to_owned()).filter(|_| is_envoy),
    })
}
