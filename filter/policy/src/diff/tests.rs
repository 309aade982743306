//! What is said of pairs of policies.

use registry_auth_engine::compile::compile;
use registry_auth_engine::config::{Role, decode_value};
use serde_json::{Value, json};

use super::settings::settings;
use super::*;

/// A configuration with an engine.
pub(super) struct Built {
    pub(super) document: Document,
    pub(super) engine: Engine,
    pub(super) written: Value,
}

impl Built {
    pub(super) fn side(&self) -> Side<'_> {
        Side {
            engine: &self.engine,
            document: &self.document,
            written: &Value::Null,
        }
    }
}

/// Compiles an `accessControl`; none if it is null.
pub(super) fn built(control: &Value) -> Built {
    whole(control, &json!({}))
}

fn whole(control: &Value, mapping: &Value) -> Built {
    let oidc = json!([{ "issuer": "https://i.example", "audiences": ["a"], "cluster": "i", "claimMapping": mapping }]);
    let mut http = json!({ "auth": { "bearer": { "oidc": oidc } } });
    if !control.is_null() {
        http["accessControl"] = control.clone();
    }
    let (role, mut diagnostics) = decode_value(json!({ "http": http }));
    let Role::Filter(document) = role else {
        panic!("{diagnostics:?}")
    };
    let compiled =
        compile(&document, &mut diagnostics).unwrap_or_else(|| panic!("{diagnostics:?}"));
    Built {
        document: *document,
        engine: compiled.engine,
        written: control.clone(),
    }
}

fn repositories(groups: &[(&str, Value)]) -> Value {
    let groups = groups
        .iter()
        .map(|(pattern, group)| ((*pattern).to_owned(), group.clone()));
    json!({ "repositories": groups.collect::<serde_json::Map<_, _>>() })
}

fn text(old: &Built, new: &Built) -> String {
    let found = compare(old.side(), new.side()).unwrap();
    show::text(&found, &settings(old.side(), new.side()))
}

#[test]
fn differences_are_said_with_an_example() {
    let read = || json!({ "defaultPolicy": ["read"] });
    let entry = |users: Value, groups: Value, actions: Value| json!({ "policies": [{ "users": users, "groups": groups, "actions": actions }] });
    let only = |condition: &str| json!({ "policies": [{ "groups": ["g"], "actions": ["update"], "conditions": [{ "expression": condition }] }] });
    let rows: Vec<(Value, Value, &[&str])> = vec![
        (
            repositories(&[("a/**", read())]),
            repositories(&[("a/**", read())]),
            &[],
        ),
        (
            repositories(&[("a/**", read())]),
            repositories(&[("a/**", json!({ "anonymousPolicy": ["read"] }))]),
            &["added    anybody  read  a/**  e.g. pull a:v1"],
        ),
        (
            repositories(&[("a/**", read())]),
            repositories(&[("a/**", read()), ("a/b/**", json!({}))]),
            &[
                "removed  everybody with a credential  read  a/b/**  e.g. pull a/b:v1  (a/b/** hides a/**)",
            ],
        ),
        (
            repositories(&[("a/**", read()), ("a/b/**", json!({}))]),
            repositories(&[("a/**", read())]),
            &[
                "added    everybody with a credential  read  a/b/**  e.g. pull a/b:v1  (a/b/** no longer hides a/**)",
            ],
        ),
        (
            repositories(&[("a/**", read()), ("a/b/**", read())]),
            repositories(&[("a/**", read())]),
            &[],
        ),
        // No repository has such a name, or a longer pattern has all of them.
        (
            repositories(&[("a/*", read()), ("a/?*", read())]),
            repositories(&[("a/*", json!({})), ("a/?*", read()), ("a:b", read())]),
            &[],
        ),
        (
            repositories(&[]),
            repositories(&[(
                "a/**",
                entry(json!(["ann"]), json!(["g"]), json!(["create", "update"])),
            )]),
            &[
                "added    user ann  create update  a/**  e.g. push a:v1",
                "added    group g   create update  a/**  e.g. push a:v1",
            ],
        ),
        // Who has a right as one of all is not said again.
        (
            repositories(&[("a", json!({}))]),
            repositories(&[(
                "a",
                json!({ "defaultPolicy": ["read"], "policies": [{ "users": ["ann"], "actions": ["read", "delete"] }] }),
            )]),
            &[
                "added    everybody with a credential  read    a  e.g. pull a:v1",
                "added    user ann                     delete  a  e.g. delete a:v1",
            ],
        ),
        (
            repositories(&[]),
            repositories(&[("t/${username}/**", read())]),
            &["added    the user named by ${username}  read  t/${username}/**  e.g. pull t/x:v1"],
        ),
        (
            repositories(&[("t/**", read())]),
            repositories(&[
                ("t/**", read()),
                (
                    "t/${username}",
                    entry(json!([]), json!(["g"]), json!(["read"])),
                ),
            ]),
            &[
                "removed  the user named by ${username}  read  t/${username}  e.g. pull t/xxx:v1  (t/${username} hides t/**)",
            ],
        ),
        (
            json!({ "repositories": { "a": { "defaultPolicy": ["read"] } } }),
            json!({ "repositories": { "a": { "defaultPolicy": ["read"] } }, "adminPolicy": { "users": ["root"], "actions": ["read", "delete"] } }),
            &["added    user root  read delete  adminPolicy  e.g. pull x:v1"],
        ),
        (
            json!({ "repositories": { "a": { "policies": [{ "groups": ["g"], "actions": ["read"] }] } }, "groups": { "g": { "users": ["ann"] } } }),
            json!({ "repositories": { "a": { "policies": [{ "groups": ["g"], "actions": ["read"] }] } }, "groups": { "g": { "users": ["ben"] } } }),
            &[
                "added    user ben by accessControl.groups  read  a  e.g. pull a:v1",
                "removed  user ann by accessControl.groups  read  a  e.g. pull a:v1",
            ],
        ),
        (
            Value::Null,
            repositories(&[(
                "**",
                json!({ "defaultPolicy": ["read", "create", "update"] }),
            )]),
            &["removed  everybody with a credential  delete  **  e.g. delete x:v1"],
        ),
        // Conditions.
        (
            repositories(&[("a", only("req.tag != 'x'"))]),
            repositories(&[("a", only(" req.tag  != 'x'"))]),
            &[],
        ),
        (
            repositories(&[("a", only("req.tag != 'x'"))]),
            repositories(&[("a", only("req.tag != 'y'"))]),
            &[
                "changed  group g  update  a  if req.tag != 'y'; before if req.tag != 'x'  not compared, see replay",
            ],
        ),
        (
            repositories(&[]),
            repositories(&[("a", only("req.tag != 'x'"))]),
            &["added    group g  update  a  if req.tag != 'x'  e.g. overwrite a:v1"],
        ),
        (
            repositories(&[]),
            repositories(&[("a", only("req.tag == 'x'"))]),
            &["changed  group g  update  a  if req.tag == 'x'  not compared, see replay"],
        ),
        (
            repositories(&[("a", entry(json!([]), json!(["g"]), json!(["update"])))]),
            repositories(&[("a", only("req.tag == 'x'"))]),
            &["changed  group g  update  a  only if req.tag == 'x'  not compared, see replay"],
        ),
    ];
    for (old, new, expected) in rows {
        let found = text(&built(&old), &built(&new));
        let lines: Vec<&str> = found.lines().collect();
        assert_eq!(lines, expected, "{old}\n{new}");
    }
}

#[test]
fn what_is_configured_besides_rules_is_named() {
    let control = repositories(&[("a", json!({}))]);
    let mapping = |username: &str, validation: &str| json!({ "username": username, "validations": [{ "expression": validation, "message": "no" }] });
    let one = whole(&control, &mapping("claims.sub", "claims.a == 'x'"));
    let same = whole(&control, &mapping(" claims.sub ", "claims.a  == 'x'"));
    assert_eq!(text(&one, &same), "");
    let other = whole(&control, &mapping("claims.x", "claims.a == 'y'"));
    let expected = "changed  issuer https://i.example claimMapping.validations is another  not compared, see replay\n\
        changed  issuer https://i.example claimMapping.username is another  not compared, see replay\n";
    assert_eq!(text(&one, &other), expected);
    let mut bypassing = whole(&control, &mapping("claims.sub", "claims.a == 'x'"));
    let bearer = bypassing.document.bearer.as_mut().unwrap();
    bearer.bypass_access_control = true;
    let expected =
        "changed  http.auth.bearer.bypassAccessControl is another  not compared, see replay\n";
    assert_eq!(text(&one, &bypassing), expected);
    // The same conditions, with other administrators and other members of groups.
    let rule = |expression: &str, user: &str| {
        let entry =
            json!({ "users": ["u"], "actions": [], "conditions": [{ "expression": expression }] });
        built(&json!({
            "repositories": { "a": { "policies": [entry] } }, "adminPolicy": { "users": [user], "actions": [] },
            "groups": { "g": { "users": [user] } },
        }))
    };
    let rows = [
        ("req.tag != 'x'", ""),
        ("req.auth.admin", "`req.auth`"),
        ("'g' in req.user.groups", "`req.user.groups`"),
    ];
    for (expression, member) in rows {
        let [one, other] = ["ann", "ben"].map(|user| rule(expression, user));
        let said = if member.is_empty() {
            String::new()
        } else {
            format!(
                "changed  conditions that read {member} may mean others  not compared, see replay\n"
            )
        };
        assert_eq!(text(&one, &other), said, "{expression}");
    }
}
