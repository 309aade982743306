//! What a server says, as messages show it.

use std::error::Error;

use hyper::StatusCode;

/// Returns what an answer says that is an error: the status, its reason in one word, and a message.
/// Each may be missing: what is between here and the API server answers without.
#[must_use]
pub(crate) fn status_text(status: u16, reason: &str, message: &str) -> String {
    let known = StatusCode::from_u16(status).ok();
    let known = known.and_then(|status| status.canonical_reason());
    // More than a word is what a library says instead of one.
    let reason = if reason.is_empty() || reason.contains(char::is_whitespace) {
        known.unwrap_or("without a reason").to_owned()
    } else {
        shown_message(reason)
    };
    let message = match shown_message(message) {
        message if message.is_empty() => message,
        message => format!(": {message}"),
    };
    format!("the API server answered {status} {reason}{message}")
}

/// Returns the innermost cause of an error, as messages show it: those around it only say that something
/// failed.
#[must_use]
pub(crate) fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    shown_message(&cause.to_string())
}

/// The longest message that is shown, in characters.
const MESSAGE: usize = 300;
/// The longest word that is shown: a webhook may quote what was sent to it, which may be a token.
const WORD: usize = 80;

/// Returns a message of the API server on one line, without words that may be a token or the
/// base64 of one.
#[must_use]
pub(crate) fn shown_message(message: &str) -> String {
    let is_long = |word: &&str| {
        let mut letters = word.split(|letter: char| !is_of_base64(letter));
        letters.any(|run| run.len() > WORD) || word.contains("eyJ")
    };
    let words = message
        .split_whitespace()
        .map(|word| if is_long(&word) { "[not shown]" } else { word });
    let line = words.collect::<Vec<_>>().join(" ");
    let cut: String = line.chars().take(MESSAGE).collect();
    cut.escape_debug()
        .to_string()
        .replace("\\\"", "\"")
        .replace("\\'", "'")
}

/// Names of objects have dots and dashes too, but no part of one is that long.
const fn is_of_base64(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/' | '=' | '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_short_and_an_answer_without_a_reason_has_that_of_its_status() {
        assert!(shown_message(&"a b ".repeat(900)).len() <= MESSAGE);
        let rows = [
            (429, "", "", "429 Too Many Requests"),
            (
                429,
                "Failed to parse error data",
                "",
                "429 Too Many Requests",
            ),
            (599, "", "", "599 without a reason"),
            (410, "Expired", "too old\n", "410 Expired: too old"),
        ];
        for (status, reason, message, expected) in rows {
            let found = status_text(status, reason, message);
            assert_eq!(found, format!("the API server answered {expected}"));
        }
    }
}
