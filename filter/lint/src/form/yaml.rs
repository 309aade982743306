//! What is wrong with a text that is not YAML.

use super::super::finding::Finding;
use super::super::places::{Lines, Places};
use super::{bytes, is_smart};

/// What a plain text must not begin with, and what it means there.
const MEANINGS: &[(char, &str)] = &[
    ('*', "an alias of another place"),
    ('&', "a name for another place"),
    ('!', "a tag"),
    ('%', "a directive"),
    ('@', "reserved"),
    ('`', "reserved"),
    ('|', "a text of several lines"),
    ('>', "a text of several lines"),
];

pub(super) fn finding(text: &str, places: &Places, at: Option<usize>) -> Option<Finding> {
    if let Some(tab) = tab(text) {
        let finding = bytes(
            "tab",
            "YAML is indented by blanks, and this is a tab",
            tab,
            1,
        );
        return Some(finding.write("two blanks"));
    }
    let (at, why) = match (places.broken(), at) {
        (Some((at, why)), _) => (at, why),
        (None, Some(at)) => (at, ""),
        (None, None) => return None,
    };
    let lines = Lines::of(text);
    let (line, _) = lines.position(at.min(text.len()));
    // What is wrong is where the reader stops, or in the line before.
    for line in [line, line.saturating_sub(1)] {
        if let Some(finding) = of_line(text, line, why) {
            return Some(finding);
        }
    }
    if let Some(quote) = ["double", "single"]
        .iter()
        .find(|quote| why.contains(&format!("after {quote}-quoted")))
    {
        let quote = if *quote == "double" { '"' } else { '\'' };
        if let Some(start) = odd_quote(text, line, quote) {
            let finding = bytes(
                "not-closed",
                "this quote is not closed in its line",
                start,
                1,
            );
            return Some(finding.write(format!("a {quote} at the end of the text")));
        }
    }
    if let Some(start) = open_bracket(text, at) {
        let finding = bytes(
            "not-closed",
            "this bracket is not closed where the text goes on",
            start,
            1,
        );
        return Some(finding.write("the other bracket at its end"));
    }
    let is_indentation = [
        "did not find expected key",
        "invalid indentation",
        "mapping values are not allowed",
        "block sequence entries are not allowed",
        "simple key expected",
        "wrongly indented",
        "did not find expected node content",
    ];
    if is_indentation.iter().any(|part| why.contains(part)) {
        let (start, end) = range_of(text, line);
        let content = text.get(start..end).unwrap_or_default();
        let blank = content.len() - content.trim_start().len();
        let finding = bytes(
            "indentation",
            "this line is indented as no line above it is, or a `:` or `-` is missing",
            start + blank,
            1,
        );
        return Some(
            finding
                .write("the indentation of the other members; a text with `: ` in it needs quotes"),
        );
    }
    let is_open = [
        "unclosed",
        "unexpected EOF",
        "expected ',' or",
        "misplaced bracket",
        "mismatched",
    ];
    if is_open.iter().any(|part| why.contains(part)) {
        let finding = bytes(
            "not-closed",
            format!("is not YAML: {why}"),
            at.min(text.len().saturating_sub(1)),
            1,
        );
        return Some(finding.write("a bracket, brace or quote for each that is opened"));
    }
    None
}

/// The first quote of the nearest line, going up, that has one too many.
fn odd_quote(text: &str, line: usize, quote: char) -> Option<usize> {
    (1..=line).rev().take(20).find_map(|line| {
        let (start, end) = range_of(text, line);
        let content = text.get(start..end)?;
        let is_odd = content.matches(quote).count() % 2 == 1;
        is_odd.then(|| content.rfind(quote).map(|at| start + at))?
    })
}

/// The last bracket before `at` that is not closed there; quoted texts and comments are left out.
fn open_bracket(text: &str, at: usize) -> Option<usize> {
    let mut open = Vec::new();
    let mut quote = None;
    let mut comment = false;
    let mut last = ' ';
    for (index, character) in text.get(..(at + 1).min(text.len()))?.char_indices() {
        match character {
            '\n' => comment = false,
            _ if comment => {}
            '\'' | '"' if quote.is_none() && !last.is_alphanumeric() => quote = Some(character),
            _ if quote == Some(character) => quote = None,
            _ if quote.is_some() => {}
            '#' if last.is_whitespace() => comment = true,
            '[' | '{' => open.push(index),
            ']' | '}' => {
                open.pop();
            }
            _ => {}
        }
        last = character;
    }
    open.pop()
}

/// The first tab in an indentation.
fn tab(text: &str) -> Option<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let blank = line.len() - line.trim_start_matches([' ', '\t']).len();
        let indentation = line.get(..blank).unwrap_or_default();
        let is_content = !line.trim().is_empty() && !line.trim_start().starts_with('#');
        if is_content && let Some(tab) = indentation.find('\t') {
            return Some(start + tab);
        }
        start += line.len();
    }
    None
}

/// The bytes of a line, from one, without its end.
fn range_of(text: &str, line: usize) -> (usize, usize) {
    let mut start = 0;
    for (index, content) in text.split_inclusive('\n').enumerate() {
        if index + 1 == line {
            return (start, start + content.trim_end().len());
        }
        start += content.len();
    }
    (text.len(), text.len())
}

fn of_line(text: &str, line: usize, why: &str) -> Option<Finding> {
    let (start, end) = range_of(text, line);
    let content = text.get(start..end)?;
    if let Some((at, quote)) = content
        .char_indices()
        .find(|(_, character)| is_smart(*character))
    {
        let finding = bytes(
            "quotes",
            "these are not the quotes of YAML",
            start + at,
            quote.len_utf8(),
        );
        return Some(finding.write("straight quotes, ' or \""));
    }
    if why.contains("escape") {
        let at = content.find('\\')?;
        let finding = bytes(
            "escape",
            "a backslash in double quotes begins an escape, and this is none",
            start + at,
            2,
        );
        return Some(finding.write("single quotes around the text, or two backslashes"));
    }
    let trimmed = content.trim_start();
    let offset = start + content.len() - trimmed.len();
    // Behind `- ` and `key: ` a text begins too.
    let mut begins = vec![offset];
    let after = |pattern: &str| {
        trimmed
            .match_indices(pattern)
            .map(|(at, found)| offset + at + found.len())
            .collect::<Vec<_>>()
    };
    begins.extend(after("- "));
    begins.extend(after(": "));
    begins.extend(after("["));
    begins.extend(after(", "));
    for begin in begins {
        let rest = text.get(begin..end).unwrap_or_default();
        let first = rest.chars().next();
        let meaning = MEANINGS
            .iter()
            .find(|(character, _)| Some(*character) == first);
        let Some((character, meaning)) = meaning else {
            continue;
        };
        let is_block = matches!(character, '|' | '>') && rest.trim().len() <= 3;
        if is_block {
            continue;
        }
        let message = format!("`{character}` at the begin of a text is {meaning} in YAML");
        return Some(
            bytes("unquoted", message, begin, 1).write("quotes around the text, such as \"**\":"),
        );
    }
    let colons = trimmed.matches(": ").count();
    if why.contains("mapping values are not allowed") && colons > 1 {
        let at = trimmed.rfind(": ").map_or(offset, |at| offset + at);
        let finding = bytes("unquoted", "`: ` in a text begins a value in YAML", at, 1);
        return Some(finding.write("quotes around the whole text"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::Place;
    use super::*;

    #[test]
    fn what_is_wrong_with_yaml_is_named_where_it_is() {
        // (text, id, line)
        let rows = [
            ("a:\n\tb: 1\n", "tab", 2),
            ("a:\n  **: {b: 1}\n", "unquoted", 2),
            ("a:\n  - *x\n", "unquoted", 2),
            ("a: @b\n", "unquoted", 1),
            ("a:\n  b: c: d\n", "unquoted", 2),
            ("a:\n  b: 1\n c: 2\n", "indentation", 3),
            ("a: \"\\d\"\n", "escape", 1),
            ("a: [1, 2\nb: 1\n", "not-closed", 1),
            ("a: \u{201c}b\u{201d}: c\n", "quotes", 1),
        ];
        for (text, id, line) in rows {
            let places = Places::of(text);
            let found = finding(text, &places, None)
                .unwrap_or_else(|| panic!("{text}: {:?}", places.broken()));
            assert_eq!(found.id, id, "{text}: {found:?}");
            let Place::Bytes(range) = &found.place else {
                panic!("{found:?}")
            };
            assert_eq!(
                Lines::of(text).position(range.start).0,
                line,
                "{text}: {found:?}"
            );
        }
    }
}
