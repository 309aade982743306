//! A CEL expression: it compiles or is refused in one line, and costs no more than the budget
//! whatever the claims are.

#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use registry_auth_cel::{Bindings, Document, Expression, Scope};
use registry_auth_fuzz::{check_line, work};
use serde_json::json;

/// Bytes that an evaluation may allocate: some times the units of the budget, of which each is
/// about a byte.
const EVALUATION: usize = 24 << 20;
/// Bytes that a compilation may allocate: 4 KiB of patterns for `matches` are the worst.
const COMPILATION: usize = 512 << 20;

thread_local! {
    static CLAIMS: LazyCell<Document> = LazyCell::new(|| {
        let claims = json!({
            "sub": "system:serviceaccount:team:builder",
            "aud": ["registry", "other"],
            "exp": 1_790_000_600,
            "n": 3.5,
            "yes": true,
            "nothing": null,
            "long": "ab/".repeat(2_000),
            "pattern": "(a|b)*[^/]+$",
            "groups": (0..300).map(|number| format!("group-{number}")).collect::<Vec<_>>(),
            "kubernetes.io": { "namespace": "team", "pod": { "name": "builder-0", "uid": "0" } },
            "deep": [[[[[["x"]]]]]],
        });
        Document::from_claims(claims.as_object().expect("an object"))
    });
}

fuzz_target!(|input: &[u8]| {
    let Ok(source) = std::str::from_utf8(input) else {
        return;
    };
    for scope in [Scope::Claims, Scope::Conditions] {
        match work::bounded(COMPILATION, || Expression::compile(source, scope)) {
            Ok(expression) => CLAIMS.with(|claims| evaluate(&expression, scope, claims)),
            Err(error) => check_line(&error.to_string()),
        }
    }
});

fn evaluate(expression: &Expression, scope: Scope, document: &Document) {
    work::bounded(EVALUATION, || {
        let mut bindings = match scope {
            Scope::Claims => Bindings::claims(document),
            Scope::Conditions => Bindings::conditions(document),
        };
        let flag = expression.evaluate_bool(&bindings);
        let text = expression.evaluate_string(&bindings);
        let texts = expression.evaluate_strings(&bindings);
        let results = [flag.is_ok(), text.is_ok(), texts.is_ok()];
        assert!(
            results.iter().filter(|result| **result).count() <= 1,
            "a value of several types"
        );
        assert!(text.is_err() || expression.may_be_string());
        // An empty list is one of strings, too.
        assert!(texts.is_err() || texts == Ok(Vec::new()) || expression.may_be_strings());
        if scope == Scope::Claims {
            let _ = bindings.define("x", expression);
            let _ = expression.evaluate_bool(&bindings);
        }
    });
}
