//! What is wrong with a text that is not JSON (RFC 8259).

use super::super::finding::Finding;
use super::{bytes, is_smart};

/// A character outside of strings, and what is around it.
struct Scan<'a> {
    text: &'a str,
    /// Where each bracket is that is not closed.
    open: Vec<(usize, char)>,
    /// The last character outside of strings that is no blank.
    last: Option<(usize, char)>,
}

pub(super) fn finding(text: &str, at: Option<usize>) -> Option<Finding> {
    let first = text.trim_start().chars().next()?;
    if first.is_alphabetic() || first == '-' || first == '#' && text.contains(": ") {
        let start = text.len() - text.trim_start().len();
        let finding = bytes(
            "yaml-in-json",
            "this looks like YAML, in a file that is read as JSON by its name",
            start,
            1,
        );
        return Some(finding.write("a name that ends in .yaml or .yml, or JSON"));
    }
    let mut scan = Scan {
        text,
        open: Vec::new(),
        last: None,
    };
    let mut characters = text.char_indices().peekable();
    while let Some((index, character)) = characters.next() {
        if character == '"' {
            if let Some(finding) = scan.value_after_value(index, at) {
                return Some(finding);
            }
            match string(text, index) {
                Ok(end) => {
                    while characters.next_if(|(index, _)| *index <= end).is_some() {}
                    scan.last = Some((index, '"'));
                    continue;
                }
                Err(finding) => return Some(*finding),
            }
        }
        if let Some(finding) = scan.character(index, character, at) {
            return Some(finding);
        }
    }
    let (start, bracket) = scan.open.pop()?;
    let finding = bytes(
        "not-closed",
        format!("this `{bracket}` is not closed: the rest of the file is missing, or a bracket"),
        start,
        1,
    );
    let close = if bracket == '{' { "}" } else { "]" };
    Some(finding.write(format!("a `{close}` for it")))
}

impl Scan<'_> {
    fn character(&mut self, index: usize, character: char, at: Option<usize>) -> Option<Finding> {
        let rest = self.text.get(index..).unwrap_or_default();
        if character == '#' || rest.starts_with("//") || rest.starts_with("/*") {
            let finding = bytes("comment-in-json", "JSON has no comments", index, 1);
            return Some(finding.write("no comment, or YAML in a file whose name ends in .yaml"));
        }
        if is_smart(character) {
            let finding = bytes(
                "quotes",
                "these are not the quotes of JSON",
                index,
                character.len_utf8(),
            );
            return Some(finding.write("straight double quotes, \""));
        }
        if character == '\'' {
            let finding = bytes("quotes", "strings have double quotes in JSON", index, 1);
            return Some(finding.write("straight double quotes, \""));
        }
        match character {
            '{' | '[' => {
                if let Some(finding) = self.value_after_value(index, at) {
                    return Some(finding);
                }
                self.open.push((index, character));
            }
            '}' | ']' => {
                if let Some((comma, ',')) = self.last {
                    let finding = bytes(
                        "trailing-comma",
                        "JSON has no comma behind the last member",
                        comma,
                        1,
                    );
                    return Some(finding.write(format!("`{character}` without a comma before it")));
                }
                let wanted = if character == '}' { '{' } else { '[' };
                match self.open.pop() {
                    Some((_, open)) if open == wanted => {}
                    Some((start, open)) => {
                        let message = format!("this `{open}` is closed by `{character}`");
                        return Some(bytes("not-closed", message, start, 1));
                    }
                    None => {
                        return Some(bytes(
                            "not-closed",
                            format!("this `{character}` closes nothing"),
                            index,
                            1,
                        ));
                    }
                }
            }
            _ if character.is_alphabetic()
                && self
                    .last
                    .is_some_and(|(_, last)| last == '{' || last == ',')
                && self.open.last().is_some_and(|(_, open)| *open == '{') =>
            {
                let finding = bytes(
                    "quotes",
                    "names of members have double quotes in JSON",
                    index,
                    1,
                );
                return Some(finding.write("\"NAME\": ..."));
            }
            _ => {}
        }
        if !character.is_whitespace() {
            self.last = Some((index, character));
        }
        None
    }

    /// A value behind a value: the comma is missing.
    fn value_after_value(&self, index: usize, at: Option<usize>) -> Option<Finding> {
        let (_, last) = self.last?;
        let near = at.is_some_and(|at| at + 2 >= index && at <= index + 1);
        (near && matches!(last, '"' | '}' | ']')).then(|| {
            let finding = bytes(
                "json-syntax",
                "a comma or a colon is missing before this",
                index,
                1,
            );
            finding.write("a comma between two members, a colon between name and value")
        })
    }
}

/// Returns the place of the quote that ends the string that begins at `start`.
fn string(text: &str, start: usize) -> Result<usize, Box<Finding>> {
    let mut escaped = false;
    let rest = text.get(start + 1..).unwrap_or_default();
    for (offset, character) in rest.char_indices() {
        let at = start + 1 + offset;
        if escaped {
            if !"\"\\/bfnrtu".contains(character) {
                let message = format!("`\\{}` is no escape of JSON", character.escape_default());
                let finding = bytes("escape", message, at - 1, 2);
                return Err(Box::new(finding.write(format!(
                    "two backslashes, \\\\{}",
                    character.escape_default()
                ))));
            }
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == '"' {
            return Ok(at);
        } else if character == '\n' {
            break;
        }
    }
    let finding = bytes(
        "not-closed",
        "this string does not end in its line",
        start,
        1,
    );
    Err(Box::new(
        finding.write("a quote at its end; a line end in a string is \\n"),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::Place;
    use super::*;

    #[test]
    fn what_is_wrong_with_json_is_named_where_it_is() {
        // (text, id, byte)
        let rows = [
            ("{\"a\": 1,}", "trailing-comma", 7),
            ("{\"a\": [1, 2,\n]}", "trailing-comma", 11),
            ("{\"a\": 1 // x\n}", "comment-in-json", 8),
            ("{\"a\": 1 /* x */}", "comment-in-json", 8),
            ("{\n# x\n\"a\": 1}", "comment-in-json", 2),
            ("{'a': 1}", "quotes", 1),
            ("{a: 1}", "quotes", 1),
            ("{\u{201c}a\u{201d}: 1}", "quotes", 1),
            ("{\"a\": \"\\d\"}", "escape", 7),
            ("{\"a\": \"b\n\"}", "not-closed", 6),
            ("{\"a\": {\"b\": 1}", "not-closed", 0),
            ("{\"a\": [1}", "not-closed", 6),
            ("{\"a\": 1}}", "not-closed", 8),
            ("http:\n  a: 1\n", "yaml-in-json", 0),
            ("# x\nhttp: 1\n", "yaml-in-json", 0),
            ("--- \nhttp: 1\n", "yaml-in-json", 0),
        ];
        for (text, id, at) in rows {
            let found = finding(text, None).unwrap();
            assert_eq!(found.id, id, "{text}");
            assert!(
                matches!(&found.place, Place::Bytes(range) if range.start == at),
                "{text}: {found:?}"
            );
        }
        assert_eq!(finding("{\"a//b#\": \"'\\n\"}", None), None);
        let missing = finding("{\"a\": \"b\" {\"c\": 1}}", Some(10)).unwrap();
        assert_eq!(missing.id, "json-syntax");
    }
}
