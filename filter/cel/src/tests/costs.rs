//! What evaluations may cost.

use super::*;

/// Claims as large as a token may carry, and expressions that would multiply them: each is refused
/// when it is compiled, or ends within the budget, or has its budget taken away. What an operation
/// may do beyond the budget is nothing, as it pays before.
#[test]
fn no_expression_does_more_than_its_budget() {
    let long = "a".repeat(24 << 10);
    let many: Vec<Json> = (0..4000).map(|n| json!(n.to_string())).collect();
    let claims = document(
        &json!({"long": long, "one": [long], "many": many, "deep": [[[["a"]]]], "re": ["(a|b)*a(a|b){900}c", "((a{99}){99}){99}"]}),
    );
    let rows = [
        // Ordinary ones over everything that is there.
        (
            "claims.many.map(g, 'oidc:' + g).size() == 4000",
            Outcome::Is(true),
        ),
        (
            "claims.many.filter(g, g.startsWith('39')).size() == 111",
            Outcome::Is(true),
        ),
        ("claims.many.exists(g, g == '3999')", Outcome::Is(true)),
        (
            "'3999' in claims.many && claims.long.size() == 24576",
            Outcome::Is(true),
        ),
        (
            "claims.long.replace('a', 'b').contains('bbb')",
            Outcome::Is(true),
        ),
        ("claims.long.matches('^a+$')", Outcome::Is(true)),
        // Loops in loops.
        (
            "claims.many.all(a, claims.many.all(b, a != b || true))",
            Outcome::TooCostly,
        ),
        (
            "claims.many.map(a, claims.many.map(b, a + b)).size() > 0",
            Outcome::TooCostly,
        ),
        (
            "claims.many.exists_one(a, claims.many.exists_one(b, a == b))",
            Outcome::TooCostly,
        ),
        (
            "claims.many.filter(a, claims.many.filter(b, true).size() > 0).size() > 0",
            Outcome::TooCostly,
        ),
        (
            "claims.many.all(a, claims.many.all(b, claims.many.all(c, claims.many.all(d, true))))",
            Outcome::TooCostly,
        ),
        (
            "[1].all(a, [1].all(b, [1].all(c, [1].all(d, true))))",
            Outcome::Is(true),
        ),
        (
            "[1].all(a, [1].all(b, [1].all(c, [1].all(d, [1].all(e, true)))))",
            Outcome::Refused,
        ),
        // An error that is covered does not save the budget.
        (
            "claims.many.all(a, claims.many.all(b, true)) || true",
            Outcome::TooCostly,
        ),
        (
            "true || claims.many.all(a, claims.many.all(b, true))",
            Outcome::Is(true),
        ),
        (
            "claims.many.exists(a, claims.many.all(b, true) && false) || true",
            Outcome::TooCostly,
        ),
        // Growth.
        (
            "claims.long.replace('', claims.long) == ''",
            Outcome::TooCostly,
        ),
        (
            "claims.long.replace('a', claims.long, 9999) == ''",
            Outcome::TooCostly,
        ),
        (
            "claims.long.split('').join(claims.long) == ''",
            Outcome::TooCostly,
        ),
        (
            "claims.many.map(a, claims.long).size() > 0",
            Outcome::TooCostly,
        ),
        (
            "claims.many.map(a, {a: claims.long}).size() > 0",
            Outcome::TooCostly,
        ),
        (
            "claims.many.map(a, optional.of(claims.long)).size() > 0",
            Outcome::TooCostly,
        ),
        (
            "claims.many.map(a, claims.?long).size() > 0",
            Outcome::TooCostly,
        ),
        (
            "claims.many.map(a, '%s%s'.format([claims.long, a])).size() > 0",
            Outcome::TooCostly,
        ),
        (
            "claims.many.map(a, base64.encode(bytes(claims.long))).size() > 0",
            Outcome::TooCostly,
        ),
        (
            "claims.many.map(a, claims.long.lowerAscii()).size() > 0",
            Outcome::TooCostly,
        ),
        (
            "claims.many.map(a, claims.long.split('')).size() > 0",
            Outcome::TooCostly,
        ),
        (
            "claims.many.map(a, strings.quote(claims.long)).size() > 0",
            Outcome::TooCostly,
        ),
        // Reading again and again.
        (
            "claims.many.all(a, claims.long == claims.long)",
            Outcome::TooCostly,
        ),
        (
            "claims.many.all(a, claims.long <= claims.long)",
            Outcome::TooCostly,
        ),
        (
            "claims.many.all(a, !(a + 'x' in claims.many))",
            Outcome::TooCostly,
        ),
        (
            "claims.many.all(a, claims.long.indexOf(claims.long) == 0)",
            Outcome::TooCostly,
        ),
        (
            "claims.many.all(a, claims.long.lastIndexOf('b') == -1)",
            Outcome::TooCostly,
        ),
        (
            "claims.many.all(a, size(claims.long) > 0)",
            Outcome::TooCostly,
        ),
        (
            "claims.many.all(a, claims[claims.long + a].x == 1 || true)",
            Outcome::TooCostly,
        ),
        ("claims.many[0.5] == 1 || true", Outcome::Is(true)),
        (
            "claims.many.all(a, claims.one.exists(b, true))",
            Outcome::TooCostly,
        ),
        (
            "claims.many.all(a, !claims.?long.optFlatMap(x, vars.o).?y.hasValue())",
            Outcome::TooCostly,
        ),
        (
            "sets.contains(claims.many, claims.many)",
            Outcome::TooCostly,
        ),
        ("sets.intersects(claims.many, ['x'])", Outcome::Is(false)),
        // Expressions of expressions.
        ("claims.many.all(a, a.matches(a))", Outcome::TooCostly),
        (
            "claims.long.matches('(a|b)*a(a|b){900}c')",
            Outcome::TooCostly,
        ),
        (
            "claims.re.exists(r, claims.long.matches(r))",
            Outcome::TooCostly,
        ),
    ];
    let doubled = (0..30).fold("optional.of(claims.long)".to_owned(), |text, _| {
        text + ".optMap(x, x + x)"
    });
    let long_body = format!("claims.many.all(a, {}true)", "true && ".repeat(400));
    let rows = rows
        .iter()
        .map(|(source, outcome)| ((*source).to_owned(), *outcome));
    let rows = rows.chain([
        (doubled + ".hasValue()", Outcome::TooCostly),
        (long_body, Outcome::TooCostly),
        (
            format!("claims.long{} == ''", " + claims.long".repeat(30)),
            Outcome::TooCostly,
        ),
        (
            format!("[{}claims.long].size() > 0", "claims.long, ".repeat(150)),
            Outcome::TooCostly,
        ),
    ]);
    for (source, outcome) in rows {
        let mut bindings = Bindings::claims(&claims);
        bindings
            .define(
                "o",
                &Expression::compile("claims.?long", Scope::Claims).unwrap(),
            )
            .unwrap();
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
    let expression =
        Expression::compile("claims.many.exists(g, g == '3999')", Scope::Claims).unwrap();
    let found: Vec<_> = (0..9)
        .map(|_| expression.evaluate_bool(&bindings))
        .collect();
    assert_eq!(found.first(), Some(&Ok(true)));
    assert_eq!(found.last(), Some(&Err(EvaluationError::TooCostly)));
    let groups: Vec<Json> = (0..1000)
        .map(|n| json!(format!("department-{n:012}")))
        .collect();
    let bindings = Bindings::claims(&document(&json!({"groups": groups})));
    let prefixed = Expression::compile("claims.groups.map(g, 'oidc:' + g)", Scope::Claims).unwrap();
    assert_eq!(prefixed.evaluate_strings(&bindings).unwrap().len(), 1000);
    assert!(
        bindings.evaluation.budget().left() > budget::UNITS / 100 * 85,
        "as docs/cel.md says"
    );
    let bindings = Bindings::conditions(&claims);
    let expression =
        Expression::compile("req.many.exists(g, g == '3999')", Scope::Conditions).unwrap();
    assert!((0..9).all(|_| expression.evaluate_bool(&bindings) == Ok(true)));
}

/// Neither units nor compiled patterns outlive a condition, so that an answer does not hang on what
/// was asked before.
#[test]
fn an_evaluation_leaves_nothing_to_the_next() {
    let request = document(&json!({"ref": "refs/heads/main", "pattern": "^refs/heads/"}));
    let literal =
        Expression::compile("req.ref.matches('^refs/heads/')", Scope::Conditions).unwrap();
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

/// Each variable doubles the one before it, or puts it into a list: no chain of variables outgrows
/// the budget or the stack.
#[test]
fn variables_cannot_grow_without_end() {
    for (expression, most) in [
        ("vars.x + vars.x", 9),
        ("[vars.x]", 130),
        ("[[[[[[[[[[vars.x]]]]]]]]]]", 13),
    ] {
        let mut bindings = Bindings::claims(&document(&json!({"x": "a".repeat(4096)})));
        bindings
            .define(
                "x",
                &Expression::compile("claims.x", Scope::Claims).unwrap(),
            )
            .unwrap();
        let step = Expression::compile(expression, Scope::Claims).unwrap();
        let steps = (0..1000)
            .take_while(|_| bindings.define("x", &step).is_ok())
            .count();
        assert!(steps > 1 && steps <= most, "{expression}: {steps} steps");
        assert_eq!(bindings.define("x", &step), Err(EvaluationError::TooCostly));
    }
}
