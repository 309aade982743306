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
    /// One word for what it says: the label of a reason, or of an answer.
    pub label: &'static str,
}

/// What the answers to granted requests are called, as a refusal is by its reason.
pub(crate) const PING: &str = "ping";
pub(crate) const CATALOG: &str = "catalog";
pub(crate) const TOKEN: &str = "token";

/// The request that a reply is for, as far as the reply depends on it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplyTo<'a> {
    /// `:method`.
    pub method: &'a [u8],
    /// The raw `:path`.
    pub target: &'a [u8],
    /// `x-request-id`, or empty.
    pub id: &'a [u8],
    /// The sealed record of its refusal, or empty.
    pub trace: &'a str,
}

/// The longest id of a request that is repeated, in bytes: those of proxies are shorter.
const MAX_ID: usize = 64;

impl<'a> ReplyTo<'a> {
    /// The id of the request; none if it is not one that a proxy makes, as some proxies keep what
    /// the client sends.
    #[must_use]
    pub fn id(&self) -> Option<&'a str> {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
        let is_id = !self.id.is_empty() && self.id.len() <= MAX_ID && self.id.iter().all(is_part);
        std::str::from_utf8(self.id).ok().filter(|_| is_id)
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == b"HEAD"
    }
}

/// A request of which only the target is known.
impl<'a, T: AsRef<[u8]> + ?Sized> From<&'a T> for ReplyTo<'a> {
    fn from(target: &'a T) -> Self {
        Self {
            target: target.as_ref(),
            ..Self::default()
        }
    }
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
    /// a token endpoint (RFC 6750 section 3), otherwise Basic (RFC 7617). `why` describes an error.
    pub(crate) fn challenge(&self, kind: Challenge, scope: &str, why: &str) -> Option<String> {
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
        let error = error.unwrap_or_default();
        let why = if error.is_empty() {
            String::new()
        } else {
            described(why)
        };
        for (name, text) in [
            ("scope", scope),
            ("error", error),
            ("error_description", &why),
        ] {
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

/// The value of `Warning` with a text of ours (RFC 7234 section 5.5, "miscellaneous persistent
/// warning"). Clients that know the field show it, where they show no body.
#[must_use]
pub fn warning(text: &str) -> String {
    format!("299 - \"registry-auth: {}\"", described(text))
}

/// The longest text of the configuration in a header field, in characters.
const MAX_DESCRIBED: usize = 256;

/// A text as `error_description` may have it: visible ASCII and blanks without `"` and `\`
/// (RFC 6750 section 3), whatever it is in the configuration.
fn described(text: &str) -> String {
    let plain = text
        .chars()
        .take(MAX_DESCRIBED)
        .map(|character| match character {
            '"' => '\'',
            '\\' => '/',
            ' '..='~' => character,
            _ => '?',
        });
    plain.collect()
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
