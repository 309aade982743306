//! Which pattern and which rule decide.

use super::*;

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
        (
            who("alice", &["devs"]),
            Action::Create,
            "team/a",
            "repositories[\"team/**\"].policies[1]",
        ),
        (
            who("bob", &["devs"]),
            Action::Create,
            "team/a",
            "repositories[\"team/**\"].policies[0]",
        ),
        (
            who("bob", &[]),
            Action::Read,
            "team",
            "repositories[\"team/**\"].defaultPolicy",
        ),
        (
            who("bob", &[]),
            Action::Read,
            "other",
            "repositories[\"**\"].anonymousPolicy",
        ),
        (
            Identity::Anonymous,
            Action::Read,
            "other",
            "repositories[\"**\"].anonymousPolicy",
        ),
        (
            who("bob", &["ops"]),
            Action::Delete,
            "team/a",
            "adminPolicy",
        ),
    ];
    for (identity, action, repository, expected) in rows {
        match ask(&policy, &identity, action, repository) {
            Decision::Granted(rule) => assert_eq!(rule.to_string(), expected),
            Decision::Refused { .. } => panic!("{expected} does not grant"),
        }
    }
    assert!(
        !granted(&policy, &Identity::Anonymous, Action::Read, "team/a"),
        "`**` adds nothing to `team/**`"
    );
    assert!(!granted(
        &policy,
        &who("carol", &["dev"]),
        Action::Create,
        "team/a"
    ));
    assert!(policy.is_admin(&who("bob", &["ops"])) && !policy.is_admin(&who("bob", &[])));
}

#[test]
fn the_pattern_that_decides_is_the_longest_then_the_plainest_then_the_first() {
    // Each pattern lets in the user of its own name, so that the user who gets in names the pattern
    // that decided.
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
            .map(|name| {
                (
                    (*name).to_owned(),
                    json!({"policies": [{"users": [name], "actions": ["read"]}]}),
                )
            })
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
        (
            &["${username}/**", "reserved/**"],
            "reserved",
            "reserved/app",
            "reserved/**",
        ),
        (
            &["${username}/**", "laurivosandi/private/**"],
            "laurivosandi",
            "laurivosandi/private/a",
            "laurivosandi/private/**",
        ),
        // Longer as written, shorter for the caller.
        (&["${username}/**", "a*/app"], "al", "al/app", "a*/app"),
        (
            &["${username}/**", "a*/app"],
            "alice",
            "alice/app",
            "${username}/**",
        ),
        // As long: the one without a place for the name.
        (&["${username}/a", "*/**"], "b", "b/a", "*/**"),
        (&["${username}/a", "**"], "b", "b/a", "${username}/a"),
        // Among themselves as any others.
        (
            &["${username}/**", "${username}/a"],
            "b",
            "b/a",
            "${username}/**",
        ),
        (
            &["a/${username}", "${username}/a"],
            "a",
            "a/a",
            "${username}/a",
        ),
        (
            &["${username}/?", "${username}/a"],
            "b",
            "b/a",
            "${username}/a",
        ),
    ];
    for (patterns, user, repository, expected) in rows {
        let group = json!({"policies": [{"users": [user], "actions": ["read"]}]});
        let repositories: serde_json::Map<String, Value> = patterns
            .iter()
            .map(|name| ((*name).to_owned(), group.clone()))
            .collect();
        let policy = compile(&json!({"repositories": repositories})).unwrap();
        let Decision::Granted(rule) = ask(&policy, &who(user, &[]), Action::Read, repository)
        else {
            panic!("{patterns:?} for {repository}")
        };
        assert_eq!(
            rule.pattern.as_deref(),
            Some(expected),
            "{patterns:?} for {repository}"
        );
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
    assert_eq!(
        message("root", Action::Update),
        "repositories[\"**\"].policies[3]"
    );
    assert!(policy.reads_connection());
}

#[test]
fn a_rule_that_grants_says_its_name() {
    let policy = compile(&json!({
        "repositories": {"**": {"policies": [
            {"name": "builders", "groups": ["ci"], "actions": ["create"]},
            {"users": ["alice"], "actions": ["update"]},
        ], "defaultPolicy": ["read"]}},
        "adminPolicy": {"name": "operators", "groups": ["ci"], "actions": ["delete"]},
    }))
    .unwrap();
    let rows = [
        (
            Action::Create,
            "repositories[\"**\"].policies[0]",
            Some("builders"),
        ),
        (Action::Update, "repositories[\"**\"].policies[1]", None),
        (Action::Read, "repositories[\"**\"].defaultPolicy", None),
        (Action::Delete, "adminPolicy", Some("operators")),
    ];
    for (action, place, name) in rows {
        let Decision::Granted(rule) = ask(&policy, &who("alice", &["ci"]), action, "a") else {
            panic!("{action:?} is refused");
        };
        assert_eq!(
            (rule.to_string().as_str(), rule.name.as_deref()),
            (place, name)
        );
    }
    let labels: Vec<_> = policy.rules().iter().map(RuleView::label).collect();
    assert_eq!(
        labels,
        [
            "policies[0] \"builders\"",
            "policies[1]",
            "defaultPolicy",
            "adminPolicy \"operators\""
        ]
    );
}

#[test]
fn nothing_is_granted_by_nothing() {
    let policy = compile(&json!({})).unwrap();
    for identity in [Identity::Anonymous, who("alice", &["", "admin"])] {
        assert_eq!(
            ask(&policy, &identity, Action::Read, "a"),
            Decision::Refused { message: None }
        );
    }
    assert!(
        !policy.opens_to_anonymous() && !policy.is_anonymous_only() && !policy.reads_connection()
    );
}

#[test]
fn what_is_open_to_everybody_is_known() {
    let rows = [
        (
            json!({"repositories": {"**": {"anonymousPolicy": ["read"]}}}),
            true,
            true,
        ),
        (
            json!({"repositories": {"a": {"anonymousPolicy": ["read"]}, "b": {}}}),
            true,
            true,
        ),
        (
            json!({"repositories": {"**": {"anonymousPolicy": ["read"], "defaultPolicy": ["create"]}}}),
            true,
            false,
        ),
        (
            json!({"repositories": {"**": {"anonymousPolicy": ["read"]}}, "adminPolicy": {"users": ["a"], "actions": []}}),
            true,
            false,
        ),
        (
            json!({"repositories": {"**": {"defaultPolicy": ["read"]}}}),
            false,
            false,
        ),
        (
            json!({"repositories": {"**": {"anonymousPolicy": []}}}),
            false,
            false,
        ),
        (
            json!({"repositories": {"${username}/**": {"anonymousPolicy": ["read"]}}}),
            false,
            false,
        ),
    ];
    for (policy, opens, only) in rows {
        let compiled = compile(&policy).unwrap();
        assert_eq!(
            (compiled.opens_to_anonymous(), compiled.is_anonymous_only()),
            (opens, only),
            "{policy}"
        );
    }
}
