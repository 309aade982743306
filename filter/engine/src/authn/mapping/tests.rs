//! Rows of zot's own tests, and what its tests leave open.

use serde_json::json;

use super::*;

fn mapping(raw: &Value) -> raw::ClaimMapping {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = |name: &str| raw[name].as_array().cloned().unwrap_or_default();
    raw::ClaimMapping {
        variables: list("variables")
            .iter()
            .map(|pair| raw::Variable {
                name: text(&pair[0]),
                expression: text(&pair[1]),
            })
            .collect(),
        validations: list("validations")
            .iter()
            .map(|pair| raw::Condition {
                expression: text(&pair[0]),
                message: text(&pair[1]),
            })
            .collect(),
        username: raw["username"].as_str().map(str::to_owned),
        groups: raw["groups"].as_str().map(str::to_owned),
    }
}

fn compile(raw: &Value) -> Result<ClaimMapping, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let raw = (!raw.is_null()).then(|| mapping(raw));
    ClaimMapping::compile(raw.as_ref(), "m", &mut diagnostics).ok_or(diagnostics)
}

/// Without the rows about the audience: here the token check reads it, not the mapping.
#[test]
fn mappings_do_what_they_do_in_zot() {
    let file: Value = serde_json::from_str(include_str!("../testdata/zot_mappings.json")).unwrap();
    let rows = file["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 34);
    for row in rows {
        let id = row["id"].as_str().unwrap();
        let (input, expect) = (&row["input"], &row["expect"]);
        let compiled = compile(&input["claimMapping"]);
        if id.starts_with("cel-config") {
            assert_eq!(compiled.is_ok(), expect["accepted"] == true, "{id}");
            continue;
        }
        let mapped =
            compiled
                .unwrap()
                .map(input["claims"].as_object().unwrap(), false, Recorder::OFF);
        match (mapped, expect["username"].as_str()) {
            (Ok(mapped), Some(username)) => {
                assert_eq!(mapped.name(), username, "{id}");
                let groups = expect["groups"].as_array().cloned().unwrap_or_default();
                assert_eq!(json!(mapped.groups()), json!(groups), "{id}");
            }
            (Err(error), None) => assert!(
                names_the_same_stage(&error, &expect["error_contains"]),
                "{id}: {error}"
            ),
            (mapped, _) => panic!("{id}: {mapped:?}"),
        }
    }
}

fn names_the_same_stage(error: &MappingError, zot: &Value) -> bool {
    let zot = zot.as_str().unwrap();
    match error {
        MappingError::Variable { name, .. } => {
            zot.contains(&format!("failed to evaluate variable '{name}'"))
        }
        MappingError::Invalid { message, .. } => {
            zot.contains(&format!("validation failed: {message}"))
        }
        MappingError::Validation { .. } => zot.contains("failed to evaluate validation"),
        MappingError::Username(_) | MappingError::EmptyUsername => zot.contains("username"),
        MappingError::Groups(_) => zot.contains("failed to evaluate groups"),
    }
}

#[test]
fn every_error_is_reported_with_its_path() {
    let raw = json!({
        "variables": [["", "claims.a"], ["b", "nothing.b"]],
        "validations": [["claims.ok", "must be ok"], ["true", ""], ["claims.", "x"]],
        "username": "claims.sub.foo()",
        "groups": "['x', claims.sub]",
    });
    let diagnostics = compile(&raw).unwrap_err();
    let paths: Vec<&str> = diagnostics
        .errors
        .iter()
        .map(|error| error.path.as_str())
        .collect();
    let expected = [
        "m.variables[0].name",
        "m.variables[1].expression",
        "m.validations[0].expression",
        "m.validations[1].message",
        "m.validations[2].expression",
        "m.username",
        "m.groups",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn a_mapping_that_refuses_every_token_is_a_warning() {
    let rows = [
        (
            json!({"username": "1", "groups": "'a'"}),
            vec!["m.username", "m.groups"],
        ),
        (
            json!({"username": "claims.sub", "groups": "[1]"}),
            vec!["m.groups"],
        ),
        (
            json!({"username": "['a']", "groups": "[]"}),
            vec!["m.username"],
        ),
        (
            json!({"username": "claims.a + claims.b", "groups": "claims.g"}),
            vec![],
        ),
    ];
    for (raw, expected) in rows {
        let mut diagnostics = Diagnostics::default();
        assert!(
            ClaimMapping::compile(Some(&mapping(&raw)), "m", &mut diagnostics).is_some(),
            "{raw}"
        );
        let paths: Vec<&str> = diagnostics
            .warnings
            .iter()
            .map(|warning| warning.path.as_str())
            .collect();
        assert_eq!(paths, expected, "{raw}");
    }
}

#[test]
fn a_number_that_claims_cannot_hold_is_a_warning_in_each_part() {
    let large = "claims.id == 9007199254740993";
    let rows = [
        (
            json!({"variables": [["a", "1"], ["id", "9007199254740993"]]}),
            "m.variables[1].expression",
        ),
        (
            json!({"validations": [[large, "no"]]}),
            "m.validations[0].expression",
        ),
        (
            json!({"username": format!("{large} ? 'a' : 'b'")}),
            "m.username",
        ),
        (
            json!({"groups": "claims.id in [9007199254740993] ? ['a'] : []"}),
            "m.groups",
        ),
    ];
    for (raw, expected) in rows {
        let mut diagnostics = Diagnostics::default();
        assert!(
            ClaimMapping::compile(Some(&mapping(&raw)), "m", &mut diagnostics).is_some(),
            "{raw}"
        );
        let [warning] = diagnostics.warnings.as_slice() else {
            panic!("{raw}: {diagnostics:?}")
        };
        assert!(
            warning.path == expected && warning.message.contains("2^53"),
            "{raw}: {warning}"
        );
    }
}

#[test]
fn the_first_step_that_fails_ends_the_mapping() {
    use EvaluationError::{NoSuchKey, NotA};
    let claims = json!({"iss": "i", "sub": "s", "n": 5, "empty": "", "groups": ["b", "a", "b"], "mixed": ["a", 1], "no": false});
    let unused = || MappingError::Variable {
        name: "x".to_owned(),
        source: NoSuchKey,
    };
    let rows = [
        (json!(null), Ok("i/s []")),
        (json!({"username": "", "groups": ""}), Ok("i/s []")),
        (
            json!({"groups": "claims.groups"}),
            Ok(r#"i/s ["b", "a", "b"]"#),
        ),
        (json!({"groups": "[]"}), Ok("i/s []")),
        (json!({"username": "string(claims.n)"}), Ok("5 []")),
        (
            json!({"variables": [["x", "'a'"], ["x", "vars.x + 'b'"]], "username": "vars.x"}),
            Ok("ab []"),
        ),
        (
            json!({"variables": [["a-b", "claims.sub"]], "username": "vars['a-b']"}),
            Ok("s []"),
        ),
        (
            json!({"variables": [["x", "claims.missing"]], "validations": [["claims.no == true", "no"]]}),
            Err(unused()),
        ),
        (
            json!({"variables": [["x", "vars.later"], ["later", "1"]]}),
            Err(unused()),
        ),
        (
            json!({"validations": [["claims.no == true", "one"], ["claims.missing == 1", "two"]]}),
            Err(MappingError::Invalid {
                index: 0,
                message: "one".to_owned(),
            }),
        ),
        (
            json!({"validations": [["true", "one"], ["claims.missing == 1", "two"]], "username": "claims.n"}),
            Err(MappingError::Validation {
                index: 1,
                source: NoSuchKey,
            }),
        ),
        (
            json!({"username": "claims.n"}),
            Err(MappingError::Username(NotA("a string"))),
        ),
        (
            json!({"username": "claims.?sub"}),
            Err(MappingError::Username(NotA("a string"))),
        ),
        (
            json!({"username": "claims.empty"}),
            Err(MappingError::EmptyUsername),
        ),
        (
            json!({"groups": "claims.sub"}),
            Err(MappingError::Groups(NotA("a list of strings"))),
        ),
        (
            json!({"groups": "claims.mixed"}),
            Err(MappingError::Groups(NotA("a list of strings"))),
        ),
        (
            json!({"groups": "b'abc'"}),
            Err(MappingError::Groups(NotA("a list of strings"))),
        ),
        (
            json!({"groups": "claims.missing"}),
            Err(MappingError::Groups(NoSuchKey)),
        ),
    ];
    for (raw, expected) in rows {
        let mapped = compile(&raw)
            .unwrap()
            .map(claims.as_object().unwrap(), false, Recorder::OFF);
        let mapped = mapped.map(|mapped| format!("{} {:?}", mapped.name(), mapped.groups()));
        assert_eq!(mapped.as_deref().map_err(Clone::clone), expected, "{raw}");
    }
}

/// Only claims that some expression reads are made ready for expressions: nobody may see the
/// difference.
#[test]
fn each_step_sees_the_claims_that_it_reads_and_conditions_see_all() {
    let claims = json!({"sub": "s", "team": {"name": "t"}, "more": {"a": 1}, "rare": true});
    let rows = [
        json!({"username": "claims.team.name + '/' + claims['sub']"}),
        json!({"variables": [["x", "claims.team"]], "username": "vars.x.name + '/' + claims.?sub.orValue('')"}),
        json!({"validations": [["claims.rare == true", "r"]], "groups": "[claims.sub]", "username": "claims.team.name + '/s'"}),
        json!({"username": "claims.exists(name, name == 'rare') ? 't/' + claims.sub : 'lost'"}),
        json!({"username": "claims.size() == 4 && has(claims.more) ? 't/s' : 'lost'"}),
        json!({"username": "claims[claims.rare ? 'team' : 'more'].name + '/s'"}),
        json!({"username": "['team'].map(name, claims[name].name)[0] + '/s'"}),
    ];
    for raw in rows {
        for keeps in [false, true] {
            let mapped = compile(&raw)
                .unwrap()
                .map(claims.as_object().unwrap(), keeps, Recorder::OFF)
                .unwrap();
            assert_eq!(mapped.name(), "t/s", "{raw}");
            let count = Expression::compile("string(claims.size())", Scope::Claims).unwrap();
            let seen = count
                .evaluate_string(&Bindings::claims(mapped.claims()))
                .unwrap();
            assert_eq!(seen, if keeps { "4" } else { "0" }, "{raw}");
        }
    }
}
