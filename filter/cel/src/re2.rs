//! `matches`: patterns with the meaning that RE2 gives them, translated to the syntax of the crate
//! `regex`.
//!
//! RE2's `\d`, `\s`, `\w` and `\b` are ASCII, so they are spelled out. Time is linear in the text,
//! the size of a compiled pattern is bounded, and a pattern that is refused (`\pL`, over the bound,
//! not an expression) is an error, never a match.

/// Longest pattern, bytes.
const MAX_PATTERN: usize = 1024;
/// Largest automaton, bytes.
pub const MAX_AUTOMATON: usize = 1 << 20;
/// Most repetitions of one thing in RE2.
const MAX_REPETITIONS: u32 = 1000;
/// The pattern is not one of RE2, is too long, or would need too much memory.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidPattern;

/// Translates a pattern to the syntax of the crate `regex`.
///
/// # Errors
/// RE2 has no such pattern, or it is too long.
pub fn translate(pattern: &str) -> Result<String, InvalidPattern> {
    if pattern.len() > MAX_PATTERN {
        Err(InvalidPattern)
    } else {
        translated(pattern).ok_or(InvalidPattern)
    }
}

/// Translates a pattern, `None` where RE2 has no such pattern or where the two would differ.
fn translated(pattern: &str) -> Option<String> {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    let mut before = Before::Atom;
    while let Some(char) = rest.chars().next() {
        let tail = rest.get(char.len_utf8()..)?;
        let count = if char == '{' { counted(tail) } else { None };
        let now = match (char, before) {
            ('?', Before::Repetition) => Before::Lazy,
            ('*' | '+' | '?', Before::Repetition | Before::Lazy) => return None,
            ('{', Before::Repetition | Before::Lazy) if count.is_some() => return None,
            ('*' | '+' | '?', _) => Before::Repetition,
            ('{', _) if count.is_some() => Before::Repetition,
            _ => Before::Atom,
        };
        before = now;
        rest = match (char, count) {
            ('\\', _) => escape(tail, &mut out, false)?,
            ('[', _) => class(tail, &mut out)?,
            ('{', Some(most)) if most <= MAX_REPETITIONS => {
                let (count, after) = tail.split_once('}')?;
                out.push('{');
                out.push_str(count);
                out.push('}');
                after
            }
            ('{', Some(_)) => return None,
            ('{', None) => {
                out.push_str("\\{");
                tail
            }
            ('(', _) if !tail.strip_prefix('?').is_none_or(is_group) => return None,
            (char, _) => {
                out.push(char);
                tail
            }
        };
    }
    Some(out)
}

/// RE2 has no repetition of a repetition.
#[derive(Clone, Copy)]
enum Before {
    Atom,
    Repetition,
    Lazy,
}

/// The larger number of `n}`, `n,}` or `n,m}`; anything else is no repetition for RE2.
fn counted(tail: &str) -> Option<u32> {
    let (numbers, _) = tail.split_once('}')?;
    let (least, most) = numbers.split_once(',').unwrap_or((numbers, ""));
    let number = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| text.parse().unwrap_or(u32::MAX))
    };
    let least = number(least).filter(|_| !least.is_empty())?;
    if most.is_empty() {
        Some(least)
    } else {
        number(most).map(|most| most.max(least))
    }
}

/// Returns true if what follows `(?` is a name or flags that RE2 has.
fn is_group(tail: &str) -> bool {
    let flags = tail.split([':', ')']).next().unwrap_or_default();
    tail.starts_with(['P', '<']) || flags.chars().all(|flag| "imsU-".contains(flag))
}

/// Copies a class, whose set operations RE2 does not have, and returns what follows it.
fn class<'a>(tail: &'a str, out: &mut String) -> Option<&'a str> {
    out.push('[');
    let mut rest = tail;
    if let Some(after) = rest.strip_prefix('^') {
        out.push('^');
        rest = after;
    }
    if let Some(after) = rest.strip_prefix(']') {
        out.push_str("\\]");
        rest = after;
    }
    loop {
        let char = rest.chars().next()?;
        let after = rest.get(char.len_utf8()..)?;
        rest = match char {
            ']' => {
                out.push(']');
                return Some(after);
            }
            '\\' => escape(after, out, true)?,
            '[' if after.starts_with(':') => {
                let end = after.find(":]")? + 2;
                out.push('[');
                out.push_str(after.get(..end)?);
                after.get(end..)?
            }
            '-' if after.starts_with('-') => return None,
            '[' | '&' | '~' => {
                out.extend(['\\', char]);
                after
            }
            char => {
                out.push(char);
                after
            }
        };
    }
}

/// Copies an escape, ASCII classes spelled out, and returns what follows it.
fn escape<'a>(tail: &'a str, out: &mut String, in_class: bool) -> Option<&'a str> {
    let char = tail.chars().next()?;
    match char {
        'd' => out.push_str("[0-9]"),
        'D' => out.push_str("[^0-9]"),
        's' => out.push_str("[\\t\\n\\f\\r ]"),
        'S' => out.push_str("[^\\t\\n\\f\\r ]"),
        'w' => out.push_str("[0-9A-Za-z_]"),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        'b' | 'B' if in_class => return None,
        'b' => out.push_str("(?-u:\\b)"),
        'B' => out.push_str("(?-u:\\B)"),
        // Escapes that only the crate has; and classes of Unicode, whose tables would make the
        // module large. In a native build other crates may bring them.
        'u' | 'U' | '<' | '>' | 'p' | 'P' => return None,
        char => out.extend(['\\', char]),
    }
    tail.get(char.len_utf8()..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::Evaluation;
    use crate::patterns::is_match;

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
            ("[a&&b]", "&", Ok(true)),
            ("[[a]", "[", Ok(true)),
            ("[]a]", "]", Ok(true)),
            ("[^]a]", "]", Ok(false)),
            ("[[:alpha:]-]+$", "a-b", Ok(true)),
            (r"^[\d.]+$", "1.2", Ok(true)),
            (r"^[^\d]$", "a", Ok(true)),
            ("a{,2}", "a{,2}", Ok(true)),
            ("a{x", "a{x", Ok(true)),
            ("^a{2}?$", "aa", Ok(true)),
            ("^a{1000}$", "a", Ok(false)),
            ("a{1001}", "a", Err(InvalidPattern)),
            ("a**", "a", Err(InvalidPattern)),
            ("a*??", "a", Err(InvalidPattern)),
            ("a{2}{2}", "a", Err(InvalidPattern)),
            ("(?x) a", "a", Err(InvalidPattern)),
            ("(?-u:a)", "a", Err(InvalidPattern)),
            (r"[\b]", "b", Err(InvalidPattern)),
            ("[a--b]", "a", Err(InvalidPattern)),
            (r"\<a", "a", Err(InvalidPattern)),
            ("(", "", Err(InvalidPattern)),
            ("(?:(?:(?:a{99}){99}){99}){99}", "a", Err(InvalidPattern)),
        ];
        for (pattern, text, expected) in rows {
            let evaluation = Evaluation::default();
            assert_eq!(
                is_match(&evaluation, pattern, text),
                expected,
                "{pattern} on {text}"
            );
            assert_eq!(
                is_match(&evaluation, pattern, text),
                expected,
                "{pattern} on {text}, kept"
            );
        }
        assert_eq!(
            is_match(&Evaluation::default(), &"a".repeat(1025), "a"),
            Err(InvalidPattern)
        );
    }
}
