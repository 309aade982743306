//! Rows of cel-go's behaviour, and what the crate behind the door must not show.

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
    claims.define("x", &Expression::compile("'y'", Scope::Claims).unwrap()).unwrap();
    let request = Map::default()
        .time("time", 1_790_000_000_000)
        .text("method", "PUT")
        .text("action", "create")
        .text("repository", "prod/api")
        .text("referenceType", "tag")
        .text("tag", "v1")
        .map("user", Map::default().text("username", "alice").texts("groups", ["devs".to_owned()]))
        .map("client", Map::default().text("ip", "10.0.0.5").texts("forwardedFor", []))
        .map("tls", Map::default().bool("enabled", false).text("version", ""))
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
        return Err(format!("static type {:?}, not {}", expression.result, row["type"]));
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
        let expected = serde_json::from_str::<Vec<String>>(&strings.replace("\" \"", "\",\"")).unwrap();
        return same(&expression.evaluate_strings(bindings), expected);
    }
    match expression.evaluate_strings(bindings) {
        Err(EvaluationError::NotA(_)) => Ok(()),
        other => Err(format!("as a list of strings: {other:?}")),
    }
}

fn same<T: PartialEq + fmt::Debug>(found: &Result<T, EvaluationError>, expected: T) -> Result<(), String> {
    if *found == Ok(expected) { Ok(()) } else { Err(format!("{found:?}")) }
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
        assert_eq!(expression.evaluate_string(&Bindings::claims(&claims)).as_deref(), Ok(expected), "{json}");
    }
}

#[test]
fn refusals_say_what_to_write_instead() {
    let rows = [
        ("claim.sub", "unknown name `claim`: write `claims.`... or `vars.`..."),
        ("claims.sub.foo()", "unknown function `foo`, or a wrong number of arguments for it"),
        (
            "['x', claims.sub]",
            "a list literal cannot mix string and dyn, join lists with `+` or convert with `string()`",
        ),
        ("claims.", "not a CEL expression: syntax error at line 1, column 8"),
        ("claims.sub ? 1 : 'a'", "both results of `? :` must have one type, not int and string"),
        ("1 == '1'", "`==` cannot be applied to int and string"),
        ("claims.sub.matches('(')", "the pattern of `matches` is not a regular expression of RE2, or too large"),
        ("google.rpc.Status{code: 1}", "message types cannot be built: `google.rpc.Status`"),
        ("'a' && true", "`&&` takes bools, not a string"),
        ("string()", "unknown function `string`, or a wrong number of arguments for it"),
        ("claims.x == 1 || req.x", "unknown name `req`: write `claims.`... or `vars.`..."),
    ];
    for (source, expected) in rows {
        assert_eq!(Expression::compile(source, Scope::Claims).unwrap_err().to_string(), expected, "{source}");
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
        let reads = ["client", "tls"].iter().any(|member| expression.reads().contains(member));
        assert_eq!(reads, expected, "{source}");
    }
}

/// Each function of the table is declared in the environment: an unknown one would be an undeclared reference.
#[test]
fn every_function_of_the_table_exists() {
    let bindings = Bindings::claims(&Document::empty());
    for &(name, receiver, least, takes, _) in functions::FUNCTIONS {
        for count in least..=takes.len() {
            let written = name.trim_start_matches('@');
            let arguments = vec!["vars.x"; count].join(", ");
            let on = match receiver {
                functions::Receiver::None => String::new(),
                functions::Receiver::Text => "''.".to_owned(),
                functions::Receiver::Time => "timestamp(0).".to_owned(),
                functions::Receiver::Duration => "duration('1s').".to_owned(),
                functions::Receiver::List | functions::Receiver::Sized => "[].".to_owned(),
                functions::Receiver::Optional => "optional.of(1).".to_owned(),
            };
            let source = format!("{on}{written}({arguments})");
            let expression =
                Expression::compile(&source, Scope::Claims).unwrap_or_else(|error| panic!("{source}: {error}"));
            let result = Value::resolve_val(&expression.tree, &bindings.context).map(drop);
            assert!(!matches!(result, Err(ExecutionError::UndeclaredReference(_))), "{source}: {result:?}");
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
            let source = if id == "cel-compile-03" { source.to_owned() } else { source.replace("foo", "claims") };
            let compiled = Expression::compile(&source, Scope::Claims);
            let wants_bool = input["mode"].as_str().unwrap().ends_with("output bool");
            let accepted = compiled.is_ok_and(|expression| expression.is_bool() || !wants_bool);
            assert_eq!(accepted, expect["accepted"] == true, "{id}");
            continue;
        }
        let expression =
            Expression::compile(&as_members(source), Scope::Claims).unwrap_or_else(|error| panic!("{id}: {error}"));
        let bindings = Bindings::claims(&document(&input["data"]));
        let result = match input["want"].as_str().unwrap() {
            "bool" => expression.evaluate_bool(&bindings).map(|value| json!(value)),
            "string" => expression.evaluate_string(&bindings).map(|value| json!(value)),
            _ => expression.evaluate_strings(&bindings).map(|value| json!(value)),
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

/// Claims as large as a token may carry, and expressions that would multiply them: each is refused when it is compiled, or ends
/// within the budget, or has its budget taken away. What an operation may do beyond the budget is nothing, as it pays before.
#[test]
fn no_expression_does_more_than_its_budget() {
    let long = "a".repeat(24 << 10);
    let many: Vec<Json> = (0..4000).map(|n| json!(n.to_string())).collect();
    let claims = document(
        &json!({"long": long, "one": [long], "many": many, "deep": [[[["a"]]]], "re": ["(a|b)*a(a|b){900}c", "((a{99}){99}){99}"]}),
    );
    let rows = [
        // Ordinary ones over everything that is there.
        ("claims.many.map(g, 'oidc:' + g).size() == 4000", Outcome::Is(true)),
        ("claims.many.filter(g, g.startsWith('39')).size() == 111", Outcome::Is(true)),
        ("claims.many.exists(g, g == '3999')", Outcome::Is(true)),
        ("'3999' in claims.many && claims.long.size() == 24576", Outcome::Is(true)),
        ("claims.long.replace('a', 'b').contains('bbb')", Outcome::Is(true)),
        ("claims.long.matches('^a+$')", Outcome::Is(true)),
        // Loops in loops.
        ("claims.many.all(a, claims.many.all(b, a != b || true))", Outcome::TooCostly),
        ("claims.many.map(a, claims.many.map(b, a + b)).size() > 0", Outcome::TooCostly),
        ("claims.many.exists_one(a, claims.many.exists_one(b, a == b))", Outcome::TooCostly),
        ("claims.many.filter(a, claims.many.filter(b, true).size() > 0).size() > 0", Outcome::TooCostly),
        ("claims.many.all(a, claims.many.all(b, claims.many.all(c, claims.many.all(d, true))))", Outcome::TooCostly),
        ("[1].all(a, [1].all(b, [1].all(c, [1].all(d, true))))", Outcome::Is(true)),
        ("[1].all(a, [1].all(b, [1].all(c, [1].all(d, [1].all(e, true)))))", Outcome::Refused),
        // An error that is covered does not save the budget.
        ("claims.many.all(a, claims.many.all(b, true)) || true", Outcome::TooCostly),
        ("true || claims.many.all(a, claims.many.all(b, true))", Outcome::Is(true)),
        ("claims.many.exists(a, claims.many.all(b, true) && false) || true", Outcome::TooCostly),
        // Growth.
        ("claims.long.replace('', claims.long) == ''", Outcome::TooCostly),
        ("claims.long.replace('a', claims.long, 9999) == ''", Outcome::TooCostly),
        ("claims.long.split('').join(claims.long) == ''", Outcome::TooCostly),
        ("claims.many.map(a, claims.long).size() > 0", Outcome::TooCostly),
        ("claims.many.map(a, {a: claims.long}).size() > 0", Outcome::TooCostly),
        ("claims.many.map(a, optional.of(claims.long)).size() > 0", Outcome::TooCostly),
        ("claims.many.map(a, claims.?long).size() > 0", Outcome::TooCostly),
        ("claims.many.map(a, '%s%s'.format([claims.long, a])).size() > 0", Outcome::TooCostly),
        ("claims.many.map(a, base64.encode(bytes(claims.long))).size() > 0", Outcome::TooCostly),
        ("claims.many.map(a, claims.long.lowerAscii()).size() > 0", Outcome::TooCostly),
        ("claims.many.map(a, claims.long.split('')).size() > 0", Outcome::TooCostly),
        ("claims.many.map(a, strings.quote(claims.long)).size() > 0", Outcome::TooCostly),
        // Reading again and again.
        ("claims.many.all(a, claims.long == claims.long)", Outcome::TooCostly),
        ("claims.many.all(a, claims.long <= claims.long)", Outcome::TooCostly),
        ("claims.many.all(a, !(a + 'x' in claims.many))", Outcome::TooCostly),
        ("claims.many.all(a, claims.long.indexOf(claims.long) == 0)", Outcome::TooCostly),
        ("claims.many.all(a, claims.long.lastIndexOf('b') == -1)", Outcome::TooCostly),
        ("claims.many.all(a, size(claims.long) > 0)", Outcome::TooCostly),
        ("claims.many.all(a, claims[claims.long + a].x == 1 || true)", Outcome::TooCostly),
        ("claims.many[0.5] == 1 || true", Outcome::Is(true)),
        ("claims.many.all(a, claims.one.exists(b, true))", Outcome::TooCostly),
        ("claims.many.all(a, !claims.?long.optFlatMap(x, vars.o).?y.hasValue())", Outcome::TooCostly),
        ("sets.contains(claims.many, claims.many)", Outcome::TooCostly),
        ("sets.intersects(claims.many, ['x'])", Outcome::Is(false)),
        // Expressions of expressions.
        ("claims.many.all(a, a.matches(a))", Outcome::TooCostly),
        ("claims.long.matches('(a|b)*a(a|b){900}c')", Outcome::TooCostly),
        ("claims.re.exists(r, claims.long.matches(r))", Outcome::TooCostly),
    ];
    let doubled = (0..30).fold("optional.of(claims.long)".to_owned(), |text, _| text + ".optMap(x, x + x)");
    let long_body = format!("claims.many.all(a, {}true)", "true && ".repeat(400));
    let rows = rows.iter().map(|(source, outcome)| ((*source).to_owned(), *outcome));
    let rows = rows.chain([
        (doubled + ".hasValue()", Outcome::TooCostly),
        (long_body, Outcome::TooCostly),
        (format!("claims.long{} == ''", " + claims.long".repeat(30)), Outcome::TooCostly),
        (format!("[{}claims.long].size() > 0", "claims.long, ".repeat(150)), Outcome::TooCostly),
    ]);
    for (source, outcome) in rows {
        let mut bindings = Bindings::claims(&claims);
        bindings.define("o", &Expression::compile("claims.?long", Scope::Claims).unwrap()).unwrap();
        let found = match Expression::compile(&source, Scope::Claims) {
            Err(_) => Outcome::Refused,
            Ok(expression) => match expression.evaluate_bool(&bindings) {
                Ok(value) => Outcome::Is(value),
                Err(EvaluationError::TooCostly) => Outcome::TooCostly,
                Err(error) => panic!("{source}: {error}"),
            },
        };
        let left = bindings.evaluation.budget().left();
        assert_eq!(found, outcome, "{source}: {left} units left");
        assert_eq!(found == Outcome::TooCostly, left == 0, "{source}");
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    Refused,
    TooCostly,
    Is(bool),
}

#[test]
fn all_expressions_of_a_mapping_share_a_budget_and_each_condition_has_its_own() {
    let many: Vec<Json> = (0..4000).map(|n| json!(n.to_string())).collect();
    let claims = document(&json!({"many": many}));
    let bindings = Bindings::claims(&claims);
    let expression = Expression::compile("claims.many.exists(g, g == '3999')", Scope::Claims).unwrap();
    let found: Vec<_> = (0..9).map(|_| expression.evaluate_bool(&bindings)).collect();
    assert_eq!(found.first(), Some(&Ok(true)));
    assert_eq!(found.last(), Some(&Err(EvaluationError::TooCostly)));
    let groups: Vec<Json> = (0..1000).map(|n| json!(format!("department-{n:012}"))).collect();
    let bindings = Bindings::claims(&document(&json!({"groups": groups})));
    let prefixed = Expression::compile("claims.groups.map(g, 'oidc:' + g)", Scope::Claims).unwrap();
    assert_eq!(prefixed.evaluate_strings(&bindings).unwrap().len(), 1000);
    assert!(bindings.evaluation.budget().left() > budget::UNITS / 100 * 85, "as docs/cel.md says");
    let bindings = Bindings::conditions(&claims);
    let expression = Expression::compile("req.many.exists(g, g == '3999')", Scope::Conditions).unwrap();
    assert!((0..9).all(|_| expression.evaluate_bool(&bindings) == Ok(true)));
}

/// Neither units nor compiled patterns outlive a condition, so that an answer does not hang on what was asked before.
#[test]
fn an_evaluation_leaves_nothing_to_the_next() {
    let request = document(&json!({"ref": "refs/heads/main", "pattern": "^refs/heads/"}));
    let literal = Expression::compile("req.ref.matches('^refs/heads/')", Scope::Conditions).unwrap();
    let dynamic = Expression::compile("req.ref.matches(req.pattern)", Scope::Conditions).unwrap();
    let bindings = Bindings::conditions(&request);
    let cost = |expression: &Expression| {
        assert_eq!(expression.evaluate_bool(&bindings), Ok(true));
        budget::UNITS - bindings.evaluation.budget().left()
    };
    let first = [cost(&literal), cost(&dynamic)];
    assert!(first[0] < first[1], "{first:?}");
    assert_eq!([cost(&literal), cost(&dynamic)], first);
    assert_eq!([cost(&dynamic), cost(&literal)], [first[1], first[0]]);
}

/// Each variable doubles the one before it, or puts it into a list: no chain of variables outgrows the budget or the stack.
#[test]
fn variables_cannot_grow_without_end() {
    for (expression, most) in [("vars.x + vars.x", 9), ("[vars.x]", 130), ("[[[[[[[[[[vars.x]]]]]]]]]]", 13)] {
        let mut bindings = Bindings::claims(&document(&json!({"x": "a".repeat(4096)})));
        bindings.define("x", &Expression::compile("claims.x", Scope::Claims).unwrap()).unwrap();
        let step = Expression::compile(expression, Scope::Claims).unwrap();
        let steps = (0..1000).take_while(|_| bindings.define("x", &step).is_ok()).count();
        assert!(steps > 1 && steps <= most, "{expression}: {steps} steps");
        assert_eq!(bindings.define("x", &step), Err(EvaluationError::TooCostly));
    }
}

/// What an expression reads is found by the name of the document: there must be no second one.
#[test]
fn a_document_has_no_second_name() {
    for source in [".claims.sub == 'x'", "!has(.claims.x)", ".claims['sub'] == 'x'", "cel.bind(c, claims, c.a == 1)"] {
        let refused = matches!(Expression::compile(source, Scope::Claims), Err(CompileError::UnknownName { .. }));
        assert!(refused, "{source}");
    }
}
