//! What the fuzz targets share: an engine to ask, tokens to ask with, rules for what comes out.

pub mod grammar;
pub mod keys;
pub mod site;
pub mod token;
pub mod work;

/// A text that stands for a secret. It is in the seeds, and never in a message of ours; no escape
/// can end with it.
pub const CANARY: &str = "h1dd3n";

/// Fails when a message holds [`CANARY`] or is not one line.
pub fn check_message(message: &str) {
    assert!(
        !message.contains(CANARY),
        "a message holds a part of its input: {message}"
    );
    check_line(message);
}

/// Fails when a message, which may quote its input, is not one line.
pub fn check_line(message: &str) {
    assert!(
        !message.chars().any(char::is_control),
        "a message is not one line: {message:?}"
    );
}
