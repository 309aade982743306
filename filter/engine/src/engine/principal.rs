//! Who asks, as somebody says.

use serde_json::{Map, Value};

use crate::authn::claims::Claims;
use crate::time::UnixTime;

/// How long the tokens of made-up claims last, in seconds.
const LIFE: i64 = 600;

/// Who asks, as somebody says.
#[derive(Clone, Debug)]
pub enum Principal {
    /// Nobody.
    Anonymous,
    /// A user of the login service or of a client certificate; the groups of the configuration are
    /// added.
    User {
        /// The name.
        name: String,
        /// The groups.
        groups: Vec<String>,
    },
    /// A user as a claim mapping gives it: no groups are added, and conditions may read the claims.
    Mapped {
        /// The name.
        name: String,
        /// The groups.
        groups: Vec<String>,
        /// The claims.
        claims: Map<String, Value>,
    },
    /// The holder of a token with these claims. `aud`, `iat`, `exp` and `sub` are filled in where
    /// they are missing.
    Claims {
        /// The issuer.
        issuer: String,
        /// The claims.
        claims: Map<String, Value>,
    },
    /// The holder of a token whose claims are these and no others: nothing is filled in. Its
    /// signature is not checked.
    Token {
        /// The claims, all of them.
        claims: Map<String, Value>,
    },
}

impl Principal {
    /// Returns the issuer and the claims of a token, or of claims that somebody made up. The issuer
    /// of a token that names none is empty.
    #[must_use]
    pub fn claims(&self) -> Option<(&str, &Map<String, Value>)> {
        match self {
            Self::Claims { issuer, claims } => Some((issuer, claims)),
            Self::Token { claims } => Some((named(claims).unwrap_or_default(), claims)),
            Self::Anonymous | Self::User { .. } | Self::Mapped { .. } => None,
        }
    }
}

/// A token that somebody presents, and nobody has signed.
pub(super) struct Presented<'a> {
    claims: &'a Map<String, Value>,
    /// What else is missing is filled in, with this issuer.
    made_up_for: Option<&'a str>,
}

impl<'a> Presented<'a> {
    /// A token that has these claims among others.
    pub(super) const fn with(issuer: &'a str, claims: &'a Map<String, Value>) -> Self {
        Self {
            claims,
            made_up_for: Some(issuer),
        }
    }

    /// A token that has these claims and no others.
    pub(super) const fn whole(claims: &'a Map<String, Value>) -> Self {
        Self {
            claims,
            made_up_for: None,
        }
    }

    /// The issuer that it names; empty if it names none.
    pub(super) fn issuer(&self) -> &str {
        named(self.claims).or(self.made_up_for).unwrap_or_default()
    }

    /// Its claims, as an entry with these audiences gets them.
    pub(super) fn claims(&self, audiences: &[String], now: UnixTime) -> Claims {
        let claims = self.claims.clone();
        Claims::new(match self.made_up_for {
            Some(issuer) => filled(issuer, claims, audiences, now),
            None => claims,
        })
    }
}

/// The issuer that claims name.
fn named(claims: &Map<String, Value>) -> Option<&str> {
    claims.get("iss").and_then(Value::as_str)
}

/// The claims of a token that could be real: what is missing of the claims that each token has is
/// added.
fn filled(
    issuer: &str,
    mut claims: Map<String, Value>,
    audiences: &[String],
    now: UnixTime,
) -> Map<String, Value> {
    let mut add = |name: &str, value: Value| {
        claims.entry(name).or_insert(value);
    };
    add("iss", issuer.into());
    add("sub", "somebody".into());
    add("iat", now.secs().into());
    add("exp", now.secs().saturating_add(LIFE).into());
    if let Some(audience) = audiences.first() {
        add("aud", audience.as_str().into());
    }
    claims
}
