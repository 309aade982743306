//! Which lines of a configuration may be shown: never one that may hold a secret.

use std::ops::Range;

/// The longest line that is shown, bytes: a longer one may hold a whole document.
const MAX_LINE: usize = 200;
/// Parts of the names of members that may hold secrets, in lower case.
const SECRET_PARTS: [&str; 11] = [
    "authori",
    "passw",
    "secret",
    "token",
    "credential",
    "private",
    "bind",
    "pushkey",
    "hashkey",
    "encryptkey",
    "accesskey",
];
/// Names of members that hold secrets: the private numbers of a JWK (RFC 7518 section 6) too.
const SECRET: [&str; 11] = [
    "d",
    "p",
    "q",
    "dp",
    "dq",
    "qi",
    "oth",
    "k",
    "key",
    "url",
    "sessiondriver",
];

/// Returns the lines around some bytes if they may be shown: the lines, and the byte where they
/// begin.
pub(crate) fn of<'a>(text: &'a str, bytes: &Range<usize>) -> Option<(&'a str, usize)> {
    let start = text.get(..bytes.start)?.rfind('\n').map_or(0, |at| at + 1);
    let rest = text.get(start..)?;
    let line = rest.lines().next().unwrap_or_default();
    let is_short = line.len() <= MAX_LINE && bytes.end <= start + line.len();
    (is_short && !is_secret(line) && !ancestors(text, start, indentation(line)).any(is_secret))
        .then_some((line, start))
}

/// Returns the begin of a line up to the name at some bytes, if nothing is in front of it.
pub(crate) fn name_only<'a>(
    line: &'a str,
    start: usize,
    bytes: &Range<usize>,
) -> Option<(&'a str, usize)> {
    let before = line.get(..bytes.start.checked_sub(start)?)?;
    let is_first = before
        .chars()
        .all(|character| " -{\"'\t".contains(character));
    let shown = line.get(..bytes.end.checked_sub(start)?)?;
    is_first.then_some((shown, start))
}

/// A name before a colon that may have a secret behind it, or a text that may be one.
fn is_secret(line: &str) -> bool {
    let line = line.to_lowercase();
    let names = line.match_indices(':').filter_map(|(at, _)| {
        let before = line.get(..at)?.trim_end().trim_end_matches(['"', '\'']);
        before
            .rsplit(|character: char| !character.is_ascii_alphanumeric())
            .next()
    });
    let mut names = names.filter(|name| !name.is_empty());
    let has_user = line.split_once("://").is_some_and(|(_, rest)| {
        rest.split(['/', ' ', '"'])
            .next()
            .is_some_and(|host| host.contains('@'))
    });
    let has_credential = ["basic ", "bearer ", "eyj", "-----begin"];
    names.any(|name| SECRET.contains(&name) || SECRET_PARTS.iter().any(|part| name.contains(part)))
        || has_credential.iter().any(|part| line.contains(part))
        || has_user
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The lines above that are indented less, each less than the one before: the members that a line
/// is in.
fn ancestors(text: &str, start: usize, mut level: usize) -> impl Iterator<Item = &str> {
    let above = text.get(..start).unwrap_or_default();
    above.lines().rev().filter(move |line| {
        let is_outer = !line.trim().is_empty() && indentation(line) < level;
        if is_outer {
            level = indentation(line);
        }
        is_outer
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_may_hold_a_secret_is_not_shown() {
        let text = "http:\n  a: 1\n  ldap:\n    bindPassword: |\n      hunter2\n\n      hunter3\n  b: {clientsecret: x}\n  c: 2\n  i: https://token.example\n  u: \"redis://user@h\"\n";
        let rows = [
            ("a: 1", true),
            ("hunter2", false),
            ("hunter3", false),
            ("clientsecret", false),
            ("c: 2", true),
            ("token.example", true),
            ("user@", false),
        ];
        for (part, shown) in rows {
            let at = text.find(part).unwrap();
            assert_eq!(of(text, &(at..at + 1)).is_some(), shown, "{part}");
        }
        let long = format!("{{\"a\": \"{}\"}}", "x".repeat(300));
        assert_eq!(of(&long, &(1..4)), None);
        assert_eq!(of("a\nb", &(0..3)), None);
    }
}
