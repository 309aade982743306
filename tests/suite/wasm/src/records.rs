//! Records of decisions, and the next policy, in the built module.

use std::collections::BTreeSet;

use anyhow::{Context as _, Error, bail, ensure};
use registry_auth_engine::keys::envelope::PushKey;
use registry_auth_engine::record::open;
use registry_auth_harness::client::Request;
use registry_auth_harness::key;
use registry_auth_harness::mint::Recipe;
use registry_auth_harness::substrate::{PUSH_KEY, now};
use registry_auth_vm::{Compiled, Progress, Setup, Vm};
use serde_json::{Value, json};

use crate::Outcome;

const DECISION: &str = "registry_auth.decision";
const WARNING: &str = "registry_auth.warning";
const ID: &str = "8de09b0e-9e1c-4b8e-9d5e-6f3e1d1f0a11";

fn configuration(more: &Value) -> Result<Value, Error> {
    let entry = json!({
        "issuer": "https://issuer.test", "audiences": ["registry"], "jwks": key::jwks(&["es256"])?,
        "claimMapping": { "username": "claims.sub" },
    });
    let condition = json!({ "expression": "req.tag != 'latest'", "message": "push a version" });
    let rule = json!({ "name": "builds", "users": ["ci"], "actions": ["read", "create"], "conditions": [condition] });
    let mut configuration = json!({
        "http": {
            "auth": { "bearer": { "realm": "r", "service": "s", "oidc": [entry] } },
            "accessControl": { "repositories": {
                "team/**": { "policies": [rule] },
                "open/**": { "anonymousPolicy": ["read"] },
            } },
        },
    });
    let members = configuration.as_object_mut().context("an object")?;
    members.extend(more.as_object().context("an object")?.clone());
    Ok(configuration)
}

fn start(more: &Value) -> Result<Vm, Error> {
    let configuration = configuration(more)?.to_string();
    Vm::start(
        Compiled::built()?,
        Setup::of_scenarios(configuration.as_bytes()),
    )
}

fn token(sub: &str) -> Result<String, Error> {
    let claims = json!({
        "iss": "https://issuer.test", "aud": "registry", "sub": sub, "iat": "-1m", "exp": "+1h",
        "ref": "main", "secret": "hunter2",
    });
    let recipe: Recipe = serde_json::from_value(json!({ "key": "es256", "claims": claims }))?;
    recipe.mint(now())
}

fn request(method: &str, target: &str, user: &str) -> Result<Request, Error> {
    let request = Request::new(method, target).header("x-request-id", ID);
    Ok(if user.is_empty() {
        request
    } else {
        request.header("authorization", &format!("Bearer {}", token(user)?))
    })
}

fn record(vm: &Vm, id: u32) -> Result<Value, Error> {
    let record = vm.attribute(id, DECISION).context("no record")?;
    ensure!(!record.contains("hunter2"), "{record}");
    Ok(serde_json::from_str(record)?)
}

#[test]
fn a_record_in_wasm_is_in_the_attribute_and_in_the_log_at_its_level() -> Outcome {
    let mut vm = start(&json!({
        "log": { "level": "debug", "decisions": { "allow": 0, "claims": ["ref", "missing"] } },
    }))?;
    // (request, user, members of the record, level of the line, details of the reply)
    let rows = [
        (
            "GET /v2/team/app/manifests/v1",
            "ci",
            json!({
                "id": ID, "decision": "allow", "user": "ci", "issuer": "https://issuer.test", "action": "read",
                "repository": "team/app", "reference": "v1", "claims": { "ref": "main" }, "client": { "ip": "127.0.0.1" },
                "rule": { "path": "repositories[\"team/**\"].policies[0]", "name": "builds", "pattern": "team/**" },
            }),
            "debug",
            "",
        ),
        (
            "PUT /v2/team/app/manifests/latest",
            "ci",
            json!({
                "id": ID, "decision": "deny", "status": 403, "reason": "policy_denied", "user": "ci",
                "issuer": "https://issuer.test", "action": "create|update", "detail": "push a version",
                "expression": "req.tag != 'latest'",
                "rule": { "path": "repositories[\"team/**\"].policies[0]", "name": "builds", "pattern": "team/**" },
            }),
            "info",
            "registry_auth{policy_denied}",
        ),
        (
            "GET /v2/team/app/manifests/v1",
            "",
            json!({ "decision": "challenge", "status": 401, "reason": "no_credential", "action": "read" }),
            "debug",
            "registry_auth{no_credential}",
        ),
        (
            "GET /v2/_catalog",
            "ci",
            json!({ "decision": "deny", "status": 403 }),
            "info",
            "registry_auth{policy_denied}",
        ),
        (
            "GET /elsewhere",
            "",
            json!({ "decision": "deny", "status": 404, "reason": "not_found", "path": "/elsewhere" }),
            "info",
            "registry_auth{not_found}",
        ),
    ];
    // Twice: what is remembered is recorded as what is new.
    for (asked, user, members, level, details) in rows.iter().chain(&rows) {
        let (method, target) = asked.split_once(' ').context("a method")?;
        let from = vm.log().len();
        let id = vm.open(&request(method, target, user)?)?;
        let record = record(&vm, id)?;
        for (name, value) in members.as_object().context("members")? {
            assert_eq!(record.get(name), Some(value), "{asked}: {record}");
        }
        let lines = vm.log().get(from..).unwrap_or_default();
        let line = format!(
            "{level}: {}",
            vm.attribute(id, DECISION).unwrap_or_default()
        );
        assert_eq!(lines, [line], "{asked}");
        assert_eq!(vm.details(id), *details, "{asked}");
        vm.close(id)?;
    }
    Ok(())
}

#[test]
fn without_records_in_wasm_nothing_is_set_and_a_grant_makes_no_call_for_it() -> Outcome {
    let mut vm = start(&json!({ "log": { "level": "info" } }))?;
    for (asked, user) in [
        ("GET /v2/team/app/manifests/v1", "ci"),
        ("GET /v2/team/app/manifests/v1", ""),
        ("DELETE /v2/team/app/manifests/v1", "ci"),
    ] {
        let (method, target) = asked.split_once(' ').context("a method")?;
        let id = vm.open(&request(method, target, user)?)?;
        assert_eq!(vm.attribute(id, DECISION), None, "{asked}");
        vm.close(id)?;
    }
    assert_eq!(vm.host_calls().get("proxy_set_property"), None);
    // The refusal alone is logged: what asks for a credential is none.
    let lines: Vec<_> = vm
        .log()
        .iter()
        .filter(|line| line.contains("\"decision\""))
        .collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines
            .iter()
            .all(|line| line.contains("policy_denied") && line.contains(ID))
    );
    Ok(())
}

/// Sends a request that is refused, and returns the body of the answer.
fn refusal(vm: &mut Vm, asked: &str, user: &str) -> Result<Value, Error> {
    let (method, target) = asked.split_once(' ').context("a method")?;
    let id = vm.open(&request(method, target, user)?)?;
    let Progress::Answered(answer) = vm.progress(id)? else {
        bail!("{asked} was let through")
    };
    vm.close(id)?;
    Ok(serde_json::from_slice(&answer.body)?)
}

#[test]
fn a_record_in_wasm_for_the_client_opens_with_the_push_key_only() -> Outcome {
    let mut vm = start(&json!({
        "log": { "decisions": { "trace": true } },
        "proxy": { "pushKey": { "env": "REGISTRY_AUTH_PUSH_KEY" } },
    }))?;
    let key = PushKey::new(PUSH_KEY.as_bytes()).context("the push key")?;
    // (request, user, reason in the record; none: the answer has no record)
    let rows = [
        (
            "PUT /v2/team/app/manifests/latest",
            "ci",
            Some("policy_denied"),
        ),
        (
            "DELETE /v2/open/app/manifests/v1",
            "ci",
            Some("policy_denied"),
        ),
        ("GET /elsewhere", "ci", Some("not_found")),
        ("GET /elsewhere", "", None),
        ("GET /v2/team/app/manifests/v1", "", None),
    ];
    let mut texts = BTreeSet::new();
    for (asked, user, reason) in rows {
        let body = refusal(&mut vm, asked, user)?;
        let sealed = body
            .pointer("/errors/0/detail/trace")
            .and_then(Value::as_str);
        let opened = sealed.and_then(|sealed| open(sealed, &key));
        let found = opened
            .as_ref()
            .and_then(|record| record.get("reason")?.as_str());
        assert_eq!(found, reason, "{asked}: {body}");
        texts.extend(sealed.map(str::to_owned));
    }
    assert_eq!(texts.len(), 3);
    Ok(())
}

#[test]
fn lines_in_wasm_are_as_many_as_their_rates_say() -> Outcome {
    // (rates, lines of 400 grants, lines of 400 refusals)
    let rows = [
        (json!({}), 0..=0, 400..=400),
        (json!({ "deny": 0, "allow": 1 }), 400..=400, 0..=0),
        (json!({ "deny": 0.5, "allow": 0.25 }), 40..=160, 120..=280),
    ];
    for (rates, granted, refused) in rows {
        let mut vm = start(&json!({ "log": { "decisions": rates } }))?;
        for (method, lines) in [("GET", granted), ("DELETE", refused)] {
            let from = vm.log().len();
            for _ in 0..400 {
                let id = vm.open(&request(method, "/v2/team/app/manifests/v1", "ci")?)?;
                record(&vm, id)?;
                vm.close(id)?;
            }
            let count = vm.log().len() - from;
            assert!(lines.contains(&count), "{method} {rates}: {count}");
        }
    }
    Ok(())
}

#[test]
fn the_next_policy_in_wasm_is_counted_and_warned_of_and_changes_nothing() -> Outcome {
    let next = json!({ "repositories": {
        "team/**": { "policies": [{
            "users": ["ci"], "actions": ["read"],
            "conditions": [{ "expression": "req.tag != 'v1'", "message": "v1 is old" }],
        }] },
        "shut/**": { "defaultPolicy": ["read"] },
    } });
    let shadow = json!({ "accessControl": next, "warn": "from 2027" });
    let mut vm = start(&json!({ "shadow": shadow, "log": { "decisions": {} } }))?;
    let warning = "299 - \"registry-auth: from 2027 refused: v1 is old\"";
    let denied =
        "299 - \"registry-auth: from 2027 refused: requested access to the resource is denied\"";
    let anonymous = "299 - \"registry-auth: from 2027 refused: authentication required\"";
    // (request, user, status of a refusal, warning, decision of the next policy)
    let rows = [
        (
            "GET /v2/team/app/manifests/v1",
            "ci",
            None,
            Some(warning),
            "deny",
        ),
        ("GET /v2/team/app/manifests/v2", "ci", None, None, "allow"),
        (
            "POST /v2/team/app/blobs/uploads/",
            "ci",
            None,
            Some(denied),
            "deny",
        ),
        (
            "GET /v2/open/app/manifests/v1",
            "",
            None,
            Some(anonymous),
            "deny",
        ),
        (
            "GET /v2/shut/app/manifests/v1",
            "ci",
            Some(403),
            None,
            "allow",
        ),
        ("GET /v2/shut/app/manifests/v1", "", Some(401), None, "deny"),
        ("GET /v2/", "ci", None, None, "allow"),
    ];
    for (asked, user, status, warning, decision) in rows.iter().chain(&rows) {
        let (method, target) = asked.split_once(' ').context("a method")?;
        let id = vm.open(&request(method, target, user)?)?;
        let end = match vm.progress(id)? {
            Progress::Answered(response) => Some(response.status),
            Progress::Forwarded(_) => None,
            Progress::Waiting => return Err(Error::msg("it waits").into()),
        };
        assert_eq!(end, *status, "{asked}");
        assert_eq!(vm.attribute(id, WARNING), *warning, "{asked}");
        let record = record(&vm, id)?;
        assert_eq!(record["shadow"]["decision"], *decision, "{asked}: {record}");
        vm.close(id)?;
    }
    vm.tick()?;
    for (kind, count) in [("newly_refused", 6), ("newly_allowed", 2)] {
        let name = format!("registry_auth.kind=.={kind};.;shadow_disagreements");
        assert_eq!(vm.metric(&name), Some(count), "{kind}");
    }
    Ok(())
}

#[test]
fn a_host_that_takes_no_attributes_in_wasm_gets_the_lines_alone() -> Outcome {
    let configuration = configuration(&json!({ "log": { "decisions": { "allow": 1 } } }))?;
    let setup = Setup {
        plain: true,
        ..Setup::of_scenarios(configuration.to_string().as_bytes())
    };
    let mut vm = Vm::start(Compiled::built()?, setup)?;
    let from = vm.log().len();
    let id = vm.open(&request("GET", "/v2/team/app/manifests/v1", "ci")?)?;
    assert!(matches!(vm.progress(id)?, Progress::Forwarded(_)));
    assert_eq!(vm.host_calls().get("proxy_set_property"), None);
    assert_eq!(vm.log().len() - from, 1);
    vm.close(id)?;
    Ok(())
}
