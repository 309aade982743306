//! What happened, as plain numbers for metrics.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::person::Method;

/// How a login ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Somebody was authenticated.
    Right,
    /// No such name, or another password.
    Wrong,
    /// Too many failures before.
    TooMany,
    /// The answer is not known.
    Unavailable,
}

impl Outcome {
    /// The value of a label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Right => "ok",
            Self::Wrong => "wrong_password",
            Self::TooMany => "too_many_attempts",
            Self::Unavailable => "unavailable",
        }
    }
}

/// The numbers of logins.
#[derive(Debug, Default)]
pub struct Counters(Mutex<BTreeMap<(&'static str, Outcome), u64>>);

impl Counters {
    /// The logins by method and outcome. The method is known of those that were right only; it is
    /// `none` of the others.
    #[must_use]
    pub fn logins(&self) -> Vec<(&'static str, Outcome, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts
            .iter()
            .map(|((method, outcome), count)| (*method, *outcome, *count))
            .collect()
    }

    pub(crate) fn count(&self, method: Option<&Method>, outcome: Outcome) {
        let method = match method {
            None => "none",
            Some(Method::Htpasswd) => "htpasswd",
            Some(Method::Ldap) => "ldap",
            Some(Method::ApiKey) => "apikey",
            Some(Method::OpenId(_)) => "openid",
        };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((method, outcome)).or_default() += 1;
    }
}
