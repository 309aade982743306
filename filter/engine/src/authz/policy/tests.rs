//! Rows of zot's own tests and probes, and properties of the evaluation.

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
    list.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

fn raw_entry(value: &Value) -> raw::PolicyEntry {
    let conditions = value["conditions"].as_array().cloned().unwrap_or_default();
    let condition = |value: &Value| match value {
        Value::String(expression) => raw::Condition { expression: expression.clone(), message: String::new() },
        _ => raw::Condition {
            expression: value["expression"].as_str().unwrap().to_owned(),
            message: value["message"].as_str().unwrap_or_default().to_owned(),
        },
    };
    raw::PolicyEntry {
        users: strings(&value["users"]),
        groups: strings(&value["groups"]),
        actions: strings(&value["actions"]),
        conditions: conditions.iter().map(condition).collect(),
    }
}

fn raw_policy(value: &Value) -> raw::AccessControl {
    let object = |name: &str| value[name].as_object().cloned().unwrap_or_default();
    let group = |value: &Value| raw::PolicyGroup {
        policies: value["policies"].as_array().cloned().unwrap_or_default().iter().map(raw_entry).collect(),
        default_policy: strings(&value["defaultPolicy"]),
        anonymous_policy: strings(&value["anonymousPolicy"]),
    };
    raw::AccessControl {
        groups: object("groups").iter().map(|(name, group)| (name.clone(), strings(&group["users"]))).collect(),
        repositories: object("repositories").iter().map(|(name, value)| (name.clone(), group(value))).collect(),
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
    policy.decide(identity, &Permission { action, repository, reference: "" }, &RequestFacts::new(&head, NOW))
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
        let (repository, user) = (row["repository"].as_str().unwrap(), row["user"].as_str().unwrap());
        let groups = policy.groups_of(user);
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let identity = if user == "anon" { Identity::Anonymous } else { who(user, &groups) };
        for (word, action) in [("read", Action::Read), ("create", Action::Create)] {
            let expected = match (repository, user, word) {
                // Whoever has a credential may do what anyone may do; group names are compared as written.
                ("anon/x", "alice" | "Bob" | "nopol", "read") | ("g1/x", "Bob", _) => true,
                ("g2/x", "Bob", _) => false,
                _ => row[word] == true,
            };
            assert_eq!(granted(&policy, &identity, action, repository), expected, "{user} {word} {repository}");
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
        let expected = [&expect["allowed"], &expect["result"]].into_iter().find_map(Value::as_bool);
        assert_eq!(decision.is_granted(), expected.unwrap_or(true), "{id}: {decision:?}");
        if let (Some(reason), Decision::Refused { message }) = (expect["reason"].as_str(), &decision) {
            assert_eq!(message.as_deref(), Some(reason), "{id}");
        }
    }
}

/// The configuration that a row means: what it does not say is an entry for alice that may read.
fn policy_of(input: &Value) -> Value {
    let timed =
        |source: &str| source.replace("<now+1h>", "2026-09-21T15:13:20Z").replace("<now-1h>", "2026-09-21T13:13:20Z");
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
    let condition = input.get("condition").cloned().or(expression.map(Value::String)).unwrap();
    json!({"repositories": {"**": {"policies": [{"users": ["alice"], "actions": ["read"], "conditions": [condition]}]}}})
}

/// The request that a row means; what it does not say is that of condition-01.
fn decide(policy: &Policy, input: &Value) -> Decision {
    let claims = json!({"email": "alice@example.com", "email_verified": true, "roles": ["prod-pusher", "dev"]});
    let groups = strings(&input["groups"]);
    let user = input["user"].as_str().unwrap_or("alice");
    let identity = Identity::of(User::new(user.to_owned(), groups, Document::from_claims(claims.as_object().unwrap())));
    // A row without this header gets the one that a proxy adds that sets the client's address.
    let forwarded = input.get("x-forwarded-for").map_or(Some("10.0.0.5"), Value::as_str).map(str::as_bytes);
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
            peer: input["remote"].as_str().unwrap_or("10.0.0.5:54321").as_bytes(),
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

/// A list of addresses that may not is as closed as one of those that may, when the proxy does not say who the client is.
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
        assert_eq!(decision, Decision::Refused { message: None }, "{expression}");
    }
    for expression in rows.iter().filter(|expression| !expression.contains("has(") && !expression.contains("size(")) {
        let policy = compile(&policy_of(&json!({"expr": expression}))).unwrap();
        assert!(matches!(decide(&policy, &json!({})), Decision::Granted(_)), "{expression}");
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
    let errors: Vec<String> = diagnostics.errors.iter().map(ToString::to_string).collect();
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
    let warnings: Vec<&str> = diagnostics.warnings.iter().map(|warning| warning.path.as_str()).collect();
    let expected = [
        "ac.repositories[\"A/b\"]",
        "ac.repositories[\"team/**\"].policies[1]",
        "ac.repositories[\"team/**\"].anonymousPolicy[1]",
    ];
    assert_eq!(warnings, expected);
}

#[test]
fn identical_expressions_are_compiled_once() {
    let condition = raw::Condition { expression: "req.repository == 'x'".to_owned(), message: String::new() };
    let mut expressions = Expressions::default();
    let mut diagnostics = Diagnostics::default();
    for _ in 0..3 {
        let _ = Conditions::compile(&[condition.clone(), condition.clone()], "c", &mut expressions, &mut diagnostics);
    }
    assert_eq!((expressions.len(), diagnostics.errors.len()), (1, 0));
}

#[test]
fn the_rule_that_grants_is_named() {
    let policy = compile(&json!({
        "repositories": {
            "**": {"anonymousPolicy": ["read"]},
            "team/**": {
                "policies": [
                    {"groups": ["devs"], "actions": ["create"]},
                    {"users": ["alice"], "actions": ["create"]},
                ],
                "defaultPolicy": ["read"],
            },
        },
        "adminPolicy": {"groups": ["ops"], "actions": ["delete"]},
    }))
    .unwrap();
    let rows = [
        (who("alice", &["devs"]), Action::Create, "team/a", "repositories[\"team/**\"].policies[1]"),
        (who("bob", &["devs"]), Action::Create, "team/a", "repositories[\"team/**\"].policies[0]"),
        (who("bob", &[]), Action::Read, "team", "repositories[\"team/**\"].defaultPolicy"),
        (who("bob", &[]), Action::Read, "other", "repositories[\"**\"].anonymousPolicy"),
        (Identity::Anonymous, Action::Read, "other", "repositories[\"**\"].anonymousPolicy"),
        (who("bob", &["ops"]), Action::Delete, "team/a", "adminPolicy"),
    ];
    for (identity, action, repository, expected) in rows {
        match ask(&policy, &identity, action, repository) {
            Decision::Granted(rule) => assert_eq!(rule.to_string(), expected),
            Decision::Refused { .. } => panic!("{expected} does not grant"),
        }
    }
    assert!(!granted(&policy, &Identity::Anonymous, Action::Read, "team/a"), "`**` adds nothing to `team/**`");
    assert!(!granted(&policy, &who("carol", &["dev"]), Action::Create, "team/a"));
    assert!(policy.is_admin(&who("bob", &["ops"])) && !policy.is_admin(&who("bob", &[])));
}

#[test]
fn the_pattern_that_decides_is_the_longest_then_the_plainest_then_the_first() {
    // Each pattern lets in the user of its own name, so that the user who gets in names the pattern that decided.
    let rows = [
        (&["app/**", "app"] as &[&str], "app", "app/**"),
        (&["{a,b,c}/**", "a/x"], "a/x", "{a,b,c}/**"),
        (&["a/b?", "a/bc"], "a/bc", "a/bc"),
        (&["*/bc", "a/**", "a/b?", "a/*c"], "a/bc", "*/bc"),
        (&["a/**", "a/*c", "**/c"], "a/c", "**/c"),
        (&["**", "*/*"], "a/b", "*/*"),
    ];
    for (patterns, repository, expected) in rows {
        let repositories: serde_json::Map<String, Value> = patterns
            .iter()
            .map(|name| ((*name).to_owned(), json!({"policies": [{"users": [name], "actions": ["read"]}]})))
            .collect();
        let policy = compile(&json!({"repositories": repositories})).unwrap();
        for pattern in patterns {
            let found = granted(&policy, &who(pattern, &[]), Action::Read, repository);
            assert_eq!(found, *pattern == expected, "{pattern} for {repository}");
        }
    }
}

#[test]
fn the_length_of_a_pattern_counts_with_the_callers_name_in_place() {
    // (patterns, caller, repository, the pattern that decides)
    let rows: [(&[&str], &str, &str, &str); 9] = [
        (&["${username}/**", "reserved/**"], "reserved", "reserved/app", "reserved/**"),
        (
            &["${username}/**", "laurivosandi/private/**"],
            "laurivosandi",
            "laurivosandi/private/a",
            "laurivosandi/private/**",
        ),
        // Longer as written, shorter for the caller.
        (&["${username}/**", "a*/app"], "al", "al/app", "a*/app"),
        (&["${username}/**", "a*/app"], "alice", "alice/app", "${username}/**"),
        // As long: the one without a place for the name.
        (&["${username}/a", "*/**"], "b", "b/a", "*/**"),
        (&["${username}/a", "**"], "b", "b/a", "${username}/a"),
        // Among themselves as any others.
        (&["${username}/**", "${username}/a"], "b", "b/a", "${username}/**"),
        (&["a/${username}", "${username}/a"], "a", "a/a", "${username}/a"),
        (&["${username}/?", "${username}/a"], "b", "b/a", "${username}/a"),
    ];
    for (patterns, user, repository, expected) in rows {
        let group = json!({"policies": [{"users": [user], "actions": ["read"]}]});
        let repositories: serde_json::Map<String, Value> =
            patterns.iter().map(|name| ((*name).to_owned(), group.clone())).collect();
        let policy = compile(&json!({"repositories": repositories})).unwrap();
        let Decision::Granted(rule) = ask(&policy, &who(user, &[]), Action::Read, repository) else {
            panic!("{patterns:?} for {repository}")
        };
        assert_eq!(rule.pattern.as_deref(), Some(expected), "{patterns:?} for {repository}");
    }
}

#[test]
fn the_admin_policy_comes_last_and_its_message_replaces_others() {
    let policy = compile(&json!({
        "repositories": {"**": {"policies": [
            {"users": ["alice", "root"], "actions": ["read"], "conditions": [{"expression": "false", "message": "first"}]},
            {"users": ["alice", "root"], "actions": ["read"], "conditions": [{"expression": "false", "message": "second"}]},
            {"users": ["alice", "root"], "actions": ["read"], "conditions": [{"expression": "req.missing == 1", "message": "broken"}]},
            {"users": ["alice", "root"], "actions": ["update"], "conditions": ["req.auth.admin"]},
        ]}},
        "adminPolicy": {"users": ["root"], "actions": ["read"], "conditions": [{"expression": "req.tls.enabled", "message": "tls"}]},
    }))
    .unwrap();
    let message = |user: &str, action| match ask(&policy, &who(user, &[]), action, "a") {
        Decision::Refused { message } => message.as_deref().unwrap_or("-").to_owned(),
        Decision::Granted(rule) => rule.to_string(),
    };
    assert_eq!(message("alice", Action::Read), "second");
    assert_eq!(message("root", Action::Read), "tls");
    assert_eq!(message("bob", Action::Read), "-");
    assert_eq!(message("alice", Action::Update), "-");
    assert_eq!(message("root", Action::Update), "repositories[\"**\"].policies[3]");
    assert!(policy.reads_connection());
}

#[test]
fn nothing_is_granted_by_nothing() {
    let policy = compile(&json!({})).unwrap();
    for identity in [Identity::Anonymous, who("alice", &["", "admin"])] {
        assert_eq!(ask(&policy, &identity, Action::Read, "a"), Decision::Refused { message: None });
    }
    assert!(!policy.opens_to_anonymous() && !policy.is_anonymous_only() && !policy.reads_connection());
}

#[test]
fn what_is_open_to_everybody_is_known() {
    let rows = [
        (json!({"repositories": {"**": {"anonymousPolicy": ["read"]}}}), true, true),
        (json!({"repositories": {"a": {"anonymousPolicy": ["read"]}, "b": {}}}), true, true),
        (json!({"repositories": {"**": {"anonymousPolicy": ["read"], "defaultPolicy": ["create"]}}}), true, false),
        (
            json!({"repositories": {"**": {"anonymousPolicy": ["read"]}}, "adminPolicy": {"users": ["a"], "actions": []}}),
            true,
            false,
        ),
        (json!({"repositories": {"**": {"defaultPolicy": ["read"]}}}), false, false),
        (json!({"repositories": {"**": {"anonymousPolicy": []}}}), false, false),
        (json!({"repositories": {"${username}/**": {"anonymousPolicy": ["read"]}}}), false, false),
    ];
    for (policy, opens, only) in rows {
        let compiled = compile(&policy).unwrap();
        assert_eq!((compiled.opens_to_anonymous(), compiled.is_anonymous_only()), (opens, only), "{policy}");
    }
}
