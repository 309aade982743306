//! Rows of cel-go's behaviour, and what the crate behind the door must not show.

mod costs;

use std::fmt;

use cel_interpreter::{ExecutionError, Value};
use serde_json::{Value as Json, json};

use super::*;

fn document(value: &Json) -> Document {
    Document::from_claims(value.as_object().unwrap())
}

/// cel-go 0.31.0 with zot's options, probed row by row.
#[test]
fn expressions_do_what_they_do_in_zot() {
    let file: Json = serde_json::from_str(include_str!("testdata/cel_go.json")).unwrap();
    let claims = Bindings::claims(&document(&file["data"]["claims"]));
    let mut claims = claims;
    claims
        .define("x", &Expression::compile("'y'", Scope::Claims).unwrap())
        .unwrap();
    let request = Map::default()
        .time("time", 1_790_000_000_000)
        .text("method", "PUT")
        .text("action", "create")
        .text("repository", "prod/api")
        .text("referenceType", "tag")
        .text("tag", "v1")
        .map(
            "user",
            Map::default()
                .text("username", "alice")
                .texts("groups", ["devs".to_owned()]),
        )
        .map(
            "client",
            Map::default()
                .text("ip", "10.0.0.5")
                .texts("forwardedFor", []),
        )
        .map(
            "tls",
            Map::default().bool("enabled", false).text("version", ""),
        )
        .document("claims", &Document::empty());
    let request = Bindings::conditions(&request.build());
    let mut failures = Vec::new();
    let rows = file["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 145);
    for row in rows {
        let source = row["expr"].as_str().unwrap();
        let (scope, bindings) = match row["env"].as_str().unwrap() {
            "claims" => (Scope::Claims, &claims),
            _ => (Scope::Conditions, &request),
        };
        let excluded = EXCLUDED.iter().any(|(expression, _)| *expression == source);
        if let Err(found) = agrees(row, source, scope, bindings) {
            if !excluded {
                failures.push(format!("{source}: {found}"));
            }
        } else if excluded {
            failures.push(format!("{source}: agrees now, take it off the list"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Rows that do not hold here yet, and why.
const EXCLUDED: &[(&str, &str)] = &[];

fn agrees(row: &Json, source: &str, scope: Scope, bindings: &Bindings) -> Result<(), String> {
    let compiled = Expression::compile(source, scope);
    let expression = match (row["stage"].as_str().unwrap(), compiled) {
        ("compile-error", Err(_)) => return Ok(()),
        ("compile-error", Ok(_)) => return Err("compiles".to_owned()),
        (_, Err(error)) => return Err(error.to_string()),
        (_, Ok(expression)) => expression,
    };
    if expression.is_bool() != (row["type"] == "bool") {
        return Err(format!(
            "static type {:?}, not {}",
            expression.result, row["type"]
        ));
    }
    if row["stage"] == "eval-error" {
        return match Value::resolve_val(&expression.tree, &bindings.context) {
            Err(_) => Ok(()),
            Ok(_) => Err("evaluates".to_owned()),
        };
    }
    let value = row["value"].as_str().unwrap();
    let (kind, text) = value.split_once(':').unwrap();
    match kind {
        "types.String" => same(&expression.evaluate_string(bindings), text.to_owned()),
        "types.Bool" => same(&expression.evaluate_bool(bindings), text == "true"),
        _ => Ok(()),
    }?;
    let strings = row["as_string_slice"].as_str().unwrap();
    if strings.starts_with('[') {
        let expected =
            serde_json::from_str::<Vec<String>>(&strings.replace("\" \"", "\",\"")).unwrap();
        return same(&expression.evaluate_strings(bindings), expected);
    }
    match expression.evaluate_strings(bindings) {
        Err(EvaluationError::NotA(_)) => Ok(()),
        other => Err(format!("as a list of strings: {other:?}")),
    }
}

fn same<T: PartialEq + fmt::Debug>(
    found: &Result<T, EvaluationError>,
    expected: T,
) -> Result<(), String> {
    if *found == Ok(expected) {
        Ok(())
    } else {
        Err(format!("{found:?}"))
    }
}

#[test]
fn numbers_of_claims_are_doubles_and_print_as_go_prints_them() {
    let rows = [
        ("0", "0"),
        ("-1.5", "-1.5"),
        ("123456", "123456"),
        ("1234567", "1.234567e+06"),
        ("100000000000000000000000", "1e+23"),
        ("0.0001", "0.0001"),
        ("0.00001", "1e-05"),
        ("9007199254740993", "9.007199254740992e+15"),
        // The nearest double, not its neighbour.
        (
            "55555555555555555555555555555555555555555555555555555555555555555555555555555555555",
            "5.555555555555555e+82",
        ),
    ];
    for (json, expected) in rows {
        let claims = document(&serde_json::from_str(&format!("{{\"n\":{json}}}")).unwrap());
        let expression = Expression::compile("string(claims.n)", Scope::Claims).unwrap();
        assert_eq!(
            expression
                .evaluate_string(&Bindings::claims(&claims))
                .as_deref(),
            Ok(expected),
            "{json}"
        );
    }
}

#[test]
fn refusals_say_what_to_write_instead() {
    let rows = [
        (
            "claim.sub",
            "unknown name `claim`: write `claims.`... or `vars.`...",
        ),
        (
            "claims.sub.foo()",
            "unknown function `foo`, or a wrong number of arguments for it",
        ),
        (
            "['x', claims.sub]",
            "a list literal cannot mix string and dyn, join lists with `+` or convert with `string()`",
        ),
        (
            "claims.",
            "not a CEL expression: syntax error at line 1, column 8",
        ),
        (
            "claims.sub ? 1 : 'a'",
            "both results of `? :` must have one type, not int and string",
        ),
        ("1 == '1'", "`==` cannot be applied to int and string"),
        (
            "claims.sub.matches('(')",
            "the pattern of `matches` is not a regular expression of RE2, or too large",
        ),
        (
            "google.rpc.Status{code: 1}",
            "message types cannot be built: `google.rpc.Status`",
        ),
        ("'a' && true", "`&&` takes bools, not a string"),
        (
            "string()",
            "unknown function `string`, or a wrong number of arguments for it",
        ),
        (
            "claims.x == 1 || req.x",
            "unknown name `req`: write `claims.`... or `vars.`...",
        ),
    ];
    for (source, expected) in rows {
        assert_eq!(
            Expression::compile(source, Scope::Claims)
                .unwrap_err()
                .to_string(),
            expected,
            "{source}"
        );
    }
}

#[test]
fn no_message_and_no_debug_output_holds_a_value() {
    let claims = document(&json!({"secret": "hunter2", "list": ["hunter2"], "n": 5}));
    let bindings = Bindings::claims(&claims);
    for source in [
        "claims.secret + 1",
        "claims.secret < 5",
        "claims[claims.secret]",
        "claims.list[7] == claims.secret",
        "timestamp(claims.secret) == timestamp(claims.secret)",
        "claims.secret.matches(claims.secret + '(')",
        "int(claims.secret) == 1",
        "-claims.secret == claims.secret",
        "claims.secret.charAt(99)",
        "claims.secret",
    ] {
        let expression = Expression::compile(source, Scope::Claims).unwrap();
        let error = expression.evaluate_bool(&bindings).unwrap_err();
        let shown = format!("{error} {error:?} {expression:?} {claims:?} {bindings:?}");
        assert!(!shown.contains("hunter2"), "{source}: {shown}");
    }
}

#[test]
fn what_a_condition_may_read_is_known_or_assumed() {
    let rows = [
        ("req.client.ip == '::1'", true),
        ("req.tls.enabled", true),
        ("req['client'].ip == 'x'", true),
        ("req.?tls.?version.orValue('') == ''", true),
        ("has(req.tls)", true),
        ("req.repository == 'client'", false),
        ("req.user.username.startsWith('tls')", false),
        ("req.user.groups.exists(client, client == 'a')", false),
        ("req[req.action] == 'x'", true),
        ("req == {}", true),
        ("req.map(k, k).size() == 1", true),
    ];
    for (source, expected) in rows {
        let expression = Expression::compile(source, Scope::Conditions).unwrap();
        let reads = ["client", "tls"]
            .iter()
            .any(|member| expression.reads().contains(member));
        assert_eq!(reads, expected, "{source}");
    }
}

/// Each function of the table is declared in the environment: an unknown one would be an undeclared
/// reference.
#[test]
fn every_function_of_the_table_exists() {
    let bindings = Bindings::claims(&Document::empty());
    for &(name, receiver, least, takes, _) in signatures::FUNCTIONS {
        for count in least..=takes.len() {
            let written = name.trim_start_matches('@');
            let arguments = vec!["vars.x"; count].join(", ");
            let on = match receiver {
                signatures::Receiver::None => String::new(),
                signatures::Receiver::Text => "''.".to_owned(),
                signatures::Receiver::Time => "timestamp(0).".to_owned(),
                signatures::Receiver::Duration => "duration('1s').".to_owned(),
                signatures::Receiver::List | signatures::Receiver::Sized => "[].".to_owned(),
                signatures::Receiver::Optional => "optional.of(1).".to_owned(),
            };
            let source = format!("{on}{written}({arguments})");
            let expression = Expression::compile(&source, Scope::Claims)
                .unwrap_or_else(|error| panic!("{source}: {error}"));
            let result = Value::resolve_val(&expression.tree, &bindings.context).map(drop);
            assert!(
                !matches!(result, Err(ExecutionError::UndeclaredReference(_))),
                "{source}: {result:?}"
            );
        }
    }
}

/// zot's own tests, whose variables `foo` and `bar` are the claims or members of them here.
#[test]
fn expressions_of_zots_tests_do_what_they_do_there() {
    let file: Json = serde_json::from_str(include_str!("testdata/zot_expressions.json")).unwrap();
    let rows = file["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 33);
    for row in rows {
        let (id, input, expect) = (row["id"].as_str().unwrap(), &row["input"], &row["expect"]);
        let source = input["expr"].as_str().unwrap();
        if id.starts_with("cel-compile") {
            // The one row about a name that is not declared keeps it.
            let source = if id == "cel-compile-03" {
                source.to_owned()
            } else {
                source.replace("foo", "claims")
            };
            let compiled = Expression::compile(&source, Scope::Claims);
            let wants_bool = input["mode"].as_str().unwrap().ends_with("output bool");
            let accepted = compiled.is_ok_and(|expression| expression.is_bool() || !wants_bool);
            assert_eq!(accepted, expect["accepted"] == true, "{id}");
            continue;
        }
        let expression = Expression::compile(&as_members(source), Scope::Claims)
            .unwrap_or_else(|error| panic!("{id}: {error}"));
        let bindings = Bindings::claims(&document(&input["data"]));
        let result = match input["want"].as_str().unwrap() {
            "bool" => expression
                .evaluate_bool(&bindings)
                .map(|value| json!(value)),
            "string" => expression
                .evaluate_string(&bindings)
                .map(|value| json!(value)),
            _ => expression
                .evaluate_strings(&bindings)
                .map(|value| json!(value)),
        };
        match expect["result"].as_str() {
            Some(error) if error.starts_with("ERR") => assert!(result.is_err(), "{id}: {result:?}"),
            _ => assert_eq!(result.as_ref(), Ok(&expect["result"]), "{id}"),
        }
    }
}

/// `foo.bar + bar.x` as `claims.foo.bar + claims.bar.x`.
fn as_members(source: &str) -> String {
    let mut out = String::new();
    let mut rest = source;
    while !rest.is_empty() {
        let starts_word = !out.ends_with(|char: char| char == '.' || char.is_alphanumeric());
        if starts_word && (rest.starts_with("foo") || rest.starts_with("bar")) {
            out.push_str("claims.");
        }
        let next = rest.chars().next().unwrap();
        out.push(next);
        rest = rest.strip_prefix(next).unwrap();
    }
    out
}

/// What an expression reads is found by the name of the document: there must be no second one.
#[test]
fn a_document_has_no_second_name() {
    for source in [
        ".claims.sub == 'x'",
        "!has(.claims.x)",
        ".claims['sub'] == 'x'",
        "cel.bind(c, claims, c.a == 1)",
    ] {
        let refused = matches!(
            Expression::compile(source, Scope::Claims),
            Err(CompileError::UnknownName { .. })
        );
        assert!(refused, "{source}");
    }
}
