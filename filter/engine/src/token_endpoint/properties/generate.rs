//! Random configurations, credentials and requests.

use super::*;

pub(super) fn some(of: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(of, 0..=of.len())
}

pub(super) fn entry() -> impl Strategy<Value = Value> {
    let conditions = subsequence(CONDITIONS, 0..=2);
    (some(&["ann", "bob"]), some(GROUPS), some(ACTIONS), conditions).prop_map(|(users, groups, actions, conditions)| {
        let conditions: Vec<_> = conditions.iter().map(|condition| json!({ "expression": condition })).collect();
        json!({ "users": users, "groups": groups, "actions": actions, "conditions": conditions })
    })
}

pub(super) fn policy() -> impl Strategy<Value = Value> {
    let group = (
        vec(entry(), 0..3),
        weighted(0.3, some(ACTIONS)),
        weighted(0.3, some(ACTIONS)),
    )
        .prop_map(|(policies, default, anonymous)| {
            json!({
                "policies": policies,
                "defaultPolicy": default.unwrap_or_default(),
                "anonymousPolicy": anonymous.unwrap_or_default(),
            })
        });
    let open = some(ACTIONS).prop_map(|actions| json!({ "anonymousPolicy": actions }));
    let members = some(&["ann", "bob"]);
    let mixed = (vec(group, 3), weighted(0.4, entry()), vec(members, 2)).prop_map(
        |(groups, admin, members)| {
            let names = ["team/**", "public/**", "other"]
                .map(str::to_owned)
                .into_iter();
            let repositories: Map<String, Value> = names.zip(groups).collect();
            let [devs, ops] = [&members[0], &members[1]];
            let mut policy = json!({
                "groups": { "devs": { "users": devs }, "ops": { "users": ops } },
                "repositories": repositories,
            });
            if let Some(admin) = admin {
                policy["adminPolicy"] = admin;
            }
            policy
        },
    );
    prop_oneof![8 => mixed, 1 => open.prop_map(|group| json!({ "repositories": { "public/**": group } }))]
}

pub(super) fn claims() -> impl Strategy<Value = Map<String, Value>> {
    let value = |of: Vec<Value>| weighted(0.5, select(of));
    let confirmation = vec![
        json!({ "x5t#S256": thumbprint(0) }),
        json!({ "x5t#S256": thumbprint(1) }),
        json!({ "x5t#S256": 1 }),
        json!({ "jkt": "x" }),
        json!("x"),
    ];
    (
        value(vec![json!("x"), json!("y"), json!(0.1)]),
        value(vec![
            json!("prod"),
            json!("x"),
            json!({ "name": "prod" }),
            json!({ "name": "x" }),
        ]),
        value(vec![json!(true), json!(null), json!("no")]),
        weighted(0.4, select(confirmation)),
        select(ENDS),
    )
        .prop_map(|(team, env, untrusted, confirmation, end)| {
            let claims = [
                ("team", team),
                ("env", env),
                ("untrusted", untrusted),
                ("cnf", confirmation),
            ];
            let claims = claims
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)));
            claims
                .chain([
                    ("exp".to_owned(), json!(NOW + end)),
                    ("iat".to_owned(), json!(NOW)),
                ])
                .collect()
        })
}

pub(super) fn credential() -> impl Strategy<Value = Credential> {
    let token = |claims: Map<String, Value>, more: Value| {
        let mut more = more.as_object().unwrap().clone();
        more.extend(claims);
        Credential::Token(more.into())
    };
    let person =
        (claims(), select(&USERS[..2]), some(GROUPS)).prop_map(move |(claims, user, groups)| {
            token(
                claims,
                json!({ "iss": "https://issuer.test", "aud": "a", "sub": user, "groups": groups }),
            )
        });
    let kinds = [
        ("repository", "team/app"),
        ("repository", "public/a"),
        ("registry", "catalog"),
    ];
    let access = (
        select(kinds.to_vec()),
        some(&["pull", "push", "delete", "*"]),
        weighted(0.6, select(ENDS)),
    );
    let access = access.prop_map(|((kind, name), actions, end)| {
        json!({ "type": kind, "name": name, "actions": actions, "exp": end.map(|end| NOW + end) })
    });
    let entries = vec(access, 0..6).prop_map(|mut entries| {
        // Absent, not null.
        for entry in &mut entries {
            entry
                .as_object_mut()
                .unwrap()
                .retain(|_, value| !value.is_null());
        }
        entries
    });
    let server = (claims(), weighted(0.8, select(USERS)), entries).prop_map(
        move |(claims, user, access)| {
            let named = user.map_or_else(
                || json!({ "access": access }),
                |user| json!({ "access": access, "sub": user }),
            );
            token(claims, named)
        },
    );
    prop_oneof![
        2 => Just(Credential::None),
        2 => (0..2_usize).prop_map(Credential::Certificate),
        6 => person,
        6 => server,
    ]
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let policy = || weighted(0.75, policy());
    let same = (policy(), policy(), prop::bool::weighted(0.7)).prop_map(|(one, other, same)| {
        let then = if same { one.clone() } else { other };
        [one, then]
    });
    let shown = || weighted(0.6, 0..2_usize);
    (
        same,
        any::<bool>(),
        credential(),
        [shown(), shown()],
        some(SCOPES),
        select(LATER),
        any::<bool>(),
    )
        .prop_map(
            |(policies, binds, credential, certificates, scopes, later, tag_exists)| Case {
                policies,
                binds,
                credential,
                certificates,
                scopes,
                later,
                tag_exists,
            },
        )
}
