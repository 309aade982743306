//! Paths of a configuration: `http.accessControl.repositories["team/**"].policies[0]`.

use std::fmt::Write as _;

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// A member.
    Name(String),
    /// An item.
    Index(usize),
}

/// The path of the access control.
pub(crate) const CONTROL: &str = "http.accessControl";

/// Reads a path. Whatever cannot be read ends it.
#[must_use]
pub(crate) fn parse(path: &str) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        let Some(after) = rest.strip_prefix('[') else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            if name.is_empty() {
                return segments;
            }
            segments.push(Segment::Name(name.to_owned()));
            rest = after;
            continue;
        };
        let Some((segment, after)) = bracketed(after) else {
            return segments;
        };
        segments.push(segment);
        rest = after;
    }
    segments
}

/// What is in brackets, and what follows them.
fn bracketed(text: &str) -> Option<(Segment, &str)> {
    if !text.starts_with('"') {
        let (digits, after) = text.split_once(']')?;
        return Some((Segment::Index(digits.parse().ok()?), after));
    }
    let mut names = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let name = names.next()?.ok()?;
    let (_, after) = text.split_at_checked(names.byte_offset())?;
    Some((Segment::Name(name), after.strip_prefix(']')?))
}

/// The path of the rules of a pattern.
#[must_use]
pub(crate) fn of_pattern(pattern: &str) -> String {
    format!(
        "{CONTROL}.repositories[{}]",
        serde_json::Value::from(pattern)
    )
}

/// The path of a rule: `policies[0]` of a pattern, or `adminPolicy`.
#[must_use]
pub(crate) fn of_rule(pattern: Option<&str>, rule: &str) -> String {
    match pattern {
        Some(pattern) if !rule.starts_with("adminPolicy") => {
            format!("{}.{rule}", of_pattern(pattern))
        }
        _ => format!("{CONTROL}.{rule}"),
    }
}

/// Writes a path as [`parse`] reads it.
#[must_use]
pub(crate) fn write(segments: &[Segment]) -> String {
    let mut path = String::new();
    for segment in segments {
        match segment {
            Segment::Index(index) => {
                let _ = write!(path, "[{index}]");
            }
            Segment::Name(name) if name.chars().all(|letter| letter.is_ascii_alphanumeric()) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
            }
            Segment::Name(name) => {
                let _ = write!(path, "[{}]", serde_json::Value::from(name.as_str()));
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_and_written() {
        let name = |text: &str| Segment::Name(text.to_owned());
        let rows = [
            ("http.auth", vec![name("http"), name("auth")]),
            (
                "tests[3].allow[0]",
                vec![
                    name("tests"),
                    Segment::Index(3),
                    name("allow"),
                    Segment::Index(0),
                ],
            ),
            (
                "http.accessControl.repositories[\"a.b/**\"].policies[1]",
                vec![
                    name("http"),
                    name("accessControl"),
                    name("repositories"),
                    name("a.b/**"),
                    name("policies"),
                    Segment::Index(1),
                ],
            ),
            ("[\"a\\\"]b\"].c", vec![name("a\"]b"), name("c")]),
            ("", vec![]),
        ];
        for (path, segments) in rows {
            assert_eq!(parse(path), segments, "{path}");
            assert_eq!(write(&segments), path);
        }
        for (broken, expected) in [("a[", 1), ("a[x]", 1), ("a[\"b", 1), ("..", 0)] {
            assert_eq!(parse(broken).len(), expected, "{broken}");
        }
    }
}
