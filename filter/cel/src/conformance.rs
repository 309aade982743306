//! The public conformance suite, and the signatures that zot's checker accepts;
//! `testdata/conformance/README.md` says where both come from.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use cel_interpreter::Value;
use cel_interpreter::common::types::{
    CelBool, CelBytes, CelDouble, CelDuration, CelInt, CelList, CelMap, CelMapKey, CelNull,
    CelString, CelTimestamp, CelUInt,
};
use cel_interpreter::common::value::{CowVal, Val};
use serde_json::Value as Json;

use super::*;

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("testdata/conformance/", $name, ".json")))),*]
    };
}

/// One file for each file of the suite.
const FILES: &[(&str, &str)] = files![
    "basic",
    "comparisons",
    "conversions",
    "encoders_ext",
    "fields",
    "fp_math",
    "integer_math",
    "lists",
    "logic",
    "macros",
    "optionals",
    "parse",
    "plumbing",
    "string",
    "string_ext",
    "timestamps",
];

/// Rows that fail, as `file/section/name`, each with its reason.
const FAILING: &[(&str, &str)] = &[
    ("timestamps/timestamp_selectors_tz/getDate", NAMED_ZONE),
    (
        "timestamps/timestamp_selectors_tz/getDayOfMonth_name_pos",
        NAMED_ZONE,
    ),
    (
        "timestamps/timestamp_selectors_tz/getDayOfMonth_name_neg",
        NAMED_ZONE,
    ),
    ("timestamps/timestamp_selectors_tz/getDayOfYear", NAMED_ZONE),
    ("timestamps/timestamp_selectors_tz/getMinutes", NAMED_ZONE),
];

const NAMED_ZONE: &str =
    "a named time zone: refused at start, as the table of zones would double the module";

#[test]
fn the_conformance_suite_passes_but_for_the_rows_that_the_page_lists() {
    let mut failures = Vec::new();
    let mut table = String::new();
    let mut listed: BTreeMap<&str, &str> = FAILING.iter().copied().collect();
    for (file, text) in FILES {
        let data: Json = serde_json::from_str(text).unwrap();
        let left_out: u64 = data["left_out"]
            .as_object()
            .unwrap()
            .values()
            .map(|count| count.as_u64().unwrap())
            .sum();
        for section in data["sections"].as_array().unwrap() {
            let (mut passed, mut failed, mut zots) = (0, 0, 0);
            for row in section["rows"].as_array().unwrap() {
                let name = format!(
                    "{file}/{}/{}",
                    section["name"].as_str().unwrap(),
                    row["name"].as_str().unwrap()
                );
                zots += usize::from(row["zot"] == true);
                match (holds(row), listed.remove(name.as_str())) {
                    (Ok(()), None) => passed += 1,
                    (Err(_), Some(_)) => failed += 1,
                    (Ok(()), Some(_)) => {
                        failures.push(format!("{name}: passes now, take it off the list"));
                    }
                    (Err(found), None) => {
                        failures.push(format!("{name}: {}: {found}", row["expr"]));
                    }
                }
            }
            let name = section["name"].as_str().unwrap();
            writeln!(table, "| {file} | {name} | {passed} | {failed} | {zots} |").unwrap();
        }
        if left_out > 0 {
            writeln!(table, "| {file} | not applicable: {left_out} | | | |").unwrap();
        }
    }
    failures.extend(listed.keys().map(|name| format!("{name}: no such row")));
    assert!(
        failures.is_empty(),
        "{}\n{} failures",
        failures.join("\n"),
        failures.len()
    );
    let page = include_str!("../../../docs/cel.md");
    assert!(
        page.contains(&table),
        "docs/cel.md must have this table:\n{table}"
    );
    assert!(page.contains(&format!(
        "| work of a condition, and of all expressions of a claim mapping together | {} units |\n",
        budget::UNITS
    )));
    for (name, reason) in FAILING {
        assert!(
            page.contains(&format!("| `{name}` | {reason} |\n")),
            "docs/cel.md must list {name}: {reason}"
        );
    }
}

/// Checks that the row's expression does what the row says.
fn holds(row: &Json) -> Result<(), String> {
    let source = row["expr"].as_str().unwrap();
    let mut bindings = Bindings::claims(&Document::empty());
    let vars = row["vars"].as_object().into_iter().flatten();
    let vars = vars
        .map(|(name, value)| (CelMapKey::from(name.clone()), build(value)))
        .collect::<Vec<_>>();
    bindings.context.add_variable_as_val(
        "vars",
        Box::new(CelMap::from(vars.into_iter().collect::<HashMap<_, _>>())),
    );
    let expression = match (
        Expression::compile(source, Scope::Claims),
        row["want"]["error"].as_str(),
    ) {
        (Err(_), Some(_)) => return Ok(()),
        (Ok(_), Some("refused")) => return Err("compiles".to_owned()),
        (Err(error), None) => return Err(error.to_string()),
        (Ok(expression), _) => expression,
    };
    bindings.evaluation.begin(expression.patterns.as_ref());
    let result = Value::resolve_val(&expression.tree, &bindings.context);
    match (result, row["want"].get("error").is_some()) {
        (Err(_), true) => Ok(()),
        (Ok(_), true) => Err("evaluates".to_owned()),
        (Err(error), false) => Err(error.to_string()),
        (Ok(value), false) => same(&value, &row["want"]),
    }
}

fn same(value: &CowVal<'_, 'static>, want: &Json) -> Result<(), String> {
    if want["double"] == "NaN" {
        return value
            .downcast_ref::<CelDouble>()
            .is_some_and(|value| value.inner().is_nan())
            .then_some(())
            .ok_or_else(|| "not NaN".to_owned());
    }
    let want = build(want);
    let alike = value.get_type().name() == want.get_type().name() && value.equals(&*want);
    if alike {
        Ok(())
    } else {
        Err(format!("{:?}", value.as_ref()))
    }
}

fn build(json: &Json) -> Box<dyn Val> {
    let text = |name: &str| json[name].as_str();
    let parts = |name: &str| json[name].as_array();
    match json {
        Json::Null => return Box::new(CelNull),
        Json::Bool(value) => return Box::new(CelBool::from(*value)),
        Json::String(value) => return Box::new(CelString::from(value.clone())),
        Json::Array(items) => {
            return Box::new(CelList::from(items.iter().map(build).collect::<Vec<_>>()));
        }
        _ => {}
    }
    if let Some(int) = text("int") {
        return Box::new(CelInt::from(int.parse::<i64>().unwrap()));
    }
    if let Some(uint) = text("uint") {
        return Box::new(CelUInt::from(uint.parse::<u64>().unwrap()));
    }
    if let Some(double) = text("double") {
        return Box::new(CelDouble::from(double.parse::<f64>().unwrap()));
    }
    if let Some(bytes) = parts("bytes") {
        return Box::new(CelBytes::from(
            bytes
                .iter()
                .map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap())
                .collect::<Vec<_>>(),
        ));
    }
    if let Some(time) = parts("timestamp") {
        let (seconds, nanos) = (time[0].as_i64().unwrap(), time[1].as_u64().unwrap());
        return Box::new(CelTimestamp::from(
            chrono::DateTime::from_timestamp(seconds, u32::try_from(nanos).unwrap())
                .unwrap()
                .fixed_offset(),
        ));
    }
    if let Some(time) = parts("duration") {
        let (seconds, nanos) = (time[0].as_i64().unwrap(), time[1].as_i64().unwrap());
        return Box::new(CelDuration::from(
            chrono::Duration::seconds(seconds) + chrono::Duration::nanoseconds(nanos),
        ));
    }
    if let Some(entries) = parts("map") {
        let entries = entries.iter().map(|entry| {
            let key: CowVal<'static, 'static> = CowVal::Owned(build(&entry[0]));
            (CelMapKey::try_from(key).unwrap(), build(&entry[1]))
        });
        return Box::new(CelMap::from(entries.collect::<HashMap<_, _>>()));
    }
    let name = text("type").unwrap_or_else(|| panic!("{json}"));
    let tree = parse::parse(&format!("type({})", of_type(name))).unwrap();
    Value::resolve_val(&tree, &Bindings::claims(&Document::empty()).context)
        .unwrap()
        .into_owned()
}

/// A value of the type.
fn of_type(name: &str) -> &'static str {
    match name {
        "bool" => "true",
        "int" => "1",
        "uint" => "1u",
        "double" => "1.0",
        "string" => "''",
        "bytes" => "b''",
        "list" => "[]",
        "map" => "{}",
        "null_type" => "null",
        "type" => "int",
        "google.protobuf.Timestamp" => "timestamp(0)",
        "google.protobuf.Duration" => "duration('1s')",
        _ => "optional.none()",
    }
}

/// Expressions over claims as JSON has them, with the answers of cel-go in zot's environment.
#[test]
fn expressions_over_claims_do_what_they_do_in_zot() {
    let file: Json = serde_json::from_str(include_str!("testdata/zot_claims.json")).unwrap();
    let claims = Document::from_claims(file["claims"].as_object().unwrap());
    let mut bindings = Bindings::claims(&claims);
    bindings
        .define("x", &Expression::compile("'y'", Scope::Claims).unwrap())
        .unwrap();
    let mut failures = Vec::new();
    for row in file["rows"].as_array().unwrap() {
        let source = row["expr"].as_str().unwrap();
        let listed = OTHERWISE
            .iter()
            .any(|(expression, _)| *expression == source);
        match (over_claims(row, source, &bindings), listed) {
            (Ok(()), true) => {
                failures.push(format!("{source}: as in zot now, take it off the list"));
            }
            (Err(found), false) => failures.push(format!("{source}: {found}")),
            _ => {}
        }
    }
    assert!(
        failures.is_empty(),
        "{}\n{} failures",
        failures.join("\n"),
        failures.len()
    );
}

/// Expressions that do not do what they do in zot, and why.
const OTHERWISE: &[(&str, &str)] = &[
    (r"claims.s.matches('\\Qa.c\\E')", QUOTES),
    (
        r"claims.s.matches('\\pL+')",
        "classes of Unicode in patterns are refused at start",
    ),
    (
        r"claims.s.matches('\\141')",
        "octal escapes in patterns are refused at start",
    ),
    (
        "claims.s.matches('[a-c--b]')",
        "`--` in a class of characters is refused at start",
    ),
    (
        "string(timestamp('2024-01-02T03:04:05+01:00'))",
        "a timestamp keeps no offset: it is written in UTC, which is the same time",
    ),
];

const QUOTES: &str = "quotations in patterns are refused at start";

fn over_claims(row: &Json, source: &str, bindings: &Bindings) -> Result<(), String> {
    let expression = match (
        Expression::compile(source, Scope::Claims),
        row["fails"].as_str(),
    ) {
        // What always fails may be refused at once.
        (Err(_), Some(_)) => return Ok(()),
        (Ok(_), Some("refused")) => return Err("compiles".to_owned()),
        (Err(error), None) => return Err(error.to_string()),
        (Ok(expression), _) => expression,
    };
    if expression.is_bool() != (row["bool"] == true) {
        return Err(format!("static type {:?}", expression.result));
    }
    let found = match &row["is"] {
        _ if row["fails"] == "evaluation" => {
            return expression
                .evaluate(bindings)
                .map_or(Ok(()), |value| Err(format!("evaluates to {value:?}")));
        }
        Json::String(_) => expression.evaluate_string(bindings).map(Json::from),
        Json::Bool(_) => expression.evaluate_bool(bindings).map(Json::from),
        Json::Array(_) => expression.evaluate_strings(bindings).map(Json::from),
        _ => expression.evaluate(bindings).map(|_| row["is"].clone()),
    };
    if found.as_ref() == Ok(&row["is"]) {
        Ok(())
    } else {
        Err(format!("{found:?}, not {}", row["is"]))
    }
}
