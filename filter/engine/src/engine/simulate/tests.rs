use serde_json::{Value, json};

use super::*;
use crate::config::{self, Role};
use crate::trace::{Evaluated, Outcome, RuleOutcome};
use crate::{Diagnostics, compile};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const ISSUER: &str = "https://issuer.example.com";

fn engine() -> Engine {
    let document = json!({
        "http": {
            "auth": { "bearer": { "realm": "r", "service": "s", "oidc": [{
                "issuer": ISSUER,
                "audiences": ["registry"],
                "jwksUri": "https://issuer.example.com/keys",
                "cluster": "issuer",
                "claimMapping": {
                    "variables": [{ "name": "repo", "expression": "claims.repository" }],
                    "validations": [{ "expression": "claims.owner == '9919'", "message": "not of acme" }],
                    "username": "'gh/' + vars.repo",
                    "groups": "['repo:' + vars.repo]",
                },
            }] } },
            "accessControl": {
                "repositories": {
                    "acme/**": {
                        "policies": [
                            { "name": "app", "users": ["gh/acme/app"], "actions": ["read", "create", "update"],
                              "conditions": [{ "expression": "req.tag != 'latest'", "message": "push a version" }] },
                            { "groups": ["ops"], "actions": ["read"] },
                        ],
                        "defaultPolicy": ["read"],
                    },
                    "open/**": { "anonymousPolicy": ["read"] },
                },
                "groups": { "ops": { "users": ["ann"] } },
                "adminPolicy": { "users": ["root"], "actions": ["delete"] },
            },
        },
        "proxy": { "upstreamCluster": "registry" },
    });
    let (role, mut diagnostics): (_, Diagnostics) = config::decode_value(document);
    let Role::Filter(document) = role else {
        panic!("{diagnostics:?}")
    };
    compile(&document, &mut diagnostics)
        .unwrap_or_else(|| panic!("{diagnostics:?}"))
        .engine
}

fn claims(members: &Value) -> Principal {
    Principal::Claims {
        issuer: ISSUER.to_owned(),
        claims: members.as_object().unwrap().clone(),
    }
}

fn app() -> Principal {
    claims(&json!({ "repository": "acme/app", "owner": "9919" }))
}

fn user(name: &str, groups: &[&str]) -> Principal {
    Principal::User {
        name: name.to_owned(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    }
}

fn report(principal: &Principal, request: &str, tags_exist: Option<bool>) -> Report {
    let (method, path) = request.split_once(' ').unwrap();
    let head = RequestHead {
        method: method.as_bytes(),
        path: path.as_bytes(),
        ..RequestHead::default()
    };
    let situation = Situation {
        now: NOW,
        tags_exist,
    };
    engine().simulate(principal, &head, situation)
}

#[test]
fn nothing_is_filled_in_for_a_token() {
    let whole = json!({
        "iss": ISSUER, "sub": "s", "aud": "registry", "iat": 1_799_999_999, "exp": 1_800_000_001,
        "repository": "acme/app", "owner": "9919",
    });
    let rows = [
        ("", None),
        ("iss", Some(Reason::UnknownIssuer)),
        ("sub", Some(Reason::BadClaim)),
        ("aud", Some(Reason::BadClaim)),
        ("iat", Some(Reason::BadClaim)),
        ("exp", Some(Reason::BadClaim)),
    ];
    let get = "GET /v2/acme/app/tags/list";
    let mut login = whole.clone();
    login["iss"] = login::ISSUER.into();
    for principal in [
        claims(&login),
        Principal::Token {
            claims: login.as_object().unwrap().clone(),
        },
    ] {
        let reason = Simulated::Refused(Reason::UnknownIssuer, None);
        assert_eq!(report(&principal, get, None).outcome, reason);
    }
    for (lacking, wanted) in rows {
        let mut members = whole.as_object().unwrap().clone();
        members.remove(lacking);
        let sketch = report(&claims(&members.clone().into()), get, None);
        assert!(
            sketch.outcome.is_granted(),
            "{lacking}: {:?}",
            sketch.outcome
        );
        let token = report(&Principal::Token { claims: members }, get, None);
        let reason = match token.outcome {
            Simulated::Refused(reason, _) => Some(reason),
            Simulated::Unknown(_) => Some(Reason::UnknownIssuer),
            Simulated::Allowed(_) | Simulated::Answered(_) => None,
        };
        assert_eq!(reason, wanted, "{lacking}");
    }
}

#[test]
fn a_request_gets_what_it_would_get() {
    let allowed = |rule: &str| Simulated::Allowed(rule.to_owned());
    let refused =
        |reason, message: Option<&str>| Simulated::Refused(reason, message.map(str::to_owned));
    let put = "PUT /v2/acme/app/manifests/v1";
    let latest = "PUT /v2/acme/app/manifests/latest";
    let delete = "DELETE /v2/acme/app/manifests/v1";
    let get = "GET /v2/acme/app/tags/list";
    let first = "repositories[\"acme/**\"].policies[0]";
    let denied = Reason::PolicyDenied;
    let rows = [
        (app(), put, None, allowed(first)),
        (app(), put, Some(true), allowed(first)),
        (
            app(),
            latest,
            Some(false),
            refused(denied, Some("push a version")),
        ),
        (app(), delete, None, refused(denied, None)),
        (
            user("ann", &[]),
            get,
            None,
            allowed("repositories[\"acme/**\"].policies[1]"),
        ),
        (
            user("ben", &["ops"]),
            get,
            None,
            allowed("repositories[\"acme/**\"].policies[1]"),
        ),
        (
            user("ben", &[]),
            get,
            None,
            allowed("repositories[\"acme/**\"].defaultPolicy"),
        ),
        (user("ben", &[]), put, Some(false), refused(denied, None)),
        (user("root", &[]), delete, None, allowed("adminPolicy")),
        (
            Principal::Anonymous,
            get,
            None,
            refused(Reason::NoCredential, None),
        ),
        (
            Principal::Anonymous,
            "GET /v2/open/a/tags/list",
            None,
            allowed("repositories[\"open/**\"].anonymousPolicy"),
        ),
        (
            claims(&json!({ "repository": "acme/app", "owner": "1" })),
            get,
            None,
            refused(Reason::ValidationFailed, Some("not of acme")),
        ),
        (
            claims(&json!({ "owner": "9919" })),
            get,
            None,
            refused(Reason::MappingFailed, None),
        ),
        (
            claims(&json!({ "aud": "other" })),
            get,
            None,
            refused(Reason::WrongAudience, None),
        ),
        (
            claims(&json!({ "exp": 1 })),
            get,
            None,
            refused(Reason::TokenExpired, None),
        ),
        (
            claims(&json!({ "iss": "https://other.example.com" })),
            get,
            None,
            refused(Reason::UnknownIssuer, None),
        ),
        (app(), "GET /v3/", None, refused(Reason::NotFound, None)),
        (
            app(),
            "GET /v2/_catalog",
            None,
            Simulated::Answered("catalog"),
        ),
    ];
    for (principal, request, tags_exist, expected) in rows {
        let found = report(&principal, request, tags_exist).outcome;
        assert_eq!(found, expected, "{principal:?} {request} {tags_exist:?}");
    }
}

#[test]
fn the_steps_are_those_of_the_decision() {
    let steps = report(&app(), "PUT /v2/acme/app/manifests/latest", Some(false)).steps;
    let rules: Vec<_> = steps
        .iter()
        .filter_map(|step| match step {
            Step::Rule {
                place,
                name,
                outcome,
            } => Some((place.as_str(), name.as_deref(), *outcome)),
            _ => None,
        })
        .collect();
    // The upload as if the tag did not exist, and as if it did.
    let each = [
        ("policies[0]", Some("app"), RuleOutcome::Condition),
        ("policies[1]", None, RuleOutcome::NotNamed),
        ("defaultPolicy", None, RuleOutcome::NotThisAction),
        ("anonymousPolicy", None, RuleOutcome::NotThisAction),
        ("adminPolicy", None, RuleOutcome::NotNamed),
    ];
    assert!(rules.starts_with(&each), "{rules:?}");
    let expressions: Vec<_> = steps
        .iter()
        .filter_map(|step| match step {
            Step::Expression {
                what,
                outcome,
                facts,
                ..
            } => Some((what.clone(), outcome.clone(), facts.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(expressions[0].0, Evaluated::Variable("repo".to_owned()));
    assert_eq!(
        expressions[1],
        (Evaluated::Validation(0), Outcome::True, Vec::new())
    );
    let (what, outcome, facts) = &expressions[4];
    assert_eq!(what, &Evaluated::Condition(0));
    assert_eq!(outcome, &Outcome::False(Some("push a version".into())));
    assert_eq!(facts[0].name, "req.tag");
    assert_eq!(facts[0].value.as_deref(), Some("latest"));

    let missing = report(&claims(&json!({})), "GET /v2/", None).steps;
    let [
        Step::Token { .. },
        Step::Expression { outcome, facts, .. },
        ..,
    ] = missing.as_slice()
    else {
        panic!("{missing:?}")
    };
    assert_eq!(outcome, &Outcome::Error("no such key".to_owned()));
    assert_eq!(facts[0].name, "claims.repository");
}
