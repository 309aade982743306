use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::authn::cache::IdentityCache;
use crate::authn::verify::{SignatureVerifier, Verification};
use crate::compile;
use crate::config::{self, Role};
use crate::decision::Verdict;
use crate::facts::{Facts, Gathered};
use crate::keys::algorithm::Algorithm;
use crate::keys::source::KeyRing;
use crate::keys::{Kind, PublicKey, SigningKey};
use crate::request::RequestHead;
use crate::time::UnixTime;

struct EverySignature;

impl SignatureVerifier for EverySignature {
    fn verify(&self, _: Algorithm, _: &PublicKey, _: &[u8], _: &[u8]) -> Verification {
        Verification::Valid
    }
}

/// A token of `https://b.test` whose key its entry has, and of which an entry that takes any
/// issuer knows nothing.
#[test]
fn an_entry_for_any_issuer_does_not_stop_the_token_of_another_entry() {
    let key = SigningKey::new(Kind::Ed25519, &[7; 32], None)
        .unwrap()
        .to_jwk(false)
        .unwrap();
    let any = json!({
        "issuer": "https://a.test",
        "audiences": ["registry"],
        "cluster": "a",
        "skipIssuerVerification": true,
        "claimMapping": { "username": "'a:' + claims.sub" },
    });
    let named = json!({
        "issuer": "https://b.test",
        "audiences": ["registry"],
        "jwks": { "keys": [key] },
        "claimMapping": { "username": "'b:' + claims.sub" },
    });
    let claims = json!({ "iss": "https://b.test", "sub": "ci", "aud": "registry", "iat": 1, "exp": 2_000_000_000 });
    let [header, claims] =
        [json!({ "alg": "EdDSA" }), claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let authorization = format!(
        "Bearer {header}.{claims}.{}",
        URL_SAFE_NO_PAD.encode([0; 64])
    );
    for oidc in [json!([any, named]), json!([named, any])] {
        let (role, mut diagnostics) =
            config::decode_value(json!({ "http": { "auth": { "bearer": { "oidc": oidc } } } }));
        let Role::Filter(document) = role else {
            panic!("{diagnostics:?}")
        };
        let engine = compile(&document, &mut diagnostics).unwrap().engine;
        let keys = KeyRing::of(engine.sources());
        let facts = Facts {
            keys: &keys,
            gathered: &Gathered::default(),
            now: UnixTime::from_secs(1_800_000_000).into(),
        };
        let head = RequestHead {
            method: b"GET",
            path: b"/v2/team/app/tags/list",
            authorization: vec![authorization.as_bytes()],
            ..RequestHead::default()
        };
        let verdict = engine.decide(
            &head,
            &facts,
            &mut IdentityCache::default(),
            &EverySignature,
        );
        let Verdict::Allow(grant) = verdict else {
            panic!("{verdict:?}")
        };
        assert_eq!(grant.identity().username(), "b:ci");
    }
}

/// What the log says of a refusal: enough to mend the configuration or the token, and nothing of
/// the token but times.
#[test]
fn a_refusal_has_its_cause() {
    let key = SigningKey::new(Kind::Ed25519, &[7; 32], None)
        .unwrap()
        .to_jwk(false)
        .unwrap();
    let document = json!({ "http": {
        "auth": { "bearer": { "oidc": [{
            "issuer": "https://a.test",
            "audiences": ["registry", "other"],
            "jwks": { "keys": [key] },
            "claimMapping": {
                "variables": [{ "name": "repo", "expression": "claims.repository" }],
                "validations": [{ "expression": "claims.owner == '1'", "message": "not ours" }],
                "username": "vars.repo",
            },
        }] } },
        "accessControl": { "repositories": { "team/**": { "policies": [{
            "users": ["app"], "actions": ["read"],
            "conditions": [{ "expression": "req.userAgent == 'x'", "message": "another client" }],
        }] } } },
    } });
    let (role, mut diagnostics) = config::decode_value(document);
    let Role::Filter(document) = role else {
        panic!("{diagnostics:?}")
    };
    let engine = compile(&document, &mut diagnostics).unwrap().engine;
    let rows = [
        (
            json!({ "aud": "x" }),
            "team/a",
            "`aud` has to be `registry` or `other`",
        ),
        (
            json!({ "exp": 1 }),
            "team/a",
            "it ended at 1970-01-01T00:00:01",
        ),
        (json!({ "sub": null }), "team/a", "the claim `sub`"),
        (
            json!({ "owner": "2" }),
            "team/a",
            "validations[0] `claims.owner == '1'` is false",
        ),
        (
            json!({ "repository": null }),
            "team/a",
            "`claims.repository` cannot be evaluated: no such key, the token has no `claims.repository`",
        ),
        (
            json!({}),
            "team/a",
            "conditions[0] `req.userAgent == 'x'` is false",
        ),
        (
            json!({ "repository": "b" }),
            "team/a",
            "no rule of \"team/**\" grants `read`",
        ),
        (json!({}), "other/a", "no pattern matches the repository"),
    ];
    for (changes, repository, expected) in rows {
        let mut claims = json!({
            "iss": "https://a.test", "sub": "s3cret", "aud": "registry", "iat": 1, "exp": 2_000_000_000,
            "repository": "app", "owner": "1",
        });
        for (name, value) in changes.as_object().unwrap() {
            let members = claims.as_object_mut().unwrap();
            if value.is_null() {
                members.remove(name);
            } else {
                members.insert(name.clone(), value.clone());
            }
        }
        let [header, claims] = [json!({ "alg": "EdDSA" }), claims]
            .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signature = URL_SAFE_NO_PAD.encode([0; 64]);
        let authorization = format!("Bearer {header}.{claims}.{signature}");
        let path = format!("/v2/{repository}/tags/list");
        let keys = KeyRing::of(engine.sources());
        let facts = Facts {
            keys: &keys,
            gathered: &Gathered::default(),
            now: UnixTime::from_secs(1_800_000_000).into(),
        };
        let head = RequestHead {
            method: b"GET",
            path: path.as_bytes(),
            authorization: vec![authorization.as_bytes()],
            ..RequestHead::default()
        };
        let mut cache = IdentityCache::default();
        let Verdict::Deny(denied) = engine.decide(&head, &facts, &mut cache, &EverySignature)
        else {
            panic!("{changes}: it is not refused")
        };
        let cause = denied.cause.unwrap_or_default();
        assert!(cause.contains(expected), "{changes}: {cause}");
        assert!(!cause.contains("s3cret"), "{cause}");
    }
}
