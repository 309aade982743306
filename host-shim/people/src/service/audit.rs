//! One line per login: who, how, from where, and how it ended. Never a secret.

use crate::person::{LoginError, Person};

/// The longest name that is shown, in characters: an unknown one is whatever somebody typed.
const SHOWN: usize = 100;

/// Logs a login.
pub(super) fn login(
    user: &str,
    result: &Result<Person, LoginError>,
    client: Option<&str>,
    what: &'static str,
) {
    let user: String = user.chars().take(SHOWN).collect();
    let outcome = match result {
        Ok(person) => {
            let method = person.method.to_string();
            tracing::info!(user, method, outcome = "ok", client, what, "login");
            return;
        }
        Err(LoginError::WrongPassword) => "wrong_password",
        Err(LoginError::TooManyAttempts { .. }) => "too_many_attempts",
        Err(LoginError::Unavailable { reason, .. }) => {
            let outcome = reason.to_string();
            tracing::warn!(user, outcome, client, what, "login");
            return;
        }
    };
    tracing::warn!(user, outcome, client, what, "login");
}
