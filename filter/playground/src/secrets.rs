//! Secrets in a configuration, which no link may hold.

use serde::Serialize;

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

/// Returns the secrets of a configuration, by the names of members and the form of texts.
#[must_use]
pub(crate) fn of(places: &Places) -> Vec<SecretFound> {
    let mut found = Vec::new();
    places.scalars(&mut |path, text, place| {
        let name = match path.last() {
            Some(Segment::Name(name)) => name.to_ascii_lowercase(),
            _ => String::new(),
        };
        if let Some(what) = what(&name, path, text) {
            found.push(SecretFound {
                path: path::write(path),
                what,
                place: Some(place),
            });
        }
    });
    found.sort_by_key(|found| found.place);
    found
}

fn what(name: &str, path: &[Segment], text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return None;
    }
    let is_key = path
        .iter()
        .any(|segment| matches!(segment, Segment::Name(name) if name == "keys" || name == "jwks"));
    if MEMBERS.contains(&name) {
        Some("a password or secret")
    } else if is_key && PRIVATE.contains(&name) {
        Some("a private key")
    } else {
        in_text(text)
    }
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
