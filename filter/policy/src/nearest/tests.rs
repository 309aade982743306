use registry_auth_engine::config::{self, Role};
use registry_auth_engine::{Diagnostics, compile};
use serde_json::json;

use super::*;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const GITHUB: &str = "https://token.actions.githubusercontent.com";

fn configured() -> (Document, Engine) {
    let mapping = json!({
        "variables": [{ "name": "repo", "expression": "claims.repository" }],
        "validations": [{ "expression": "claims.repository_owner_id == '9919'", "message": "not of acme" }],
        "username": "'gh/' + vars.repo",
        "groups": "(claims.ref == 'refs/heads/main' ? ['main'] : ['branch']) + claims.?teams.orValue([])",
    });
    let oidc = json!([
        { "issuer": GITHUB, "audiences": ["registry"], "cluster": "i", "claimMapping": mapping },
        { "issuer": "https://i.example", "audiences": ["registry"], "cluster": "i",
          "claimMapping": { "username": "claims['kubernetes.io'].namespace" } },
    ]);
    let release = json!({ "users": ["gh/acme/app"], "actions": ["create"],
        "conditions": [{ "expression": "req.tag != 'latest' && req.tag != 'v1'" }, { "expression": "req.claims.ref == 'refs/tags/v9'" }] });
    let repositories = json!({
        "acme/**": { "policies": [{ "groups": ["main"], "actions": ["create", "update"] }], "defaultPolicy": ["read"] },
        "acme/app/**": { "policies": [release, { "groups": ["t/owners"], "actions": ["delete"] }], "defaultPolicy": ["read"] },
        "once/**": { "policies": [{ "users": ["ann"], "groups": ["ops"], "actions": ["read", "create"],
            "conditions": [{ "expression": "req.action == 'read' || req.tag == '' || req.tag.startsWith('v')" }] }] },
        "team/${username}/**": { "policies": [{ "users": ["ann", "ben"], "actions": ["read", "create", "update"] }] },
        "ns/x": { "policies": [{ "users": ["prod"], "actions": ["read"] }] },
        "shut/**": {},
    });
    let document = json!({
        "http": {
            "auth": { "bearer": { "realm": "r", "service": "s", "oidc": oidc } },
            "accessControl": { "repositories": repositories },
        },
        "proxy": { "clientAddress": "proxy", "upstreamCluster": "registry" },
    });
    let (role, mut diagnostics): (_, Diagnostics) = config::decode_value(document);
    let Role::Filter(document) = role else {
        panic!("{diagnostics:?}")
    };
    let compiled = compile(&document, &mut diagnostics);
    let compiled = compiled.unwrap_or_else(|| panic!("{diagnostics:?}"));
    (*document, compiled.engine)
}

fn claims(issuer: &str, members: &Value) -> Principal {
    Principal::Claims {
        issuer: issuer.to_owned(),
        claims: members.as_object().unwrap().clone(),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of test rows")]
fn the_nearest_changes_are_named_and_each_is_allowed() {
    let (document, engine) = configured();
    let of = |repository: &str, owner: &str, reference: &str| {
        let members =
            json!({ "repository": repository, "repository_owner_id": owner, "ref": reference });
        claims(GITHUB, &members)
    };
    let person = |name: &str, groups: &[&str]| {
        user(
            name,
            &groups
                .iter()
                .map(|group| (*group).to_owned())
                .collect::<Vec<_>>(),
        )
    };
    let main = || of("acme/app", "9919", "refs/heads/main");
    let tag = || of("acme/app", "9919", "refs/tags/v9");
    let late = json!({ "repository": "acme/app", "repository_owner_id": "9919", "ref": "x", "exp": 1_799_999_000 });
    let early = json!({ "repository": "acme/app", "repository_owner_id": "9919", "ref": "x", "nbf": 1_800_009_000, "exp": 1_800_009_900 });
    let wrong = json!({ "repository": "acme/app", "repository_owner_id": "9919", "ref": "x", "aud": "other" });
    // (who, what, whether the tag exists, what is named)
    let rows: [(Principal, &str, Option<bool>, &str); 24] = [
        (
            tag(),
            "push acme/app/x:latest",
            Some(false),
            "another tag, such as `v1.0.0`; or `pull acme/app/x:latest`",
        ),
        (
            tag(),
            "push acme/app/x:v2",
            None,
            "a tag that does not exist; or `pull acme/app/x:v2`",
        ),
        (
            tag(),
            "overwrite acme/app/x:v2",
            None,
            "a tag that does not exist; or `pull acme/app/x:v2`",
        ),
        (
            main(),
            "push acme/app/x:v2",
            Some(false),
            "the claim `ref` with `refs/tags/v9`; or `pull acme/app/x:v2`; or another repository, such as `acme/x`",
        ),
        (
            of("acme/app", "9919", "x"),
            "push acme/web:v1",
            Some(true),
            "the claim `ref` with `refs/heads/main`; or `pull acme/web:v1`",
        ),
        (
            of("acme/app", "1", "refs/heads/main"),
            "pull acme/web:v1",
            None,
            "the claim `repository_owner_id` with `9919`",
        ),
        (
            of("acme/web", "9919", "refs/tags/v9"),
            "push acme/app/x:v2",
            Some(false),
            "the claim `repository` with `acme/app`; or `pull acme/app/x:v2`",
        ),
        (
            claims(
                GITHUB,
                &json!({ "repository_owner_id": "9919", "ref": "x" }),
            ),
            "pull acme/web:v1",
            None,
            "a claim `repository`, such as `acme/app`",
        ),
        (
            main(),
            "delete acme/app/x:v1",
            None,
            "a claim `teams`, such as `t/owners`; or `pull acme/app/x:v1`",
        ),
        (
            claims(GITHUB, &late),
            "pull acme/web:v1",
            None,
            "a token that has not expired",
        ),
        (
            claims(GITHUB, &early),
            "pull acme/web:v1",
            None,
            "the same token when it is valid",
        ),
        (
            claims(GITHUB, &wrong),
            "pull acme/web:v1",
            None,
            "the audience `registry`",
        ),
        (
            claims(
                "https://TOKEN.actions.githubusercontent.com/",
                &json!({ "repository": "acme/app", "repository_owner_id": "9919", "ref": "x" }),
            ),
            "pull acme/web:v1",
            None,
            "the issuer exactly `https://token.actions.githubusercontent.com`",
        ),
        (
            claims("https://i.example", &json!({})),
            "list ns/x",
            None,
            "a claim `kubernetes.io.namespace`, such as `prod`",
        ),
        (
            person("zoe", &[]),
            "pull once/a:v1",
            None,
            "a caller in the group `ops`; or another repository, such as `acme/app/a`",
        ),
        (
            person("ann", &[]),
            "push once/a:1.0.0",
            Some(false),
            "another tag, such as `v1`; or `pull once/a:1.0.0`; or another repository, such as `team/ann/a`",
        ),
        (
            person("ann", &[]),
            "push team/ben/a:v1",
            None,
            "the user `ben`; or another repository, such as `team/ann/a`",
        ),
        (
            person("ben", &[]),
            "push team/ann/a:v1",
            Some(false),
            "the user `ann`; or another repository, such as `team/ben/a`",
        ),
        (
            Principal::Anonymous,
            "pull acme/a:v1",
            None,
            "any caller with a credential",
        ),
        (
            Principal::Anonymous,
            "pull once/a:v1",
            None,
            "a caller in the group `ops`",
        ),
        (
            person("ann", &[]),
            "push once/a:v1",
            Some(true),
            "a tag that does not exist; or `pull once/a:v1`; or another repository, such as `team/ann/a`",
        ),
        (
            person("zoe", &[]),
            "pull shut/a:v1",
            None,
            "another repository, such as `acme/app/a`",
        ),
        (person("zoe", &[]), "PUT /v2/shut/a/manifests/v1", None, ""),
        (person("ann", &[]), "pull once/a:v1", None, ""),
    ];
    let mut wrong = Vec::new();
    for (principal, words, tags_exist, expected) in rows {
        let wish = Wish::read(words).unwrap();
        let situation = Situation {
            now: NOW,
            tags_exist,
        };
        let caller = Caller::Said(&principal);
        let case = Case::by(&engine, caller, &wish, situation);
        let case = case.with_nearest((&engine, &document), (caller, None), &wish, situation);
        let found = case.nearest.join("; or ");
        if found != expected {
            wrong.push(format!(
                "{principal:?} {words}\n{found}\n{expected}\n{}",
                crate::show::text(&case)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
