//! Why an object is not as it should be.

use std::time::Duration;

use registry_auth_credential_helper::token::TokenError;

use crate::account::AccountError;
use crate::call::CallError;
use crate::plan::Foreign;

/// A problem. Its text is for the log, and for the event that the owner of the object sees.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// A label or an annotation of the account cannot be used.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The Secret is not ours.
    #[error("{name}: {why}")]
    Foreign {
        /// The name of the Secret.
        name: String,
        /// Why.
        why: Foreign,
    },
    /// The API server gave a token that is not good.
    #[error("asked for a token with the audience `{audience}`: {}", without_time(.error))]
    Token {
        /// The audience.
        audience: String,
        /// Why.
        error: TokenError,
    },
    /// A repository Secret of Argo CD cannot be used.
    #[error("{0}")]
    Repository(String),
    /// The API server knows no such account, or no tokens.
    #[error(
        "cannot create a token of the service account {account}: {error}: it is missing, or its Secret is, or the API server makes no tokens"
    )]
    NoToken {
        /// Namespace and name of the account.
        account: String,
        /// The answer.
        error: CallError,
    },
    /// A request failed.
    #[error("{what}: {error}{}", advice(.error))]
    Call {
        /// What was tried.
        what: &'static str,
        /// Why not.
        error: CallError,
    },
}

impl Problem {
    /// Returns a function that makes a problem of an error, with what was tried.
    pub(crate) fn when(what: &'static str) -> impl Fn(CallError) -> Self {
        move |error| Self::Call { what, error }
    }

    const fn error(&self) -> Option<&CallError> {
        match self {
            Self::NoToken { error, .. } | Self::Call { error, .. } => Some(error),
            Self::Account(_) | Self::Foreign { .. } | Self::Token { .. } | Self::Repository(_) => {
                None
            }
        }
    }

    /// Returns whether all of the namespace is going away: that is no problem.
    #[must_use]
    pub(crate) const fn is_ending(&self) -> bool {
        let ending = CallError::is_terminating;
        match self.error() {
            Some(error) => ending(error),
            None => false,
        }
    }

    /// Returns whether something was not found: that is no problem if the object itself is gone, which
    /// a watch may show a moment later.
    #[must_use]
    pub(crate) const fn is_missing(&self) -> bool {
        matches!(self.error(), Some(CallError::Refused { status: 404, .. }))
    }

    /// Returns the label of the metric.
    #[must_use]
    pub(crate) const fn label(&self) -> &'static str {
        match self {
            Self::Account(_) => "account",
            Self::Foreign { .. } => "foreign",
            Self::Token { .. } => "token",
            Self::Repository(_) => "repository",
            Self::NoToken { error, .. } | Self::Call { error, .. } => error.label(),
        }
    }

    /// Returns the reason of an event, in one word; `None` if it passes by itself.
    #[must_use]
    pub(crate) const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Account(_) => Some("InvalidRequest"),
            Self::Foreign { .. } => Some("SecretNotOurs"),
            Self::Token { .. } => Some("TokenRefused"),
            Self::Repository(_) => Some("InvalidRepository"),
            Self::NoToken { error, .. } | Self::Call { error, .. } => match error.status() {
                Some(400..=408 | 422) => Some("RequestRefused"),
                _ => None,
            },
        }
    }

    /// Returns how long the API server asks to wait.
    #[must_use]
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self.error() {
            Some(error) => error.retry_after(),
            None => None,
        }
    }
}

/// The same text whenever it is tried: each new text is an event.
fn without_time(error: &TokenError) -> String {
    match error {
        TokenError::Ended(_) => {
            "it has ended, or ends too soon: compare the clocks of controller and API server"
                .to_owned()
        }
        error => error.to_string(),
    }
}

fn advice(error: &CallError) -> &'static str {
    match error.status() {
        Some(401) => "; the token of the controller is not accepted",
        Some(403) => "; the rights of the controller are in the chart (`controller.enabled`)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, is_terminating: bool) -> Problem {
        Problem::when("cannot create a token")(CallError::Refused {
            status,
            text: crate::said::status_text(status, "Reason", "words"),
            retry_after: None,
            is_terminating,
            is_owned: false,
        })
    }

    #[test]
    fn a_problem_has_a_label_and_what_does_not_pass_a_reason() {
        let pages = [
            include_str!("../../../docs/metrics.md"),
            include_str!("../../../docs/controller.md"),
        ];
        let call = Problem::when("cannot read the Secret");
        let foreign = Problem::Foreign {
            name: "registry-auth-app".to_owned(),
            why: Foreign::NotManaged,
        };
        let token = Problem::Token {
            audience: "a".to_owned(),
            error: TokenError::NoEnd,
        };
        let rows = [
            (
                Problem::Account(AccountError::Username),
                "account",
                Some("InvalidRequest"),
            ),
            (foreign, "foreign", Some("SecretNotOurs")),
            (token, "token", Some("TokenRefused")),
            (
                Problem::Repository("x".to_owned()),
                "repository",
                Some("InvalidRepository"),
            ),
            (refused(401, false), "forbidden", Some("RequestRefused")),
            (refused(403, false), "forbidden", Some("RequestRefused")),
            (refused(422, false), "conflict", Some("RequestRefused")),
            (refused(409, false), "conflict", None),
            (refused(429, false), "throttled", None),
            (refused(500, false), "refused", None),
            (
                call(CallError::Timeout(Duration::from_secs(1))),
                "timeout",
                None,
            ),
            (
                call(CallError::Unreachable("no".to_owned())),
                "unreachable",
                None,
            ),
            (call(CallError::Answer("not JSON")), "answer", None),
        ];
        for (problem, label, reason) in rows {
            assert_eq!((problem.label(), problem.reason()), (label, reason));
            let [metrics, page] = pages;
            assert!(metrics.contains(&format!("`{label}`")), "{label}");
            if let Some(reason) = reason {
                assert!(page.contains(&format!("| `{reason}` | ")), "{reason}");
            }
            assert!(!problem.is_missing() && !problem.is_ending());
            assert!(!problem.to_string().contains('\n'));
        }
        assert!(refused(404, false).is_missing() && !refused(404, false).is_ending());
        assert!(refused(403, true).is_ending() && !refused(403, true).is_missing());
        assert_eq!(refused(404, false).reason(), Some("RequestRefused"));
        let text = refused(403, false).to_string();
        assert_eq!(
            text,
            "cannot create a token: the API server answered 403 Reason: words; the rights of the controller are in the chart (`controller.enabled`)"
        );
    }
}
