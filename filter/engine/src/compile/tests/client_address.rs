//! Conditions that may read `req.client` need `proxy.clientAddress`.

use serde_json::{Value, json};

use super::{Diagnostics, diagnose, with};

/// A document with one condition and perhaps `proxy.clientAddress`.
fn document(expression: &str, address: &Value) -> Value {
    let entry = |conditions: Value| json!({ "users": ["u"], "actions": ["read"], "conditions": conditions });
    let mut document = with(
        "/http/accessControl/repositories",
        json!({ "team/**": { "policies": [entry(json!([])), entry(json!([{ "expression": expression }]))] } }),
    );
    super::merge(&mut document["proxy"], &json!({ "clientAddress": address }));
    document
}

/// What may read it, by whatever name.
const READERS: &[&str] = &[
    "req.client.ip == '10.0.0.5'",
    "req['client'].ip == '10.0.0.5'",
    "req[?'client'].hasValue()",
    "req.?client.?ip.orValue('') != '10.0.0.5'",
    "has(req.client)",
    "has(req.client.ip)",
    "size(req.client.forwardedFor) > 0",
    "req.client['forwardedFor'].exists(a, a == '10.0.0.5')",
    "[req].all(r, r.client.ip == '10.0.0.5')",
    "{'a': req}['a'].client.ip == '10.0.0.5'",
    "req['cli' + 'ent'].ip == '10.0.0.5'",
    "optional.of(req).value().client.ip == '10.0.0.5'",
    "['client'].all(name, req[name].ip == '10.0.0.5')",
    "req.exists(name, name == 'client')",
    "req.map(name, req[name]).size() > 0",
    "'client' in req",
    "req == req",
    "size(req) > 0",
    "(req.tag == 'a' ? req : req).client.ip == '10.0.0.5'",
    "!(req.tag == 'a' && req.client.ip == '10.0.0.5')",
];

const OTHERS: &[&str] = &[
    "req.tag == 'client'",
    "req.claims.client == 'a'",
    "req.claims.client.ip == 'a'",
    "req['tag'] == 'a'",
    "req.userAgent == 'a' && req.tls.enabled",
    "req.user.groups.exists(client, client == 'a')",
];

#[test]
fn conditions_on_the_client_need_the_word_that_the_proxy_sets_it() {
    let path = "http.accessControl.repositories[\"team/**\"].policies[1].conditions";
    for expression in READERS {
        let found = diagnose(&document(expression, &Value::Null)).errors;
        assert_eq!(found.len(), 1, "{expression}: {found:#?}");
        assert_eq!(found[0].path, path);
        for word in [
            "`req.client`",
            "use_remote_address: true",
            "xff_num_trusted_hops",
            "`\"clientAddress\": \"proxy\"`",
        ] {
            assert!(found[0].message.contains(word), "{word}: {}", found[0]);
        }
        assert_eq!(
            diagnose(&document(expression, &json!("proxy"))),
            Diagnostics::default(),
            "{expression}"
        );
    }
    for expression in OTHERS {
        for address in [Value::Null, json!("proxy")] {
            assert_eq!(
                diagnose(&document(expression, &address)),
                Diagnostics::default(),
                "{expression}"
            );
        }
    }
    let admin = json!({ "users": ["u"], "actions": ["read"], "conditions": [{ "expression": READERS[0] }] });
    let found = diagnose(&with("/http/accessControl/adminPolicy", admin)).errors;
    assert_eq!(found[0].path, "http.accessControl.adminPolicy.conditions");
}

#[test]
fn there_is_one_word_for_it() {
    for address in ["Proxy", "client", "x-forwarded-for", "true", ""] {
        let found = diagnose(&document("true", &json!(address))).errors;
        assert_eq!(found.len(), 1, "{address}: {found:#?}");
        assert_eq!(found[0].path, "proxy.clientAddress");
        assert!(found[0].message.contains("write `proxy`"), "{}", found[0]);
    }
    let found = diagnose(&document("true", &json!(true))).errors;
    assert_eq!(
        found[0].to_string(),
        "proxy.clientAddress: must be a string, not a boolean"
    );
}
