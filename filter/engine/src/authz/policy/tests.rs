//! Rows of zot's own tests and probes, and properties of the evaluation.

mod rules;

use registry_auth_cel::Document;
use serde_json::{Value, json};

use super::*;
use crate::access::Action;
use crate::authn::identity::User;
use crate::request::{Connection, RequestHead};
use crate::time::UnixTime;

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

fn strings(value: &Value) -> Vec<String> {
    let list = value.as_array().cloned().unwrap_or_default();
    list.iter()
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}

fn raw_entry(value: &Value) -> raw::PolicyEntry {
    let conditions = value["conditions"].as_array().cloned().unwrap_or_default();
    let condition = |value: &Value| match value {
        Value::String(expression) => raw::Condition {
            expression: expression.clone(),
            message: String::new(),
        },
        _ => raw::Condition {
            expression: value["expression"].as_str().unwrap().to_owned(),
            message: value["message"].as_str().unwrap_or_default().to_owned(),
        },
    };
    raw::PolicyEntry {
        name: value["name"].as_str().map(str::to_owned),
        users: strings(&value["users"]),
        groups: strings(&value["groups"]),
        actions: strings(&value["actions"]),
        conditions: conditions.iter().map(condition).collect(),
    }
}

fn raw_policy(value: &Value) -> raw::AccessControl {
    let object = |name: &str| value[name].as_object().cloned().unwrap_or_default();
    let group = |value: &Value| raw::PolicyGroup {
        policies: value["policies"]
            .as_array()
            .cloned()
            .unwrap_or_default()
            .iter()
            .map(raw_entry)
            .collect(),
        default_policy: strings(&value["defaultPolicy"]),
        anonymous_policy: strings(&value["anonymousPolicy"]),
    };
    raw::AccessControl {
        groups: object("groups")
            .iter()
            .map(|(name, group)| (name.clone(), strings(&group["users"])))
            .collect(),
        repositories: object("repositories")
            .iter()
            .map(|(name, value)| (name.clone(), group(value)))
            .collect(),
        admin_policy: value.get("adminPolicy").map(raw_entry),
    }
}

fn compile(value: &Value) -> Result<Policy, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    Policy::compile(&raw_policy(value), "ac", &mut diagnostics).ok_or(diagnostics)
}

fn who(user: &str, groups: &[&str]) -> Identity {
    Identity::of(User::new(
        user.to_owned(),
        groups.iter().map(|group| (*group).to_owned()).collect(),
        Document::empty(),
    ))
}

fn ask(policy: &Policy, identity: &Identity, action: Action, repository: &str) -> Decision {
    let head = RequestHead::default();
    policy.decide(
        identity,
        &Permission {
            action,
            repository,
            reference: "",
        },
        &RequestFacts::new(&head, NOW),
    )
}

fn granted(policy: &Policy, identity: &Identity, action: Action, repository: &str) -> bool {
    ask(policy, identity, action, repository).is_granted()
}

fn table() -> Value {
    serde_json::from_str(include_str!("../testdata/zot_policies.json")).unwrap()
}

/// zot, live, with htpasswd users and the groups of the configuration.
#[test]
fn the_matrix_of_a_running_zot_holds_but_for_the_deviations() {
    let table = table();
    let policy = compile(&table["matrix"]).unwrap();
    let rows = table["matrix_rows"].as_array().unwrap();
    assert_eq!(rows.len(), 65);
    for row in rows {
        let (repository, user) = (
            row["repository"].as_str().unwrap(),
            row["user"].as_str().unwrap(),
        );
        let groups = policy.groups_of(user);
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let identity = if user == "anon" {
            Identity::Anonymous
        } else {
            who(user, &groups)
        };
        for (word, action) in [("read", Action::Read), ("create", Action::Create)] {
            let expected = match (repository, user, word) {
                // Whoever has a credential may do what anyone may do; group names are compared as
                // written.
                ("anon/x", "alice" | "Bob" | "nopol", "read") | ("g1/x", "Bob", _) => true,
                ("g2/x", "Bob", _) => false,
                _ => row[word] == true,
            };
            assert_eq!(
                granted(&policy, &identity, action, repository),
                expected,
                "{user} {word} {repository}"
            );
        }
    }
}

#[test]
fn policies_and_conditions_do_what_they_do_in_zot() {
    let table = table();
    let rows = table["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 41);
    for row in rows {
        let id = row["id"].as_str().unwrap();
        let (input, expect) = (&row["input"], &row["expect"]);
        let compiled = compile(&policy_of(input));
        if expect["starts"] == false {
            assert!(compiled.is_err(), "{id}");
            continue;
        }
        let policy = compiled.unwrap_or_else(|errors| panic!("{id}: {errors:?}"));
        let decision = decide(&policy, input);
        let expected = [&expect["allowed"], &expect["result"]]
            .into_iter()
            .find_map(Value::as_bool);
        assert_eq!(
            decision.is_granted(),
            expected.unwrap_or(true),
            "{id}: {decision:?}"
        );
        if let (Some(reason), Decision::Refused { message }) =
            (expect["reason"].as_str(), &decision)
        {
            assert_eq!(message.as_deref(), Some(reason), "{id}");
        }
    }
}

/// The configuration that a row means: what it does not say is an entry for alice that may read.
fn policy_of(input: &Value) -> Value {
    let timed = |source: &str| {
        source
            .replace("<now+1h>", "2026-09-21T15:13:20Z")
            .replace("<now-1h>", "2026-09-21T13:13:20Z")
    };
    let expression = input["expr"].as_str().map(str::to_owned).or_else(|| {
        input["tls"].as_str().map(|version| {
            let number = version.strip_prefix("TLS ").unwrap_or_default();
            format!("req.tls.version == '{number}' && req.tls.enabled")
        })
    });
    if let Some(admin) = input.get("adminPolicy") {
        let mut admin = admin.clone();
        if let Some(condition) = input.get("condition") {
            admin["conditions"] = json!([condition]);
        }
        return json!({"adminPolicy": admin});
    }
    if let Some(conditions) = input.get("adminPolicy.conditions") {
        return json!({"adminPolicy": {"users": ["alice"], "actions": ["read"], "conditions": conditions}});
    }
    if let Some(entries) = input.get("**") {
        let text = timed(&entries.to_string());
        return json!({"repositories": {"**": {"policies": serde_json::from_str::<Value>(&text).unwrap()}}});
    }
    let condition = input
        .get("condition")
        .cloned()
        .or(expression.map(Value::String))
        .unwrap();
    json!({"repositories": {"**": {"policies": [{"users": ["alice"], "actions": ["read"], "conditions": [condition]}]}}})
}

/// The request that a row means; what it does not say is that of condition-01.
fn decide(policy: &Policy, input: &Value) -> Decision {
    let claims = json!({"email": "alice@example.com", "email_verified": true, "roles": ["prod-pusher", "dev"]});
    let groups = strings(&input["groups"]);
    let user = input["user"].as_str().unwrap_or("alice");
    let identity = Identity::of(User::new(
        user.to_owned(),
        groups,
        Document::from_claims(claims.as_object().unwrap()),
    ));
    // A row without this header gets the one that a proxy adds that sets the client's address.
    let forwarded = input
        .get("x-forwarded-for")
        .map_or(Some("10.0.0.5"), Value::as_str)
        .map(str::as_bytes);
    let tls_version: &[u8] = match (&input["tls"], input["tls"].as_str()) {
        (Value::Bool(false), _) => b"",
        (_, Some("TLS 1.0")) => b"TLSv1",
        (_, Some("TLS 1.1")) => b"TLSv1.1",
        (_, Some("TLS 1.2")) => b"TLSv1.2",
        (_, Some("0xffff")) => b"unknown",
        _ => b"TLSv1.3",
    };
    let head = RequestHead {
        method: b"PUT",
        user_agent: b"docker/24.0.7",
        forwarded_for: forwarded.into_iter().collect(),
        connection: Connection {
            peer: input["remote"]
                .as_str()
                .unwrap_or("10.0.0.5:54321")
                .as_bytes(),
            tls_version,
            ..Connection::default()
        },
        ..RequestHead::default()
    };
    let permission = Permission {
        action: Action::Read,
        repository: input["repository"].as_str().unwrap_or("prod/api"),
        reference: input["reference"].as_str().unwrap_or("v1.2.3"),
    };
    policy.decide(&identity, &permission, &RequestFacts::new(&head, NOW))
}

/// A list of addresses that may not is as closed as one of those that may, when the proxy does not
/// say who the client is.
#[test]
fn a_condition_on_a_client_that_is_not_known_grants_nothing() {
    let rows = [
        "req.client.ip == '10.0.0.5'",
        "req.client.ip != '10.0.0.66'",
        "!(req.client.ip in ['10.0.0.66'])",
        "!has(req.client.ip)",
        "size(req.client.forwardedFor) == 0",
        "[req].all(r, r.client.ip != '10.0.0.66')",
    ];
    for expression in rows {
        let policy = compile(&policy_of(&json!({"expr": expression}))).unwrap();
        let decision = decide(&policy, &json!({"x-forwarded-for": null}));
        assert_eq!(
            decision,
            Decision::Refused { message: None },
            "{expression}"
        );
    }
    for expression in rows
        .iter()
        .filter(|expression| !expression.contains("has(") && !expression.contains("size("))
    {
        let policy = compile(&policy_of(&json!({"expr": expression}))).unwrap();
        assert!(
            matches!(decide(&policy, &json!({})), Decision::Granted(_)),
            "{expression}"
        );
    }
}

#[test]
fn every_error_is_reported_with_its_path() {
    let policy = json!({
        "repositories": {
            "team/**": {
                "policies": [
                    {"users": ["a", ""], "actions": ["read", "write"], "conditions": ["true", "nope.x"]},
                    {"actions": ["read"]},
                    {"name": "", "users": ["b"], "actions": ["read"]},
                    {"name": "a \"b\"", "users": ["b"], "actions": ["read"]},
                    {"name": "a\nb", "users": ["b"], "actions": ["read"]},
                    {"name": "\u{e9}".repeat(65), "users": ["b"], "actions": ["read"]},
                    {"name": "\u{e9}".repeat(64), "users": ["b"], "actions": ["read"]},
                ],
                "defaultPolicy": ["pull"],
                "anonymousPolicy": ["READ", "detectManifestCollision"],
            },
            "{a": {},
            "": {},
            "A/b": {},
            "a/b": {},
            "x${username}/**": {},
        },
        "adminPolicy": {"users": ["root"], "actions": ["everything"], "conditions": ["claims.x == 1"]},
    });
    let diagnostics = compile(&policy).unwrap_err();
    let (misnamed, errors): (Vec<_>, Vec<_>) = (diagnostics.errors.iter())
        .map(ToString::to_string)
        .partition(|error| error.contains(".name: "));
    for (error, index) in misnamed.iter().zip(2..) {
        let place = format!("ac.repositories[\"team/**\"].policies[{index}].name: ");
        assert!(error.starts_with(&place), "{error}");
    }
    assert_eq!(misnamed.len(), 4);
    let expected = [
        "ac.repositories[\"\"]: an empty pattern matches nothing, write `**` for all repositories",
        "ac.repositories[\"a/b\"]: duplicate pattern (case-insensitive)",
        "ac.repositories[\"team/**\"].policies[0].users[1]: an empty user name: write `anonymousPolicy` for callers without credentials",
        "ac.repositories[\"team/**\"].policies[0].actions[1]: unknown action `write`: did you mean `create` and `update`?",
        "ac.repositories[\"team/**\"].policies[0].conditions[1].expression: unknown name `nope`: write `req.`...",
        "ac.repositories[\"team/**\"].defaultPolicy[0]: unknown action `pull`: did you mean `read`?",
        "ac.repositories[\"team/**\"].anonymousPolicy[0]: unknown action `READ`: did you mean `read`?",
        "ac.repositories[\"x${username}/**\"]: `${username}` may stand once, as a whole component such as in `${username}/**`; there is no other `${`",
        "ac.repositories[\"{a\"]: braces do not pair, write `\\{` and `\\}` for plain ones",
        "ac.adminPolicy.actions[0]: unknown action `everything`: write `read`, `create`, `update` or `delete`",
        "ac.adminPolicy.conditions[0].expression: unknown name `claims`: write `req.`...",
    ];
    assert_eq!(errors, expected);
    let warnings: Vec<&str> = diagnostics
        .warnings
        .iter()
        .map(|warning| warning.path.as_str())
        .collect();
    let expected = [
        "ac.repositories[\"A/b\"]",
        "ac.repositories[\"team/**\"].policies[1]",
        "ac.repositories[\"team/**\"].anonymousPolicy[1]",
    ];
    assert_eq!(warnings, expected);
}

#[test]
fn identical_expressions_are_compiled_once() {
    let condition = raw::Condition {
        expression: "req.repository == 'x'".to_owned(),
        message: String::new(),
    };
    let mut expressions = Expressions::default();
    let mut diagnostics = Diagnostics::default();
    for _ in 0..3 {
        let _ = Conditions::compile(
            &[condition.clone(), condition.clone()],
            "c",
            &mut expressions,
            &mut diagnostics,
        );
    }
    assert_eq!((expressions.len(), diagnostics.errors.len()), (1, 0));
}
