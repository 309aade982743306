//! `matches`: RE2's meaning on the automata that the globs use already.
//!
//! RE2's `\d`, `\s`, `\w` and `\b` are ASCII, so they are spelled out. Time is linear in the text, the size of a compiled pattern is
//! bounded, and a pattern that is refused (`\pL`, over the bound, not an expression) is an error, never a match.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::automaton::Automaton;

/// Longest pattern, bytes.
const MAX_PATTERN: usize = 1024;
/// Largest automaton, bytes.
pub(crate) const MAX_AUTOMATON: usize = 1 << 20;
/// Patterns that are kept compiled.
const MAX_KEPT: usize = 64;

/// The pattern was not acceptable.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotAnExpression;

/// Whether `pattern` matches somewhere in `text`.
pub(super) fn is_match(pattern: &str, text: &str) -> Result<bool, NotAnExpression> {
    thread_local! {
        static KEPT: RefCell<HashMap<String, Automaton>> = RefCell::new(HashMap::new());
    }
    KEPT.with_borrow_mut(|kept| {
        if let Some(regex) = kept.get(pattern) {
            return Ok(regex.is_match(text));
        }
        let regex = compile(pattern)?;
        let matched = regex.is_match(text);
        // Patterns are configuration, as a rule; when claims make them, starting anew is good enough.
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(pattern.to_owned(), regex);
        Ok(matched)
    })
}

/// Compiles a pattern.
pub(super) fn compile(pattern: &str) -> Result<Automaton, NotAnExpression> {
    Automaton::build(&[translate(pattern)?], MAX_AUTOMATON).ok_or(NotAnExpression)
}

/// The pattern in the language of the crate `regex`.
pub(crate) fn translate(pattern: &str) -> Result<String, NotAnExpression> {
    if pattern.len() > MAX_PATTERN { Err(NotAnExpression) } else { Ok(ascii_classes(pattern)) }
}

fn ascii_classes(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        match chars.next() {
            Some('d') => out.push_str("[0-9]"),
            Some('D') => out.push_str("[^0-9]"),
            Some('s') => out.push_str("[\\t\\n\\f\\r ]"),
            Some('S') => out.push_str("[^\\t\\n\\f\\r ]"),
            Some('w') => out.push_str("[0-9A-Za-z_]"),
            Some('W') => out.push_str("[^0-9A-Za-z_]"),
            Some('b') => out.push_str("(?-u:\\b)"),
            Some('B') => out.push_str("(?-u:\\B)"),
            Some(escaped) => out.extend(['\\', escaped]),
            None => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_to_re2() {
        let rows = [
            ("Example", "Joe@Example.com", Ok(true)),
            ("^Example", "Joe@Example.com", Ok(false)),
            ("^v[0-9]+$", "v12", Ok(true)),
            (r"^v\d+\.\d+$", "v1.22", Ok(true)),
            (r"^\d$", "\u{0663}", Ok(false)),
            (r"^[\w-]+$", "a_b-c9", Ok(true)),
            (r"^[\w-]+$", "a.b", Ok(false)),
            (r"^\S+\s\S+$", "a b", Ok(true)),
            (r"\bprod\b", "team-prod-x", Ok(true)),
            (r"\Brod\b", "team-prod-x", Ok(true)),
            (r"\Bprod", "team-prod-x", Ok(false)),
            ("^.$", "\u{e9}", Ok(true)),
            ("", "", Ok(true)),
            ("^$", "a", Ok(false)),
            ("(?i)^PROD$", "prod", Ok(true)),
            ("(", "", Err(NotAnExpression)),
            ("(?:(?:(?:a{99}){99}){99}){99}", "a", Err(NotAnExpression)),
        ];
        for (pattern, text, expected) in rows {
            assert_eq!(is_match(pattern, text), expected, "{pattern} on {text}");
            assert_eq!(is_match(pattern, text), expected, "{pattern} on {text}, kept");
        }
        assert_eq!(is_match(&"a".repeat(1025), "a"), Err(NotAnExpression));
    }

    #[test]
    fn patterns_from_claims_cannot_fill_the_memory() {
        for n in 0..200 {
            assert_eq!(is_match(&format!("^{n}$"), &n.to_string()), Ok(true));
        }
    }
}
