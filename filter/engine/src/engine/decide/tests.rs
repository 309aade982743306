use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::authn::cache::IdentityCache;
use crate::authn::verify::{SignatureVerifier, Verification};
use crate::compile;
use crate::config::{self, Role};
use crate::decision::Verdict;
use crate::engine::Engine;
use crate::facts::{Facts, Gathered, Need, Now};
use crate::keys::algorithm::Algorithm;
use crate::keys::source::KeyRing;
use crate::keys::{Kind, PublicKey, SigningKey};
use crate::request::RequestHead;
use crate::time::UnixTime;

const NOW: i64 = 1_800_000_000;

struct EverySignature;

impl SignatureVerifier for EverySignature {
    fn verify(&self, _: Algorithm, _: &PublicKey, _: &[u8], _: &[u8]) -> Verification {
        Verification::Valid
    }
}

/// One issuer, a token server, and a policy with this condition.
fn engine(condition: &str) -> Engine {
    let key = SigningKey::new(Kind::Ed25519, &[7; 32], None)
        .unwrap()
        .to_jwk(false)
        .unwrap();
    let keys = json!({ "keys": [key] });
    let entry = json!({ "users": ["ci"], "actions": ["read"], "conditions": [{ "expression": condition }] });
    let document = json!({ "http": {
        "auth": { "bearer": {
            "realm": "https://registry.test/token",
            "service": "registry",
            "cert": keys.to_string(),
            "oidc": [{ "issuer": "https://a.test", "audiences": ["registry"], "jwks": keys, "claimMapping": { "username": "claims.sub" } }],
        } },
        "accessControl": { "repositories": {
            "open/**": { "anonymousPolicy": ["read"] },
            "team/**": { "policies": [entry] },
        } },
    } });
    let (role, mut diagnostics) = config::decode_value(document);
    let Role::Filter(document) = role else {
        panic!("{diagnostics:?}")
    };
    let compiled = compile(&document, &mut diagnostics);
    compiled.unwrap_or_else(|| panic!("{diagnostics:?}")).engine
}

fn bearer(claims: &Value) -> String {
    let [header, claims] =
        [&json!({ "alg": "EdDSA" }), claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    format!(
        "Bearer {header}.{claims}.{}",
        URL_SAFE_NO_PAD.encode([0; 64])
    )
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Allow(_) => "allow",
        Verdict::Reply(_) => "reply",
        Verdict::Deny(_) => "deny",
        Verdict::Need(Need::Time) => "time",
        Verdict::Need(_) => "another fact",
    }
}

/// Decides at the exact time first, if the caller was here before, then at a recent one.
fn recent(engine: &Engine, authorization: &str, was_here: bool, target: &str) -> &'static str {
    let keys = KeyRing::of(engine.sources());
    let mut cache = IdentityCache::default();
    let head = RequestHead {
        method: b"GET",
        path: target.as_bytes(),
        authorization: (!authorization.is_empty())
            .then_some(authorization.as_bytes())
            .into_iter()
            .collect(),
        ..RequestHead::default()
    };
    let mut decide = |now| {
        let facts = Facts {
            keys: &keys,
            gathered: &Gathered::default(),
            now,
        };
        engine.decide(&head, &facts, &mut cache, &EverySignature)
    };
    let now = UnixTime::from_secs(NOW);
    if was_here {
        let verdict = decide(Now::Exact(now));
        assert!(!matches!(verdict, Verdict::Need(_)), "{verdict:?}");
    }
    word(&decide(Now::Recent(now)))
}

/// A recent time decides where it makes no difference, and nowhere else.
#[test]
fn by_a_recent_time_only_what_lasts_is_decided() {
    let issued = |end: i64| {
        let claims = json!({ "iss": "https://a.test", "sub": "ci", "aud": "registry", "iat": 1, "exp": NOW + end });
        bearer(&claims)
    };
    let served = |entry: Value| {
        let mut access = json!({ "type": "repository", "name": "team/app", "actions": ["pull"] });
        let members = access.as_object_mut().unwrap();
        members.extend(entry.as_object().unwrap().clone());
        bearer(&json!({ "sub": "ci", "iat": 1, "exp": NOW + 3600, "access": [access] }))
    };
    let (none, hour) = (String::new(), issued(3600));
    let (whole, ending) = (served(json!({})), served(json!({ "exp": NOW + 3600 })));
    let (plain, timed) = (
        engine("req.userAgent == ''"),
        engine("req.time > timestamp('2020-01-01T00:00:00Z')"),
    );
    let (open, team, other) = (
        "/v2/open/app/tags/list",
        "/v2/team/app/tags/list",
        "/v2/other/app/tags/list",
    );
    let token = "/token?service=registry";
    // (the policy, the credential, whether its caller was here before, the target, the verdict)
    let rows = [
        (&plain, &none, false, open, "allow"),
        (&plain, &none, false, team, "deny"),
        (&plain, &none, false, "/elsewhere", "deny"),
        (&plain, &none, false, token, "time"),
        (&plain, &hour, false, team, "time"),
        (&plain, &hour, true, team, "allow"),
        (&plain, &hour, true, other, "deny"),
        (&plain, &hour, true, token, "time"),
        (&plain, &issued(6), true, team, "allow"),
        (&plain, &issued(5), true, team, "time"),
        (&plain, &issued(1), true, team, "time"),
        (&plain, &whole, false, team, "time"),
        (&plain, &whole, true, team, "allow"),
        (&plain, &ending, true, team, "time"),
        (&timed, &none, false, open, "time"),
        (&timed, &hour, true, team, "time"),
    ];
    for (engine, authorization, was_here, target, expected) in rows {
        assert_eq!(
            recent(engine, authorization, was_here, target),
            expected,
            "{target}, was here: {was_here}, {authorization}"
        );
    }
}
