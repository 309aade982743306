//! Ids for what the engine and the readers say, by their words.
//!
//! The filter has no use for ids, so it does not carry them. A test holds every message of the
//! mistakes in `tests/mistakes` against this table.

use registry_auth_engine::config::ConfigError;

use serde_json::Value;

use super::advice;
use super::finding::{Finding, Place};
use super::level::Level;

/// Which part of the member a message is about.
#[derive(Clone, Copy)]
enum At {
    Key,
    Value,
    /// What the message quotes first.
    Quoted,
}

/// A part of the message, the id, and where it is.
const WORDS: &[(&str, &str, At)] = &[
    ("duplicate key", "duplicate-key", At::Key),
    ("unknown key", "unknown-key", At::Key),
    ("is null", "null", At::Key),
    ("no repository has such a name", "dead-pattern", At::Key),
    ("names begin behind `/v2/`", "dead-pattern", At::Key),
    ("is the name `username`", "dead-pattern", At::Key),
    ("unknown function", "unknown-function", At::Quoted),
    ("unknown name", "unknown-name", At::Quoted),
    ("`vars.", "unknown-variable", At::Quoted),
    ("`req.", "unknown-member", At::Quoted),
    ("not a CEL expression", "cel-syntax", At::Value),
    ("never a string", "never-a-name", At::Value),
    ("never a list of strings", "never-a-name", At::Value),
    ("unknown action", "unknown-action", At::Value),
    ("duplicate pattern", "duplicate-pattern", At::Key),
    ("repository names have no upper case", "notice", At::Key),
    ("pattern", "pattern-syntax", At::Key),
    ("braces", "pattern-syntax", At::Key),
    ("a character class", "pattern-syntax", At::Key),
    ("may stand once", "pattern-syntax", At::Key),
    ("cannot read `", "unreadable-file", At::Value),
    ("is a path", "unreadable-file", At::Value),
    ("is neither PEM nor JWKS text", "unreadable-file", At::Value),
    ("private", "private-key", At::Key),
    ("shared secret", "private-key", At::Key),
    ("PEM", "not-pem", At::Key),
    ("JWKS", "not-pem", At::Key),
    ("usable key", "not-pem", At::Key),
    ("grants nothing", "grants-nothing", At::Key),
    ("has no effect here", "grants-nothing", At::Value),
    (
        "is empty: nobody may do anything",
        "grants-nothing",
        At::Key,
    ),
    (
        "every authenticated caller may do everything",
        "no-access-control",
        At::Key,
    ),
    ("nobody can authenticate", "no-authentication", At::Key),
    (
        "neither a way to authenticate",
        "no-authentication",
        At::Key,
    ),
    ("has no source of keys", "no-authentication", At::Key),
    ("is http: whoever", "http-issuer", At::Value),
    ("is a link-local address", "http-issuer", At::Value),
    ("without https", "http-issuer", At::Value),
    ("must be given", "missing", At::Key),
    ("must name at least one", "missing", At::Key),
    ("needs", "missing", At::Key),
    ("is empty", "empty-value", At::Value),
    ("empty user name", "empty-value", At::Value),
    ("empty group name", "empty-value", At::Value),
    ("not known to be a bool", "cel-type", At::Value),
    ("cannot mix", "cel-type", At::Value),
    ("must be a string", "wrong-type", At::Value),
    ("must be an object", "wrong-type", At::Value),
    ("must be true or false", "wrong-type", At::Value),
    ("must be a whole number", "wrong-type", At::Value),
    ("must be a list", "wrong-type", At::Value),
];

/// The finding for what the engine refuses (`is_error`) or warns of in a configuration.
#[must_use]
pub(crate) fn name(said: &ConfigError, is_error: bool, value: &Value) -> Finding {
    let mut finding = named(said, is_error);
    advice::add(&mut finding, value);
    finding
}

fn named(said: &ConfigError, is_error: bool) -> Finding {
    let row = if said.path.starts_with("tests") {
        None
    } else {
        WORDS
            .iter()
            .find(|(words, ..)| said.message.contains(words))
    };
    let (id, at) = match row {
        Some((_, id, at)) => (*id, *at),
        None if said.path.starts_with("tests") && is_error => ("test-failed", At::Quoted),
        None if is_expression(&said.path) && is_error => ("cel-type", At::Value),
        None if is_error => ("invalid", At::Value),
        None => ("notice", At::Value),
    };
    let message = if said.message.starts_with("must be given") {
        format!("`{}` {}", name_of(&said.path), said.message)
    } else {
        said.message.clone()
    };
    let mut finding = Finding::new(id, &said.path, message);
    finding.place = match at {
        At::Key => Place::Key,
        At::Value => Place::Value,
        At::Quoted => {
            quoted(&said.message).map_or(Place::Value, |part| Place::Part(part.to_owned()))
        }
    };
    // What the filter refuses is an error under whatever name.
    if is_error {
        finding.level = Level::Error;
    } else if finding.level == Level::Error && !matches!(id, "unknown-variable" | "unknown-member")
    {
        finding.id = "notice";
        finding.level = Level::Warning;
    }
    finding
}

/// The last name of a path.
fn name_of(path: &str) -> &str {
    path.rsplit(['.', ']'])
        .find(|name| !name.is_empty())
        .unwrap_or(path)
}

fn is_expression(path: &str) -> bool {
    path.ends_with(".expression")
        || path.ends_with(".claimMapping.username")
        || path.ends_with(".claimMapping.groups")
}

/// The first text between backquotes.
fn quoted(message: &str) -> Option<&str> {
    message.split('`').nth(1).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_says_has_an_id_and_a_place() {
        let said = |path: &str, message: &str| ConfigError {
            path: path.to_owned(),
            message: message.to_owned(),
        };
        // (path, message, refused, id, level)
        let rows = [
            (
                "a.b",
                "unknown key; did you mean `c`",
                true,
                "unknown-key",
                Level::Error,
            ),
            (
                "a",
                "`vars.repos` is never there, so x",
                false,
                "unknown-variable",
                Level::Error,
            ),
            ("tests[0]", "is null", true, "test-failed", Level::Error),
            (
                "a.expression",
                "`==` cannot compare",
                true,
                "cel-type",
                Level::Error,
            ),
            ("a", "is empty, as it were", false, "notice", Level::Warning),
            (
                "a",
                "is http: whoever is there",
                false,
                "http-issuer",
                Level::Danger,
            ),
            ("a", "anything", true, "invalid", Level::Error),
            ("a", "anything", false, "notice", Level::Warning),
        ];
        for (path, message, refused, id, level) in rows {
            let finding = named(&said(path, message), refused);
            assert_eq!((finding.id, finding.level), (id, level), "{message}");
        }
    }
}
