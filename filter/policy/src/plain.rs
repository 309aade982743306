//! Texts of others in what people read: names, claims and messages may hold anything.

use std::borrow::Cow;

use registry_auth_engine::json::is_unseen;

/// Returns a line with escapes for all characters that are not seen, line breaks too.
#[must_use]
pub fn line(line: &str) -> Cow<'_, str> {
    if !line.contains(is_unseen) {
        return Cow::Borrowed(line);
    }
    let mut shown = String::with_capacity(line.len() + 16);
    for character in line.chars() {
        if is_unseen(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_the_cursor_or_turns_a_text_around() {
        let rows = [
            ("acme/app", "acme/app"),
            ("a\nREFUSED\r", "a\\nREFUSED\\r"),
            ("\u{1b}[31m", "\\u{1b}[31m"),
            ("\u{9b}1m\u{7f}", "\\u{9b}1m\\u{7f}"),
            ("a\u{202e}b\u{2028}", "a\\u{202e}b\\u{2028}"),
            ("\u{e9}\u{4e2d}", "\u{e9}\u{4e2d}"),
        ];
        for (text, expected) in rows {
            assert_eq!(line(text), expected);
        }
    }
}
