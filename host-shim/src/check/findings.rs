//! All that is found in one file, each with its place.

use std::ops::Range;
use std::path::Path;

use registry_auth_lint::{
    Finding, Format, Level, Lines, Places, Subject, allow_errors, allowed, findings, form, known,
};

use crate::configuration::{self, Configuration, View};
use crate::file::shown;

/// A file with what was found in it.
pub(crate) struct Report {
    /// Its name, as people gave it.
    pub(crate) file: String,
    /// Its content; empty where it is not text.
    pub(crate) text: String,
    /// What was found.
    pub(crate) found: Vec<Located>,
}

/// A finding and the bytes that it is about, if it is about some.
pub(crate) struct Located {
    pub(crate) finding: Finding,
    pub(crate) bytes: Option<Range<usize>>,
}

impl Report {
    /// Reads and checks a configuration.
    pub(crate) fn of(file: &Path, text: &[u8], view: View<'_>) -> (Configuration, Self) {
        let name = shown(file);
        let value = match configuration::parsed(file, text) {
            Ok(value) => value,
            Err(found) => {
                let said = found.errors.first();
                let said = said.map(|error| error.message.as_str()).unwrap_or_default();
                let at = configuration::position(text, said);
                let finding = form(text, Format::of(&name), said, at);
                return (
                    Configuration::default(),
                    Self::new(name, text, vec![finding]),
                );
            }
        };
        if let Some(finding) = foreign(&value) {
            return (
                Configuration::default(),
                Self::new(name, text, vec![finding]),
            );
        }
        let asks = matches!(view, View::Proxy(_));
        let configuration = Configuration::seen(value.clone(), view);
        let mut found: Vec<Finding> = Vec::new();
        found.extend(
            configuration
                .errors()
                .iter()
                .map(|error| known(error, true, &value)),
        );
        found.extend(
            allow_errors(&value)
                .iter()
                .map(|error| known(error, true, &value)),
        );
        found.extend(
            configuration
                .warnings()
                .iter()
                .map(|warning| known(warning, false, &value)),
        );
        if let Some(document) = configuration.written() {
            let asks_upstream = asks || document.proxy.upstream_cluster.is_some();
            found.extend(findings(&Subject {
                value: &value,
                document,
                asks_upstream,
            }));
        }
        let found = allowed(&value, found);
        (configuration, Self::new(name, text, found))
    }

    /// Finds the place of each finding in the text.
    pub(crate) fn new(file: String, text: &[u8], found: Vec<Finding>) -> Self {
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
    pub(crate) fn sort(&mut self) {
        self.found.sort_by_key(|one| {
            let start = one.bytes.as_ref().map_or(0, |bytes| bytes.start);
            (one.finding.level, start)
        });
    }

    /// How many there are of a level.
    pub(crate) fn count(&self, level: Level) -> usize {
        self.found
            .iter()
            .filter(|one| one.finding.level == level)
            .count()
    }

    /// Lines and columns.
    pub(crate) fn lines(&self) -> Lines<'_> {
        Lines::of(&self.text)
    }
}

/// A file that is something else.
fn foreign(value: &serde_json::Value) -> Option<Finding> {
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
        place: registry_auth_lint::Place::File,
        message: message.to_owned(),
        write: Some("check --config POLICY --envoy ENVOY".to_owned()).filter(|_| is_envoy),
    })
}
