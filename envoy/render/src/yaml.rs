//! Writes a tree as YAML 1.2: the same text for the same tree.

use std::net::IpAddr;

use serde_json::Value;

use crate::json_text::{escaped, is_special};
use crate::node::{Member, Node};

/// Where comments wrap.
const WIDTH: usize = 120;

/// Objects and lists of at most this length are written on one line.
const SHORT: usize = 90;

/// Returns the text of a file.
pub(crate) fn write(node: &Node, head: &str) -> String {
    let mut out = String::new();
    comment(head, 0, &mut out);
    if !head.is_empty() {
        out.push('\n');
    }
    block(node, 0, &mut out);
    out
}

/// Writes a node whose lines begin at `indent`.
fn block(node: &Node, indent: usize, out: &mut String) {
    match node {
        Node::Map(members) => {
            for member in members {
                comment(member.why, indent, out);
                margin(indent, out);
                entry(member, indent, out);
            }
        }
        Node::List(items) => {
            for item in items {
                margin(indent, out);
                out.push_str("- ");
                element(item, indent, out);
            }
        }
        leaf => {
            margin(indent, out);
            out.push_str(&flow(leaf));
            out.push('\n');
        }
    }
}

/// Writes `name: value` after the margin.
fn entry(member: &Member, indent: usize, out: &mut String) {
    out.push_str(&scalar(&Value::String(member.name.clone())));
    out.push(':');
    match &member.value {
        Node::Text(text) => literal(text, indent, out),
        value if is_short(value) => {
            out.push(' ');
            out.push_str(&flow(value));
            out.push('\n');
        }
        list @ Node::List(_) => {
            out.push('\n');
            block(list, indent, out);
        }
        value => {
            out.push('\n');
            block(value, indent + 2, out);
        }
    }
}

/// Writes an item after its dash: the first member of an object is on the same line.
fn element(item: &Node, indent: usize, out: &mut String) {
    match item {
        Node::Map(members) if !is_short(item) => {
            let mut members = members.iter();
            if let Some(first) = members.next() {
                entry(first, indent + 2, out);
            }
            for member in members {
                comment(member.why, indent + 2, out);
                margin(indent + 2, out);
                entry(member, indent + 2, out);
            }
        }
        Node::Text(text) => literal(text, indent, out),
        short => {
            out.push_str(&flow(short));
            out.push('\n');
        }
    }
}

/// A text of several lines, as it is (YAML 1.2 section 8.1.2). What such a block cannot hold as it
/// is becomes a quoted string.
fn literal(text: &str, indent: usize, out: &mut String) {
    let is_plain = |letter: char| letter == '\n' || !is_special(letter);
    if text.starts_with([' ', '\n']) || !text.chars().all(is_plain) || text.ends_with("\n\n") {
        out.push(' ');
        out.push_str(&scalar(&Value::from(text)));
        out.push('\n');
        return;
    }
    out.push_str(if text.ends_with('\n') {
        " |\n"
    } else {
        " |-\n"
    });
    for line in text.lines() {
        if !line.is_empty() {
            margin(indent + 2, out);
            out.push_str(line);
        }
        out.push('\n');
    }
}

fn comment(text: &str, indent: usize, out: &mut String) {
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && indent + 3 + line.len() + word.len() > WIDTH {
                comment_line(&line, indent, out);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        comment_line(&line, indent, out);
    }
}

fn comment_line(line: &str, indent: usize, out: &mut String) {
    margin(indent, out);
    out.push('#');
    if !line.is_empty() {
        out.push(' ');
        out.push_str(line);
    }
    out.push('\n');
}

fn margin(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// Returns true if a value is written on one line: without comments, and not long.
fn is_short(node: &Node) -> bool {
    match node {
        Node::Scalar(_) => true,
        Node::Text(_) => false,
        Node::List(items) => {
            items
                .iter()
                .all(|item| matches!(item, Node::Scalar(_)) || (items.len() == 1 && is_short(item)))
                && flow(node).len() <= SHORT
        }
        Node::Map(members) => {
            let is_plain = |member: &Member| member.why.is_empty() && is_short(&member.value);
            members.iter().all(is_plain) && members.len() <= 2 && flow(node).len() <= SHORT
        }
    }
}

fn flow(node: &Node) -> String {
    match node {
        Node::Map(members) if members.is_empty() => "{}".to_owned(),
        Node::Map(members) => {
            let name = |member: &Member| scalar(&Value::String(member.name.clone()));
            let members: Vec<_> = members
                .iter()
                .map(|member| format!("{}: {}", name(member), flow(&member.value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        Node::List(items) => {
            let items: Vec<_> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Node::Text(text) => scalar(&Value::from(text.as_str())),
        Node::Scalar(value) => scalar(value),
    }
}

/// A scalar; a string is quoted, as in JSON, unless every reader of YAML treats it as one.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        other => escaped(&other.to_string()),
    }
}

fn is_plain(text: &str) -> bool {
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"_./-".contains(&byte);
    let seconds = |text: &str| {
        text.strip_suffix('s').is_some_and(|digits| {
            !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
        })
    };
    let begins = text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '/');
    text.bytes().all(is_safe)
        && !words.iter().any(|word| word.eq_ignore_ascii_case(text))
        && (begins || seconds(text) || text.parse::<IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::node::{list, map, member};

    #[test]
    fn what_is_written_is_read_back() {
        let texts = [
            "",
            "a",
            "true",
            "No",
            "null",
            "~",
            "1",
            "1.5",
            "1e5",
            "0x1",
            "5s",
            "s",
            "-",
            "- a",
            "a: b",
            "a #b",
            "#a",
            "127.0.0.1",
            "::1",
            "a'b",
            "a\"b",
            "*a",
            "&a",
            "!a",
            "%a",
            "@a",
            "{a",
            "[a",
            "a\tb",
            " a",
            "a ",
            "a\nb",
            "a\nb\n",
            "a\n\nb",
            "\na",
            "a\n\n",
            " a\nb",
            "a\r\nb",
            "a: |\n  b",
            "\u{e9}",
            "\u{85}\n\u{2028}x",
            "a\u{2028}---\u{2029}b: c\u{feff}\u{7f}",
            "a\nb\u{2028}---\u{2028}c: d",
            "---",
            "...",
            "a\n---\nb",
            "<<",
            "y",
            "on",
            "2026-01-01",
            "1:30",
            "{{ x }}",
        ];
        let tree = map([
            member("texts", list(texts)),
            member(
                "by name",
                Node::Map(texts.iter().map(|text| member(text, *text)).collect()),
            ),
            member(
                "nested",
                list([map([
                    member("a", json!([[1, [2]], {}, [], { "b": [] }]))
                        .why("A comment.\n\nOf two paragraphs."),
                    member(
                        "c",
                        json!({ "d": { "e": { "f": ["g", { "h": true, "i": null, "j": 1 }] } } }),
                    ),
                ])]),
            ),
            member("empty", json!({ "a": {}, "b": [] })),
            member("long", json!(["x".repeat(60), "y".repeat(60)])),
        ]);
        let text = write(&tree, "A head.");
        assert!(
            !text
                .chars()
                .any(|letter| letter != '\n' && is_special(letter))
        );
        let read = serde_saphyr::from_str(&text).ok();
        assert_eq!(read, Some(tree.to_value()), "{text}");
    }

    #[test]
    fn a_comment_wraps_and_keeps_its_margin() {
        let why = "a word ".repeat(40);
        let mut out = String::new();
        comment(why.trim(), 4, &mut out);
        assert!(out.lines().count() > 1);
        for line in out.lines() {
            assert!(
                line.starts_with("    # a") || line.starts_with("    # word"),
                "{line}"
            );
            assert!(line.len() <= WIDTH, "{line}");
        }
    }
}
