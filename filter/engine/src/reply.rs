//! An HTTP answer of our own, and the challenge in it.

use crate::reason::Challenge;
use crate::route::is_registry_target;

/// An HTTP answer of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// What challenges of one configuration say about where to get a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Realm {
    /// `bearer.realm` if it is an absolute URL: clients fetch a token there.
    pub token_endpoint: Option<String>,
    /// Realm of the Basic challenge otherwise.
    pub name: String,
    /// `bearer.service`.
    pub service: String,
}

impl Reply {
    /// How many bytes of text it holds.
    #[must_use]
    pub fn size(&self) -> usize {
        self.body.len()
            + self
                .headers
                .iter()
                .map(|(_, value)| value.len())
                .sum::<usize>()
    }

    /// This as the answer to a request for `target`: under `/v2` with what registries put on each
    /// of their answers, as Docker's command line takes a registry for one that it knows only then.
    #[must_use]
    pub fn at(mut self, target: &[u8]) -> Self {
        if is_registry_target(target) {
            self.headers
                .push(("docker-distribution-api-version", "registry/2.0".to_owned()));
        }
        self
    }
}

impl Realm {
    /// The value of `WWW-Authenticate`: Bearer as the Docker token protocol wants it when there is
    /// a token endpoint (RFC 6750 section 3), otherwise Basic (RFC 7617).
    pub(crate) fn challenge(&self, kind: Challenge, scope: &str) -> Option<String> {
        let error = match kind {
            Challenge::No => return None,
            Challenge::Plain => None,
            Challenge::InvalidToken => Some("invalid_token"),
            Challenge::InsufficientScope => Some("insufficient_scope"),
        };
        let Some(endpoint) = &self.token_endpoint else {
            return self.basic_challenge(kind);
        };
        let mut value = format!(
            "Bearer realm={},service={}",
            quoted(endpoint),
            quoted(&self.service)
        );
        for (name, text) in [("scope", scope), ("error", error.unwrap_or_default())] {
            if !text.is_empty() {
                value.push(',');
                value.push_str(name);
                value.push('=');
                value.push_str(&quoted(text));
            }
        }
        Some(value)
    }

    pub(crate) fn basic_challenge(&self, kind: Challenge) -> Option<String> {
        (kind != Challenge::No).then(|| format!("Basic realm={}", quoted(&self.name)))
    }
}

/// No answer with a token, or about one, may be kept (RFC 6749 section 5.1).
pub(crate) fn unstored() -> [(&'static str, String); 2] {
    [
        ("cache-control", "no-store".to_owned()),
        ("pragma", "no-cache".to_owned()),
    ]
}

/// A quoted-string (RFC 9110 section 5.6.4); what it cannot hold is left out.
fn quoted(text: &str) -> String {
    let mut value = String::with_capacity(text.len() + 2);
    value.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => value.extend(['\\', character]),
            ' '..='~' => value.push(character),
            _ => {}
        }
    }
    value.push('"');
    value
}
