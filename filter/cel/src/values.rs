//! Selections, macros, equality and sizes of borrowed and owned values, compared with cel-go;
//! `testdata/values/README.md` says how the rows were made.

use cel_interpreter::common::types::{CelBool, CelDouble, CelInt, CelType, CelUInt};
use cel_interpreter::common::value::{BuiltinRef, Val};
use serde_json::{Value as Json, json};

use super::*;

/// Templates that have another result here, as docs/cel.md says. No error is another value, and an
/// error refuses.
const DIFFERENT: &[(&str, &str)] = &[
    // Refused at start there.
    ("dyn($)[?dyn([1])]", "error"),
    ("dyn($)[?dyn(null)]", "error"),
    ("!dyn($)[?dyn(null)].hasValue()", "error"),
    ("dyn($)[?dyn({})]", "error"),
    ("dyn($)[dyn(null)]", "error"),
    ("!dyn($)[dyn(null)].hasValue()", "error"),
    ("$.list[?dyn(null)]", "error"),
    // What can be no key is not in the map there.
    ("dyn([1]) in dyn($)", "error"),
    ("dyn(null) in dyn($)", "error"),
    // The argument, or the index, is not evaluated there.
    ("$.?text.orValue($.missing)", "error"),
    ("$.?text.or(optional.of($.missing))", "error"),
    ("$.?missing[$.missing]", "error"),
    // An optional that a variable holds has no members there.
    ("has(vars.opt.text)", "true"),
    ("vars.optlist.?text", "error"),
    ("!vars.optlist.?text.hasValue()", "error"),
    ("has(vars.optlist.text)", "error"),
    ("!has(vars.optlist.text)", "error"),
    ("vars.optlist[0]", "some(\"a\")"),
    ("vars.optlist[9]", "none"),
    ("vars.optnum.text", "none"),
    ("vars.optnum[0]", "none"),
    ("vars.optnone.text", "none"),
    ("vars.optnone[0]", "none"),
];

/// Stands for the optional in the base itself, whose members are those of any other optional here.
const HELD_BY_VARIABLE: &str = "vars.opt";

#[test]
fn borrowed_and_owned_values_answer_as_in_cel_go() {
    let file: Json = serde_json::from_str(include_str!("testdata/values/values.json")).unwrap();
    let claims = Document::from_claims(file["claims"].as_object().unwrap());
    let request = Bindings::conditions(&Map::default().document("claims", &claims).build());
    let mut bindings = Bindings::claims(&claims);
    for definition in file["vars"].as_array().unwrap() {
        let [name, source] = [0, 1].map(|index| definition[index].as_str().unwrap());
        bindings
            .define(name, &Expression::compile(source, Scope::Claims).unwrap())
            .unwrap();
    }
    let (mut failures, mut count) = (Vec::new(), 0);
    for row in file["rows"].as_array().unwrap() {
        let [kind, template, common] = [0, 1, 2].map(|index| row[index].as_str().unwrap());
        for base in file[kind].as_array().unwrap() {
            let base = base.as_str().unwrap();
            let there = row[3][base]
                .as_str()
                .filter(|_| base != HELD_BY_VARIABLE)
                .unwrap_or(common);
            let different = DIFFERENT.iter().find(|(known, _)| *known == template);
            let expected = different.map_or(there, |(_, here)| here);
            assert!(
                different.is_none_or(|(_, here)| *here != there),
                "{template} is no different"
            );
            let (scope, bindings, template) = if base.contains("req") {
                if template.contains("vars") {
                    continue;
                }
                (
                    Scope::Conditions,
                    &request,
                    template.replace("claims", "req.claims"),
                )
            } else {
                (Scope::Claims, &bindings, template.to_owned())
            };
            count += 1;
            let source = template.replace('$', base);
            let found = evaluate(&source, scope, bindings);
            if found != expected {
                failures.push(format!("{source}: {found}, not {expected}"));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{}\n{} of {count}",
        failures.join("\n"),
        failures.len()
    );
    assert!(count > 20_000, "{count}");
}

fn evaluate(source: &str, scope: Scope, bindings: &Bindings) -> String {
    // Each row has a whole budget.
    bindings.evaluation.budget().refill(budget::UNITS);
    match Expression::compile(source, scope) {
        Err(_) => "refused".to_owned(),
        Ok(expression) => expression
            .evaluate(bindings)
            .map_or("error".to_owned(), |value| text(value.as_ref())),
    }
}

fn text(value: &dyn Val) -> String {
    match value.as_builtin() {
        BuiltinRef::String(value) => json!(value.inner()).to_string(),
        BuiltinRef::List(list) => {
            format!(
                "[{}]",
                list.inner()
                    .iter()
                    .map(|item| text(&**item))
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        }
        BuiltinRef::Map(map) => {
            let mut entries: Vec<_> = map
                .inner()
                .iter()
                .map(|(key, value)| format!("{}: {}", text(key.inner()), text(&**value)))
                .collect();
            entries.sort();
            format!("{{{}}}", entries.join(", "))
        }
        BuiltinRef::Optional(optional) => optional
            .option()
            .map_or("none".to_owned(), |value| format!("some({})", text(value))),
        _ => scalar(value),
    }
}

fn scalar(value: &dyn Val) -> String {
    if let Some(value) = value.downcast_ref::<CelBool>() {
        value.inner().to_string()
    } else if let Some(value) = value.downcast_ref::<CelInt>() {
        format!("int {}", value.inner())
    } else if let Some(value) = value.downcast_ref::<CelUInt>() {
        format!("uint {}", value.inner())
    } else if let Some(value) = value.downcast_ref::<CelDouble>() {
        format!("double {}", value.inner())
    } else if let Some(value) = value.downcast_ref::<CelType>() {
        format!("type {}", value.name())
    } else {
        value.get_type().name().trim_end_matches("_type").to_owned()
    }
}
