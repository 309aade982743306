//! Secrets in a configuration, which no link may hold.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::path::{self, Segment};
use crate::places::{Place, Places};

/// A secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecretFound {
    /// Its path in the configuration.
    pub(crate) path: String,
    /// What it is; never the secret.
    pub(crate) what: &'static str,
    /// Its place in the text.
    pub(crate) place: Option<Place>,
}

/// Members whose text is a secret, in lower case.
const MEMBERS: [&str; 8] = [
    "clientsecret",
    "client_secret",
    "password",
    "bindpassword",
    "secret",
    "secretkey",
    "secretaccesskey",
    "privatekey",
];

/// Members of private and shared keys (RFC 7518 section 6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "k", "priv"];

/// What access tokens of GitHub and GitLab begin with.
const FORGES: [&str; 4] = ["ghp_", "ghs_", "github_pat_", "glpat-"];

/// The most secrets that are named.
const MOST: usize = 100;

/// Returns the secrets of a configuration, by the names of members and the form of texts: of its
/// value, in which aliases are what they stand for, and of each scalar that is written, whether
/// anything reads it or not.
#[must_use]
pub(crate) fn of(value: &Value, places: &Places) -> Vec<SecretFound> {
    let mut found = BTreeMap::new();
    walk(value, &mut |path, text, is_name| {
        let what = if is_name {
            in_text(text)
        } else {
            what(path, text)
        };
        if let Some(what) = what.filter(|_| found.len() < MOST) {
            let path = path::write(path);
            let place = places.of(&path);
            found.insert(path, (what, place));
        }
    });
    places.scalars(&mut |path, text, place| {
        if let Some(what) = what(path, text).filter(|_| found.len() < MOST) {
            found.insert(path::write(path), (what, Some(place)));
        }
    });
    let mut found: Vec<_> = found
        .into_iter()
        .map(|(path, (what, place))| SecretFound { path, what, place })
        .collect();
    found.sort_by_key(|found| found.place);
    found
}

/// Calls `visit` with each text and number of a value and its path, and with each name of a member
/// and the path of what it is a member of.
fn walk(value: &Value, visit: &mut dyn FnMut(&[Segment], &str, bool)) {
    let mut left = vec![(Vec::new(), value)];
    while let Some((path, value)) = left.pop() {
        let below = |segment| path.iter().cloned().chain([segment]).collect::<Vec<_>>();
        match value {
            Value::String(text) => visit(&path, text, false),
            Value::Number(number) => visit(&path, &number.to_string(), false),
            Value::Array(items) => left.extend(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| (below(Segment::Index(index)), item)),
            ),
            Value::Object(members) => {
                for (name, item) in members {
                    visit(&path, name, true);
                    left.push((below(Segment::Name(name.clone())), item));
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }
}

fn what(path: &[Segment], text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return None;
    }
    let name = match path.last() {
        Some(Segment::Name(name)) => name.to_ascii_lowercase(),
        _ => String::new(),
    };
    let is_key = path
        .iter()
        .any(|segment| matches!(segment, Segment::Name(name) if name == "keys" || name == "jwks"));
    if MEMBERS.contains(&&*name) {
        Some("a password or secret")
    } else if is_key && PRIVATE.contains(&&*name) {
        Some("a private key")
    } else {
        in_text(text)
    }
}

/// Returns a secret that a text holds where it is no value: by its form anywhere, and by the name of
/// a member in a comment.
#[must_use]
pub(crate) fn in_comments(text: &str) -> Option<SecretFound> {
    let by_name = || text.lines().find_map(of_comment);
    let what = in_text(text).or_else(by_name)?;
    Some(SecretFound {
        path: String::new(),
        what,
        place: None,
    })
}

/// A line that says `# password: x`. What is behind a `#` may be no comment, as in a text.
fn of_comment(line: &str) -> Option<&'static str> {
    line.split('#').skip(1).find_map(assigned)
}

/// `password: x`, or `password = x`.
fn assigned(comment: &str) -> Option<&'static str> {
    let (name, value) = comment.split_once([':', '='])?;
    let is_blank = |character: char| character.is_whitespace() || "-\"'{[,".contains(character);
    let name = name.trim_matches(is_blank).to_ascii_lowercase();
    let has_value = !value.trim_matches(is_blank).is_empty();
    (has_value && MEMBERS.contains(&&*name)).then_some("a password or secret")
}

/// Returns what a request and who asks hold.
#[must_use]
pub(crate) fn elsewhere(words: &str, who: &Value) -> Option<SecretFound> {
    let mut found = in_text(words);
    walk(who, &mut |path, text, is_name| {
        let here = if is_name {
            in_text(text)
        } else {
            what(path, text)
        };
        found = found.or(here);
    });
    Some(SecretFound {
        path: "the request, or who asks".to_owned(),
        what: found?,
        place: None,
    })
}

/// Returns what kind of secret a text holds, by its form.
#[must_use]
pub(crate) fn in_text(text: &str) -> Option<&'static str> {
    if text.contains("PRIVATE KEY-----") {
        return Some("a private key");
    }
    let is_word =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    let mut words = text.split(|character| !is_word(character));
    words.find_map(|word| {
        let parts: Vec<_> = word.split('.').collect();
        if word.starts_with("eyJ") && parts.len() >= 3 && word.len() > 40 {
            return Some("a token");
        }
        let key = word.strip_prefix("zak_").unwrap_or_default();
        if key.len() == 32 && key.chars().all(|digit| digit.is_ascii_hexdigit()) {
            return Some("an API key");
        }
        if FORGES.iter().any(|prefix| word.starts_with(prefix)) && word.len() > 20 {
            return Some("an access token");
        }
        let amazon = word.len() == 20 && (word.starts_with("AKIA") || word.starts_with("ASIA"));
        amazon.then_some("an access key")
    })
}
