//! The description of an error in a challenge.

use serde_json::Value;

use super::Differences;
use crate::client::Response;

/// Begins the description of an error at the end of a challenge (RFC 6750 section 3).
pub(super) const DESCRIPTION: &str = ",error_description=";

/// A challenge without the description of its error.
pub(super) fn undescribed(challenge: &str) -> &str {
    challenge
        .split_once(DESCRIPTION)
        .map_or(challenge, |(before, _)| before)
}

/// Checks that a challenge with an error describes it if the body does, and only then.
pub(super) fn check(response: &Response, error: &Value, found: &mut Differences) {
    let Some(challenge) = response.header("www-authenticate") else {
        return;
    };
    let reason = error
        .pointer("/errors/0/detail/reason")
        .and_then(Value::as_str);
    let reason = reason.filter(|_| challenge.contains(",error="));
    // What a quoted text cannot hold is other in it.
    let is_plain = |reason: &str| reason.len() <= 256 && !reason.contains(['"', '\\']);
    if reason.is_none_or(|reason| is_plain(reason) && reason.is_ascii()) {
        let expected = reason.map(|reason| format!("{DESCRIPTION}\"{reason}\""));
        let seen = challenge.strip_prefix(undescribed(&challenge));
        let expected = expected.unwrap_or_default();
        found.equal("error_description", Some(&expected), seen);
    }
}
