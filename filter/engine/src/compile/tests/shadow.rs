use super::*;

fn shadow(shadow: &Value) -> Diagnostics {
    let mut document = good();
    document["shadow"] = shadow.clone();
    diagnose(&document)
}

#[test]
fn what_is_wrong_with_a_shadow_is_said_where_it_is_written() {
    let issuer = "https://issuer.example.com";
    let of_issuer = format!("shadow.claimMapping[\"{issuer}\"]");
    let good = json!({ "repositories": { "team/**": { "defaultPolicy": ["read"] } } });
    // (shadow, path, a part of the message)
    let rows = [
        (json!({}), "shadow", "nothing to evaluate"),
        (
            json!({ "warn": "from 2027" }),
            "shadow",
            "nothing to evaluate",
        ),
        (
            json!({ "accessControl": null }),
            "shadow.accessControl",
            "is null",
        ),
        (json!({ "enforce": false }), "shadow.enforce", "unknown key"),
        (
            json!({ "accessControl": { "repositories": { "team/**": { "defaultPolicy": ["reed"] } } } }),
            "shadow.accessControl.repositories[\"team/**\"].defaultPolicy[0]",
            "reed",
        ),
        (
            json!({ "accessControl": { "repositories": { "t/[": { "defaultPolicy": ["read"] } } } }),
            "shadow.accessControl.repositories[\"t/[\"]",
            "",
        ),
        (
            json!({ "claimMapping": { issuer: { "username": "claims." } } }),
            &format!("{of_issuer}.username"),
            "",
        ),
        (
            json!({ "claimMapping": { issuer: { "validations": [{ "expression": "true" }] } } }),
            &format!("{of_issuer}.validations[0].message"),
            "needs a message",
        ),
        (
            json!({ "claimMapping": { "https://issuer.example.com/": {} } }),
            "shadow.claimMapping[\"https://issuer.example.com/\"]",
            "no entry",
        ),
        (
            json!({ "accessControl": good, "warn": "a \"quoted\" word" }),
            "shadow.warn",
            "visible ASCII",
        ),
        (
            json!({ "accessControl": good, "warn": "x".repeat(65) }),
            "shadow.warn",
            "at most 64",
        ),
        (
            json!({ "accessControl": good, "warn": "" }),
            "shadow.warn",
            "is empty",
        ),
    ];
    for (written, path, message) in rows {
        let errors = shadow(&written).errors;
        let found = errors.iter().find(|error| error.path == path);
        let found = found.unwrap_or_else(|| panic!("{written}: {errors:?}"));
        assert!(found.message.contains(message), "{written}: {found}");
    }
}

#[test]
fn a_shadow_that_holds_compiles_and_warns_in_its_own_place() {
    let control = json!({ "repositories": { "/team/**": { "defaultPolicy": ["read"] } } });
    let found = shadow(&json!({ "accessControl": control, "warn": "from 2027" }));
    assert_eq!(found.errors, []);
    let places: Vec<_> = found
        .warnings
        .iter()
        .map(|warning| warning.path.as_str())
        .collect();
    assert_eq!(places, ["shadow.accessControl.repositories[\"/team/**\"]"]);
}

#[test]
fn what_the_shadow_reads_the_host_has_to_read_too() {
    let condition = json!({ "expression": "req.client.ip == '10.0.0.1'" });
    let entry = json!({ "users": ["a"], "actions": ["read"], "conditions": [condition] });
    let mut document = good();
    document["proxy"]["clientAddress"] = json!("proxy");
    document["shadow"] =
        json!({ "accessControl": { "repositories": { "team/**": { "policies": [entry] } } } });
    let (Role::Filter(read), mut diagnostics) = decode(document.to_string().as_bytes()) else {
        panic!("no filter")
    };
    let engine = compile(&read, &mut diagnostics).unwrap().engine;
    assert!(engine.reads_connection() && engine.reads_headers() && engine.reads_client_address());
    // Without the promise it is refused, as it would be in force.
    document["proxy"]["clientAddress"] = Value::Null;
    document["proxy"]
        .as_object_mut()
        .unwrap()
        .remove("clientAddress");
    assert_eq!(diagnose(&document).errors.len(), 1);
}
