//! JSON in one style, its members in their order and its numbers and texts as they are written.

use anyhow::{Context as _, Result, bail, ensure};

/// Columns that a value on one line may reach.
const WIDTH: usize = 120;

/// A value, its texts and numbers as they are written.
enum Node<'a> {
    Scalar(&'a str),
    Array(Vec<Self>),
    Object(Vec<(&'a str, Self)>),
}

/// The text in the one style, with a line feed at its end.
///
/// # Errors
/// It is no JSON.
pub(super) fn styled(text: &str) -> Result<String> {
    serde_json::from_str::<serde::de::IgnoredAny>(text)?;
    let mut reader = Reader { rest: text };
    let node = reader.node()?;
    let mut out = String::new();
    node.write(&mut out, 0, 0);
    out.push('\n');
    Ok(out)
}

/// Reads text that is known to be JSON.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn node(&mut self) -> Result<Node<'a>> {
        self.rest = self.rest.trim_start();
        if self.take("[") {
            let mut items = Vec::new();
            while !self.take("]") {
                items.push(self.node()?);
                self.take(",");
            }
            return Ok(Node::Array(items));
        }
        if self.take("{") {
            let mut members = Vec::new();
            while !self.take("}") {
                let Node::Scalar(name) = self.node()? else {
                    bail!("a name is a text")
                };
                ensure!(self.take(":"), "no value");
                members.push((name, self.node()?));
                self.take(",");
            }
            return Ok(Node::Object(members));
        }
        Ok(Node::Scalar(self.scalar()?))
    }

    /// Returns true if this comes next, after white space, and consumes it.
    fn take(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn scalar(&mut self) -> Result<&'a str> {
        let length = match self.rest.strip_prefix('"') {
            Some(text) => {
                let mut escaped = false;
                let end = text.find(|character| {
                    let ends = character == '"' && !escaped;
                    escaped = character == '\\' && !escaped;
                    ends
                });
                end.context("a text without end")? + 2
            }
            None => self
                .rest
                .find([',', ']', '}', ' ', '\n'])
                .unwrap_or(self.rest.len()),
        };
        let (scalar, rest) = self.rest.split_at(length);
        ensure!(!scalar.is_empty(), "no value");
        self.rest = rest;
        Ok(scalar)
    }
}

impl Node<'_> {
    /// `column` is where the value begins.
    fn write(&self, out: &mut String, depth: usize, column: usize) {
        let line = self.on_one_line();
        // A comma follows.
        if column + line.chars().count() < WIDTH {
            out.push_str(&line);
            return;
        }
        let (open, close, members): (_, _, Vec<(String, &Node<'_>)>) = match self {
            Self::Scalar(text) => return out.push_str(text),
            Self::Array(items) => (
                "[",
                "]",
                items.iter().map(|item| (String::new(), item)).collect(),
            ),
            Self::Object(members) => (
                "{",
                "}",
                members
                    .iter()
                    .map(|(name, value)| (format!("{name}: "), value))
                    .collect(),
            ),
        };
        let margin = "  ".repeat(depth);
        out.push_str(open);
        for (index, (name, value)) in members.iter().enumerate() {
            out.push_str(if index == 0 { "\n" } else { ",\n" });
            out.extend([&margin, "  ", &**name]);
            value.write(out, depth + 1, margin.len() + 2 + name.chars().count());
        }
        out.extend(["\n", &margin, close]);
    }

    fn on_one_line(&self) -> String {
        let list = |parts: Vec<String>| parts.join(", ");
        match self {
            Self::Scalar(text) => (*text).to_owned(),
            Self::Array(items) => {
                format!("[{}]", list(items.iter().map(Node::on_one_line).collect()))
            }
            Self::Object(members) if members.is_empty() => "{}".to_owned(),
            Self::Object(members) => {
                let member =
                    |(name, value): &(&str, Node<'_>)| format!("{name}: {}", value.on_one_line());
                format!("{{ {} }}", list(members.iter().map(member).collect()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stands_on_one_line_and_the_rest_member_by_member() {
        let long = "x".repeat(WIDTH);
        let rows = [
            ("{}", "{}\n".to_owned()),
            (
                r#"{"b":1.50,"a":["\u0041,\"]",null]}"#,
                "{ \"b\": 1.50, \"a\": [\"\\u0041,\\\"]\", null] }\n".to_owned(),
            ),
            (
                &format!(r#"{{"a":["{long}"],"b":{{"c":[]}}}}"#),
                format!("{{\n  \"a\": [\n    \"{long}\"\n  ],\n  \"b\": {{ \"c\": [] }}\n}}\n"),
            ),
        ];
        for (text, wanted) in rows {
            let styled = styled(text).unwrap();
            assert_eq!(styled, wanted);
            assert_eq!(super::styled(&styled).unwrap(), wanted);
        }
        assert!(styled("{").is_err());
    }
}
