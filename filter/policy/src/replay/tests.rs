//! Lines of logs, and what two policies make of them.

#![expect(
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    reason = "rows of tables"
)]

mod log;

use registry_auth_engine::compile::compile;
use registry_auth_engine::config::raw::Document;
use registry_auth_engine::config::{Role, decode_value};
use registry_auth_engine::engine::Engine;
use serde_json::{Value, json};

use super::*;

struct Built(Document, Engine);

impl Built {
    fn side(&self) -> Side<'_> {
        Side {
            engine: &self.1,
            document: &self.0,
            written: &Value::Null,
        }
    }
}

const ISSUER: &str = "https://i.example";

fn configuration(username: &str, control: Value) -> Built {
    let oidc = json!([{ "issuer": ISSUER, "audiences": ["a"], "cluster": "i", "claimMapping": { "username": username } }]);
    let document = json!({ "http": { "auth": { "bearer": { "oidc": oidc }, "mtls": {} }, "accessControl": control }, "proxy": { "clientAddress": "proxy" } });
    let (role, mut diagnostics) = decode_value(document);
    let Role::Filter(document) = role else {
        panic!("{diagnostics:?}")
    };
    let compiled =
        compile(&document, &mut diagnostics).unwrap_or_else(|| panic!("{diagnostics:?}"));
    Built(*document, compiled.engine)
}

fn rule(condition: &str, actions: Value) -> Value {
    let conditions: Vec<_> = Some(condition)
        .filter(|text| !text.is_empty())
        .into_iter()
        .collect();
    let conditions: Vec<_> = conditions
        .iter()
        .map(|text| json!({ "expression": text }))
        .collect();
    json!({ "repositories": { "a/**": { "policies": [{ "users": ["u"], "groups": ["g"], "actions": actions, "conditions": conditions }] } } })
}

fn record(more: Value) -> Value {
    let mut record = json!({ "id": "7", "decision": "allow", "user": "u", "action": "read", "repository": "a/b", "issuer": ISSUER });
    let members = record.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    record
}

fn replayed(old: &Built, new: &Built, lines: &[Vec<u8>]) -> Report {
    let mut replay = Replay::of(old.side(), new.side());
    for line in lines {
        replay.line(line);
    }
    replay.finish()
}

/// `same`, `refused`, `allowed`, `foreign`, or why it is undecidable.
fn word(report: &Report) -> String {
    let counts = [
        (report.same, "same"),
        (report.newly_refused, "refused"),
        (report.newly_allowed, "allowed"),
        (report.foreign, "foreign"),
    ];
    let mut words: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(_, word)| (*word).to_owned())
        .collect();
    words.extend(report.undecidable.keys().cloned());
    words.join(" and ")
}

#[test]
fn a_line_is_decided_by_both_policies() {
    let all = || json!(["read", "create", "update"]);
    let plain = || rule("", all());
    let of = |name: &str| configuration(name, plain());
    let with = |condition: &str| configuration("claims.sub", rule(condition, all()));
    let only = |actions: Value| configuration("claims.sub", rule("", actions));
    let sub = "claims.sub";
    // (old, new, record, what it is)
    let rows: Vec<(Built, Built, Value, &str)> = vec![
        (of(sub), of(sub), record(json!({})), "same"),
        (
            of(sub),
            only(json!(["create"])),
            record(json!({})),
            "refused",
        ),
        (
            only(json!(["create"])),
            of(sub),
            record(json!({ "decision": "deny", "reason": "policy_denied" })),
            "allowed",
        ),
        (of(sub), of(sub), record(json!({ "user": "x" })), "same"),
        // Groups, and nobody.
        (
            of(sub),
            only(json!([])),
            record(json!({ "user": "x", "groups": ["g"] })),
            "refused",
        ),
        (
            of(sub),
            configuration(
                sub,
                json!({ "repositories": { "**": { "anonymousPolicy": ["read"] } } }),
            ),
            record(json!({ "user": "", "decision": "challenge", "reason": "no_credential" })),
            "allowed",
        ),
        // Several actions, and tags.
        (
            of(sub),
            only(json!(["read", "create"])),
            record(json!({ "action": "create|update", "tagExists": true })),
            "refused",
        ),
        (
            of(sub),
            only(json!(["read", "create"])),
            record(json!({ "action": "create|update", "tagExists": false })),
            "same",
        ),
        (
            of(sub),
            only(json!(["read", "create"])),
            record(json!({ "action": "create|update", "tagExists": null })),
            "no `tagExists`",
        ),
        (
            of(sub),
            only(json!(["read"])),
            record(json!({ "action": "create|update" })),
            "refused",
        ),
        (
            of(sub),
            only(json!(["create"])),
            record(json!({ "action": "create|read" })),
            "refused",
        ),
        // Conditions, with what they read and without.
        (
            of(sub),
            with("req.claims.ref == 'main'"),
            record(json!({})),
            "no claim `ref`",
        ),
        (
            of(sub),
            with("has(req.claims.ref)"),
            record(json!({})),
            "no claim `ref`",
        ),
        (
            of(sub),
            with("req.claims.ref == 'main'"),
            record(json!({ "claims": { "ref": "main" } })),
            "same",
        ),
        (
            of(sub),
            with("req.claims.ref == 'main'"),
            record(json!({ "claims": { "ref": "x" } })),
            "refused",
        ),
        (
            of(sub),
            with("req.userAgent == 'x'"),
            record(json!({})),
            "no `req.userAgent`",
        ),
        (
            of(sub),
            with("req.method != 'x'"),
            record(json!({})),
            "no `req.method`",
        ),
        (
            of(sub),
            with("req.tls.enabled"),
            record(json!({})),
            "no `req.tls`",
        ),
        (
            of(sub),
            with("req.time > timestamp('2020-01-01T00:00:00Z')"),
            record(json!({})),
            "no `req.time`",
        ),
        (
            of(sub),
            with("req.time > timestamp('2020-01-01T00:00:00Z')"),
            record(json!({ "time": "2021-01-01T00:00:00Z" })),
            "same",
        ),
        (
            of(sub),
            with("req.time > timestamp('2020-01-01T00:00:00Z')"),
            record(json!({ "time": "2019-01-01T00:00:00Z" })),
            "refused",
        ),
        (
            of(sub),
            with("req.client.ip == '10.0.0.1'"),
            record(json!({ "client.ip": "10.0.0.1" })),
            "same",
        ),
        (
            of(sub),
            with("req.client.ip == '10.0.0.1'"),
            record(json!({ "client": { "ip": "::1" } })),
            "refused",
        ),
        (
            of(sub),
            with("'10.0.0.1' in req.client.forwardedFor"),
            record(json!({ "client.ip": "10.0.0.1" })),
            "no `req.client`",
        ),
        (
            of(sub),
            with("req.tag != 'v1'"),
            record(json!({ "reference": "v1" })),
            "refused",
        ),
        // Another rule grants it, whatever the condition says.
        (
            of(sub),
            configuration(
                sub,
                json!({ "repositories": { "a/**": {
                "policies": [{ "users": ["u"], "actions": ["read"], "conditions": [{ "expression": "req.claims.x == 'y'" }] }],
                "defaultPolicy": ["read"] } } }),
            ),
            record(json!({})),
            "same",
        ),
        // Just the same conditions decide in both.
        (
            with("req.claims.ref == 'main'"),
            with("req.claims.ref == 'main'"),
            record(json!({})),
            "same",
        ),
        (
            with("req.claims.ref == 'main'"),
            with("req.claims.ref == 'x'"),
            record(json!({})),
            "no claim `ref`",
        ),
        (
            with("req.claims.ref == 'main'"),
            only(json!([])),
            record(json!({})),
            "no claim `ref`",
        ),
        (
            with("req.auth.admin || req.tls.enabled"),
            with("req.auth.admin || req.tls.enabled"),
            record(json!({})),
            "no `req.tls`",
        ),
        // Groups that may be missing.
        (
            of(sub),
            of(sub),
            record(json!({ "user": "x", "cut": true })),
            "same",
        ),
        (
            of(sub),
            only(json!([])),
            record(json!({ "user": "x", "cut": true })),
            "not all groups",
        ),
        (
            of(sub),
            only(json!(["create"])),
            record(json!({ "cut": true })),
            "refused",
        ),
        (
            of(sub),
            only(json!(["read"])),
            record(json!({ "cut": true })),
            "same",
        ),
        (
            of(sub),
            only(json!([])),
            record(json!({ "repository": "a/b... (300 bytes)" })),
            "a text that was cut",
        ),
        (
            of(sub),
            with("req.method == 'GET'"),
            record(json!({ "method": "GET" })),
            "same",
        ),
        (
            of(sub),
            with("req.method == 'GET'"),
            record(json!({ "method": "HEAD" })),
            "refused",
        ),
        // Who the caller is.
        (
            of(sub),
            of("claims.name"),
            record(json!({})),
            "no claim `name`",
        ),
        (
            of(sub),
            of("claims.name"),
            record(json!({ "claims": { "name": "u" } })),
            "same",
        ),
        (
            of(sub),
            of("claims.name"),
            record(json!({ "claims": { "name": "x" } })),
            "refused",
        ),
        (
            of(sub),
            of("claims.name"),
            record(json!({ "claims": { "name": 1 } })),
            "refused",
        ),
        (
            of(sub),
            of("claims.name"),
            record(json!({ "issuer": null })),
            "same",
        ),
        (
            of(sub),
            of("claims.name"),
            record(json!({ "issuer": "https://minted.example" })),
            "`issuer` differs",
        ),
        // Refused before any rule is asked.
        (
            of(sub),
            only(json!([])),
            record(json!({ "user": "", "decision": "deny", "reason": "token_expired" })),
            "same",
        ),
        (
            of(sub),
            of("claims.name"),
            record(json!({ "user": "", "decision": "deny", "reason": "mapping_failed" })),
            "rules did not decide (`mapping_failed`), and more than rules differs",
        ),
        (
            of(sub),
            only(json!([])),
            record(json!({ "rule": { "path": "access claim" } })),
            "same",
        ),
        (
            of(sub),
            only(json!([])),
            json!({ "decision": "answer", "reason": "ping", "user": "u" }),
            "same",
        ),
        (
            of(sub),
            only(json!([])),
            json!({ "decision": "challenge", "reason": "no_credential" }),
            "same",
        ),
        // About no repository.
        (
            of(sub),
            only(json!([])),
            record(json!({ "action": "", "repository": "" })),
            "same",
        ),
    ];
    for (old, new, record, expected) in rows {
        let lines = [record.to_string().into_bytes()];
        let report = replayed(&old, &new, &lines);
        assert_eq!(word(&report), expected, "{record}");
        assert_eq!(report.requests, 1);
    }
}

#[test]
fn configured_groups_are_those_of_each_policy() {
    let grouped = |users: Value| {
        let mut control = rule("", json!(["read"]));
        control["groups"] = json!({ "g": { "users": users } });
        configuration("claims.sub", control)
    };
    let rows = [
        (json!(["x"]), json!(["x"]), json!(["g"]), "same"),
        (json!(["x"]), json!([]), json!(["g"]), "refused"),
        (json!([]), json!(["x"]), json!([]), "allowed"),
    ];
    for (old, new, groups, expected) in rows {
        let line = record(json!({ "user": "x", "groups": groups, "issuer": null }));
        let report = replayed(
            &grouped(old),
            &grouped(new),
            &[line.to_string().into_bytes()],
        );
        assert_eq!(word(&report), expected, "{line}");
    }
}
