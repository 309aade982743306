//! Variables that are not defined and members of `req` that there are not: zot starts with them, and
//! refuses later.

use serde_json::{Value, json};

use super::{diagnose, with};

fn warnings(document: &Value) -> Vec<String> {
    let diagnostics = diagnose(document);
    assert_eq!(diagnostics.errors, [], "{document}");
    let warnings = diagnostics.warnings.iter().map(ToString::to_string);
    warnings
        .filter(|line| line.contains("never there"))
        .collect()
}

#[test]
fn a_variable_that_is_not_defined_before_is_named() {
    // (mapping, places of warnings, their ends)
    let variables = json!([{ "name": "repo", "expression": "claims.repository" }]);
    let rows: [(Value, &[(&str, &str)]); 6] = [
        (
            json!({ "variables": variables, "username": "vars.repo" }),
            &[],
        ),
        (
            json!({ "variables": variables, "username": "vars.repos" }),
            &[("username", "did you mean `vars.repo`?")],
        ),
        (
            json!({ "variables": variables, "username": "vars.x", "groups": "[vars.repo, vars.zz]" }),
            &[
                ("username", "there is `vars.repo`"),
                ("groups", "there is `vars.repo`"),
            ],
        ),
        (
            json!({ "username": "vars.repo" }),
            &[("username", "no `vars` is defined before it")],
        ),
        (
            json!({
                "variables": [
                    { "name": "a", "expression": "vars.later" },
                    { "name": "later", "expression": "vars.a" },
                ],
                "validations": [{ "expression": "vars.b == 1", "message": "m" }],
            }),
            &[
                ("variables[0].expression", "no `vars` is defined before it"),
                (
                    "validations[0].expression",
                    "there is `vars.a`, `vars.later`",
                ),
            ],
        ),
        // What cannot be known is not guessed.
        (json!({ "username": "vars['re' + 'po']" }), &[]),
    ];
    for (mapping, expected) in rows {
        let oidc = json!([{ "issuer": "https://i.example", "audiences": ["a"], "cluster": "i", "claimMapping": mapping }]);
        let found = warnings(&with("/http/auth/bearer/oidc", oidc));
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, (place, end)) in found.iter().zip(expected) {
            let place = format!("http.auth.bearer.oidc[0].claimMapping.{place}: `vars.");
            assert!(found.starts_with(&place) && found.ends_with(end), "{found}");
            assert!(
                found.contains("every token of this issuer would be refused"),
                "{found}"
            );
        }
    }
}

#[test]
fn a_member_of_the_request_that_there_is_not_is_named() {
    let rows = [
        ("req.tag == 'v1' && req['action'] == 'read'", None),
        ("req.tags == 'v1'", Some("did you mean `req.tag`?")),
        ("has(req.repo)", Some("did you mean `req.repository`?")),
        (
            "req.zzzz == 'x'",
            Some("there is `req.time`, `req.method`, "),
        ),
    ];
    for (expression, expected) in rows {
        let entry = json!({ "users": ["u"], "actions": ["read"], "conditions": [{ "expression": expression }] });
        let policies = json!({ "team/**": { "policies": [entry] } });
        let found = warnings(&with("/http/accessControl/repositories", policies));
        assert_eq!(found.len(), usize::from(expected.is_some()), "{found:?}");
        if let Some(expected) = expected {
            assert!(found[0].contains(expected), "{}", found[0]);
            assert!(
                found[0].contains("the condition grants nothing"),
                "{}",
                found[0]
            );
        }
    }
}
