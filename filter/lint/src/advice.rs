//! What to write instead of an expression that the engine refuses.

use registry_auth_cel::tree;
use serde_json::Value;

use super::expressions;
use super::finding::{Finding, Place};
use super::known_claims::suggested;
use super::subject::member;

/// Functions of other languages.
const OTHERS: &[(&str, &str)] = &[
    ("len", "size"),
    ("length", "size"),
    ("count", "size"),
    ("match", "matches"),
    ("regex", "matches"),
    ("tolower", "lowerAscii"),
    ("lower", "lowerAscii"),
    ("toupper", "upperAscii"),
    ("upper", "upperAscii"),
    ("includes", "contains"),
    ("hasprefix", "startsWith"),
    ("hassuffix", "endsWith"),
    ("substr", "substring"),
    ("strip", "trim"),
    ("str", "string"),
    ("not", "!"),
    ("and", "&&"),
    ("or", "||"),
];

/// Adds an advice to what the engine says of an expression.
pub(crate) fn add(finding: &mut Finding, value: &Value) {
    let Some(source) = at(value, &finding.path).and_then(Value::as_str) else {
        return;
    };
    match finding.id {
        "cel-syntax" => {
            if let Some((advice, part)) = expressions::advice(source) {
                finding.write = Some(advice.to_owned());
                finding.place = Place::Part(part);
            }
        }
        "unknown-function" => {
            let Place::Part(name) = &finding.place else {
                return;
            };
            let folded = name.to_ascii_lowercase();
            let other = OTHERS.iter().find(|(known, _)| *known == folded);
            let names: Vec<&str> = tree::function_names().collect();
            let near = other
                .map(|(_, ours)| *ours)
                .or_else(|| suggested(name, &names));
            finding.write = near.map(|near| format!("`{near}`"));
        }
        "unknown-name" if finding.place == Place::Part("claims".to_owned()) => {
            finding.write = Some("req.claims, in a condition of a policy".to_owned());
        }
        _ => {}
    }
}

/// The value at a path of the engine.
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let mut value = value;
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix("[\"") {
            let end = inner.find("\"]")?;
            value = member(value, inner.get(..end)?)?;
            rest = inner.get(end + 2..)?;
        } else if let Some(inner) = rest.strip_prefix('[') {
            let end = inner.find(']')?;
            let index: usize = inner.get(..end)?.parse().ok()?;
            // A single value is a list of one.
            value = match value.as_array() {
                Some(list) => list.get(index)?,
                None => Some(value).filter(|_| index == 0)?,
            };
            rest = inner.get(end + 1..)?;
        } else {
            let inner = rest.strip_prefix('.').unwrap_or(rest);
            let end = inner.find(['.', '[']).unwrap_or(inner.len());
            value = member(value, inner.get(..end)?)?;
            rest = inner.get(end..)?;
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_of_the_engine_leads_to_its_value() {
        let value = json!({ "a": { "x/**": [{ "B": "here" }] }, "one": { "c": "single" } });
        assert_eq!(at(&value, "A[\"x/**\"][0].b"), Some(&json!("here")));
        assert_eq!(at(&value, "one[0].c"), Some(&json!("single")));
        for missing in ["a[\"y\"]", "a[", "one[1].c", "b"] {
            assert_eq!(at(&value, missing), None, "{missing}");
        }
    }
}
