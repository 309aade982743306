//! Whether an expression can be true: it is evaluated with values that its own comparisons name.
//!
//! Nothing is concluded about expressions that use anything but comparisons, so what is said is
//! certain as far as the texts are those that are compared.

use std::collections::BTreeMap;

use cel_interpreter::IdedExpr;
use cel_interpreter::common::ast::{Expr, LiteralValue, operators};
use registry_auth_cel::{Bindings, Document, Expression, Scope};
use serde_json::{Map, Value, json};

use super::expression::{call, path, text};
use super::witness;

/// Combinations of values that are tried.
const MAX: usize = 4_096;
/// A text that nobody compares with.
const OTHER: &str = "zz-other";
/// Digests have a `:`.
const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Some values make it true.
    pub(crate) can_be_true: bool,
    /// Some values make it something else.
    pub(crate) can_be_else: bool,
}

/// The values that each path of names has; texts unless the issuer's claims are of another type.
type Values = BTreeMap<Vec<String>, Vec<Value>>;

/// Values for the members of `req` that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requests<'a> {
    /// None: a mapping.
    No,
    /// All, with these actions.
    All(&'a [String]),
    /// Those of blobs and uploads, which have no reference.
    Uploads,
    /// Those of manifests, by tag.
    Tags(&'a [String]),
}

/// Tries the values that an expression compares with. `fixed` are values that a path has, whatever
/// is compared. `None` if the expression does more than compare.
pub(crate) fn outcome(
    source: &str,
    tree: &IdedExpr,
    requests: Requests<'_>,
    types: &dyn Fn(&[String]) -> Option<bool>,
) -> Option<Outcome> {
    let mut values = Values::new();
    collect(tree, &mut values)?;
    let scope = match requests {
        Requests::No => Scope::Claims,
        _ => Scope::Conditions,
    };
    for (path, values) in &mut values {
        // What is text is never a number, and the other way round.
        if types(path) == Some(true) {
            values.retain(Value::is_string);
        }
        if values.iter().any(Value::is_string) || types(path) == Some(true) {
            values.push(json!(OTHER));
        } else {
            values.push(json!(-1));
        }
    }
    let expression = Expression::compile(source, scope).ok()?;
    let mut outcome = Outcome::default();
    for combination in combinations(&values, requests)? {
        let document = Document::from_claims(&combination);
        let bindings = match scope {
            Scope::Claims => Bindings::claims(&document),
            Scope::Conditions => Bindings::conditions(&document),
        };
        match expression.evaluate_bool(&bindings) {
            Ok(true) => outcome.can_be_true = true,
            _ => outcome.can_be_else = true,
        }
    }
    Some(outcome)
}

/// The values that comparisons name; `None` for anything that is no comparison.
fn collect(node: &IdedExpr, values: &mut Values) -> Option<()> {
    if let Expr::Literal(LiteralValue::Boolean(_)) = &node.expr {
        return Some(());
    }
    if let Expr::Select(select) = &node.expr
        && select.test
    {
        values.entry(path(node)?).or_default();
        return Some(());
    }
    if let Some(path) = path(node) {
        let known = values.entry(path).or_default();
        known.extend([json!(true), json!(false)]);
        return Some(());
    }
    let (name, arguments) = call(node)?;
    match (name, arguments.as_slice()) {
        (operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT, all) => all
            .iter()
            .try_for_each(|argument| collect(argument, values)),
        (operators::EQUALS | operators::NOT_EQUALS, [one, other]) => {
            let (read, literal) = match (literal(one), literal(other)) {
                (None, Some(literal)) => (one, literal),
                (Some(literal), None) => (other, literal),
                (Some(_), Some(_)) => return Some(()),
                (None, None) => return None,
            };
            values.entry(path(read)?).or_default().push(literal);
            Some(())
        }
        (operators::IN, [one, list]) => {
            let Expr::List(list) = &list.expr else {
                return None;
            };
            let literals: Option<Vec<Value>> = list.elements.iter().map(literal).collect();
            values.entry(path(one)?).or_default().extend(literals?);
            Some(())
        }
        ("startsWith" | "endsWith" | "contains", [receiver, argument]) => {
            let part = text(argument)?;
            let known = values.entry(path(receiver)?).or_default();
            // Two parts of one text would have to be joined.
            if known.iter().any(Value::is_string) {
                return None;
            }
            known.push(json!(part));
            known.push(json!(format!("{part}/x")));
            Some(())
        }
        ("matches", [receiver, argument]) => {
            let pattern = text(argument)?;
            let sample = witness::of(pattern)?;
            let known = values.entry(path(receiver)?).or_default();
            if known.iter().any(Value::is_string) {
                return None;
            }
            known.push(json!(sample));
            Some(())
        }
        _ => None,
    }
}

fn literal(node: &IdedExpr) -> Option<Value> {
    let Expr::Literal(literal) = &node.expr else {
        return None;
    };
    match literal {
        LiteralValue::String(text) => Some(json!(text.inner())),
        LiteralValue::Int(number) => Some(json!(number.inner())),
        LiteralValue::UInt(number) => Some(json!(number.inner())),
        LiteralValue::Double(number) => Some(json!(number.inner())),
        LiteralValue::Boolean(bool) => Some(json!(bool.inner())),
        LiteralValue::Null => Some(Value::Null),
        LiteralValue::Bytes(_) => None,
    }
}

/// All combinations as documents; `None` if there are too many, or if a path is not one of a
/// request.
fn combinations(values: &Values, requests: Requests<'_>) -> Option<Vec<Map<String, Value>>> {
    let mut all = match requests {
        Requests::No => vec![Map::new()],
        _ => bases(values, requests),
    };
    for (path, values) in values {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let inner: &[&str] = match (requests, names.as_slice()) {
            (Requests::No, ["claims", inner @ ..]) => inner,
            (Requests::No, _) => return None,
            (
                _,
                [
                    "req",
                    "method" | "action" | "reference" | "referenceType" | "tag" | "digest",
                ],
            ) => continue,
            (
                _,
                [
                    "req",
                    inner @ ("claims" | "user" | "auth" | "repository" | "userAgent"),
                    ..,
                ],
            ) => {
                let _ = inner;
                names.get(1..).unwrap_or_default()
            }
            _ => return None,
        };
        if inner.is_empty() || inner.first() == Some(&"user") && inner.get(1) != Some(&"username") {
            return None;
        }
        let mut more = Vec::new();
        for document in &all {
            for value in values {
                let mut document = document.clone();
                set(&mut document, inner, value.clone())?;
                more.push(document);
            }
        }
        if more.len() > MAX {
            return None;
        }
        all = more;
    }
    Some(all)
}

fn set(document: &mut Map<String, Value>, path: &[&str], value: Value) -> Option<()> {
    match path {
        [] => None,
        [name] => {
            document.insert((*name).to_owned(), value);
            Some(())
        }
        [name, rest @ ..] => {
            let inner = document
                .entry((*name).to_owned())
                .or_insert_with(|| json!({}));
            set(inner.as_object_mut()?, rest, value)
        }
    }
}

/// The members of `req` that belong together, without those that are compared freely.
fn bases(values: &Values, requests: Requests<'_>) -> Vec<Map<String, Value>> {
    let texts = |name: &str| -> Vec<String> {
        let known = values.get(&vec!["req".to_owned(), name.to_owned()]);
        let texts = known.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    };
    let mut tags = texts("tag");
    tags.extend(texts("reference"));
    tags.extend(["v1".to_owned(), OTHER.to_owned()]);
    tags.retain(|tag| !tag.is_empty() && !tag.contains(':'));
    let mut digests = texts("digest");
    digests.push(DIGEST.to_owned());
    digests.retain(|digest| digest.contains(':'));
    let (actions, kinds) = match requests {
        Requests::All(actions) => (actions.to_vec(), ["", "tag", "digest"].as_slice()),
        Requests::Uploads => (vec!["create".to_owned()], [""].as_slice()),
        Requests::Tags(actions) => (actions.to_vec(), ["tag"].as_slice()),
        Requests::No => (Vec::new(), [].as_slice()),
    };
    let mut all = Vec::new();
    for action in &actions {
        let methods = match action.as_str() {
            "read" => ["GET", "HEAD"].as_slice(),
            "delete" => ["DELETE"].as_slice(),
            _ => ["PUT", "POST", "PATCH"].as_slice(),
        };
        for kind in kinds {
            let references = match *kind {
                "tag" => tags.clone(),
                "digest" => digests.clone(),
                _ => vec![String::new()],
            };
            for reference in references {
                for method in methods {
                    let of = |wanted: &str| {
                        if *kind == wanted {
                            reference.as_str()
                        } else {
                            ""
                        }
                    };
                    let base = json!({
                        "action": action, "method": method, "reference": reference, "referenceType": kind,
                        "tag": of("tag"), "digest": of("digest"), "repository": OTHER, "userAgent": OTHER,
                        "user": { "username": OTHER, "groups": [] },
                        "auth": { "anonymous": false, "admin": false }, "claims": {},
                    });
                    all.extend(base.as_object().cloned());
                }
            }
        }
    }
    all
}
