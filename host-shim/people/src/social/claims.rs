//! From the claims of a provider to user name and groups.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::error::{Reason, SocialError};
use super::provider::OpenId;
use crate::person::MAX_USER;

/// The claim that is read when the configured one is empty.
const EMAIL: &str = "email";
/// Whether the provider has verified the address.
const VERIFIED: &str = "email_verified";

/// What a provider says of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The user name.
    pub user: String,
    /// The groups, sorted.
    pub groups: Vec<String>,
}

/// The claims of an ID token, and those of the userinfo endpoint.
pub struct ClaimSources<'a> {
    /// Verified claims of the ID token.
    pub id_token: &'a Map<String, Value>,
    /// The answer of the userinfo endpoint, if it was asked.
    pub userinfo: Option<&'a Map<String, Value>>,
}

impl ClaimSources<'_> {
    /// Returns true if the ID token lacks something that the userinfo endpoint may know.
    #[must_use]
    pub fn lacks(&self, provider: &OpenId) -> bool {
        let of_token = |claim: &str| text(self.id_token, claim).is_some();
        let name = &provider.username_claim;
        !of_token(name)
            || !self.id_token.contains_key(&provider.groups_claim)
            || (name == EMAIL && !self.id_token.contains_key(VERIFIED))
    }

    /// Returns user name and groups.
    ///
    /// # Errors
    /// [`Reason::NoUserName`]: there is none, or it is too long or has control characters.
    /// [`Reason::UnverifiedAddress`]: it is an address that the provider has not verified.
    pub fn named(&self, provider: &OpenId) -> Result<Named, SocialError> {
        let configured = (provider.username_claim != EMAIL)
            .then(|| self.text(&provider.username_claim))
            .flatten();
        let user = if let Some(user) = configured {
            user
        } else {
            let address = self.text(EMAIL).ok_or(Reason::NoUserName)?;
            if self.all().any(|claims| is_false(claims.get(VERIFIED))) {
                return Err(Reason::UnverifiedAddress.into());
            }
            address
        };
        if user.len() > MAX_USER || user.chars().any(char::is_control) {
            return Err(Reason::NoUserName.because("it is too long, or has control characters"));
        }
        let mut groups = BTreeSet::new();
        for claims in self.all() {
            groups.extend(listed(claims.get(&provider.groups_claim)));
        }
        Ok(Named {
            user: user.to_owned(),
            groups: groups.into_iter().collect(),
        })
    }

    fn all(&self) -> impl Iterator<Item = &Map<String, Value>> {
        [Some(self.id_token), self.userinfo].into_iter().flatten()
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.all().find_map(|claims| text(claims, claim))
    }
}

fn text<'a>(claims: &'a Map<String, Value>, claim: &str) -> Option<&'a str> {
    let text = claims.get(claim).and_then(Value::as_str);
    text.filter(|text| !text.is_empty())
}

/// Some providers write it as text.
fn is_false(value: Option<&Value>) -> bool {
    matches!(value, Some(Value::Bool(false))) || value.is_some_and(|value| value == "false")
}

/// A list of texts and numbers, or one text.
fn listed(value: Option<&Value>) -> Vec<String> {
    let one = |value: &Value| match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        Some(Value::Array(values)) => values.iter().filter_map(one).collect(),
        Some(Value::String(text)) if !text.is_empty() => vec![text.clone()],
        _ => Vec::new(),
    }
}
