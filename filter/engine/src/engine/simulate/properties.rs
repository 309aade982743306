//! What is simulated is what is decided: random policies, claims and requests, once with a token and
//! once with its claims.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::authn::verify::{SignatureVerifier, Verification};
use crate::config::{self, Role};
use crate::decision::Verdict;
use crate::keys::algorithm::Algorithm;
use crate::keys::{Kind, PublicKey, SigningKey};
use crate::{Diagnostics, compile};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const ISSUER: &str = "https://issuer.example.com";
/// Policies, and requests of each.
const POLICIES: usize = 250;
const REQUESTS: usize = 8;

struct EverySignature;

impl SignatureVerifier for EverySignature {
    fn verify(&self, _: Algorithm, _: &PublicKey, _: &[u8], _: &[u8]) -> Verification {
        Verification::Valid
    }
}

/// Numbers that are the same each time (Knuth's MMIX).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn one<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    fn some(&mut self, all: &[&str]) -> Vec<String> {
        let all = all.iter().filter(|_| self.below(2) == 0);
        all.map(|text| (*text).to_owned()).collect()
    }
}

fn policy(random: &mut Random) -> Value {
    const ACTIONS: [&str; 4] = ["read", "create", "update", "delete"];
    const CONDITIONS: [&str; 6] = [
        "req.tag != 'latest'",
        "req.claims.ref == 'main'",
        "req.action == 'read'",
        "req.repository.startsWith('t/')",
        "req.digest == ''",
        "req.claims.missing == 1",
    ];
    let mut repositories = Map::new();
    for pattern in random.some(&["**", "t/**", "t/a", "t/${username}/**", "open/**"]) {
        let conditions: Vec<_> = random.some(&CONDITIONS).into_iter().take(2).collect();
        let conditions = conditions
            .iter()
            .map(|expression| json!({ "expression": expression, "message": format!("not {expression}") }));
        let entry = json!({
            "users": random.some(&["u/a", "u/b"]), "groups": random.some(&["g/main", "g/x"]),
            "actions": random.some(&ACTIONS), "conditions": conditions.collect::<Vec<_>>(),
        });
        let default = if random.below(3) == 0 {
            random.some(&ACTIONS)
        } else {
            Vec::new()
        };
        let anonymous = if random.below(4) == 0 {
            random.some(&ACTIONS)
        } else {
            Vec::new()
        };
        let group =
            json!({ "policies": [entry], "defaultPolicy": default, "anonymousPolicy": anonymous });
        repositories.insert(pattern, group);
    }
    json!({ "repositories": repositories })
}

fn engine(random: &mut Random) -> Engine {
    let key = SigningKey::new(Kind::Ed25519, &[7; 32], None)
        .unwrap()
        .to_jwk(false)
        .unwrap();
    let document = json!({
        "http": {
            "auth": { "bearer": { "realm": "r", "service": "s", "oidc": [{
                "issuer": ISSUER,
                "audiences": ["registry"],
                "jwks": { "keys": [key] },
                "claimMapping": {
                    "variables": [{ "name": "who", "expression": "claims.who" }],
                    "validations": [{ "expression": "claims.owner == '1'", "message": "not ours" }],
                    "username": "'u/' + vars.who",
                    "groups": "['g/' + claims.ref]",
                },
            }] } },
            "accessControl": policy(random),
        },
    });
    let (role, mut diagnostics): (_, Diagnostics) = config::decode_value(document);
    let Role::Filter(document) = role else {
        panic!("{diagnostics:?}")
    };
    compile(&document, &mut diagnostics)
        .unwrap_or_else(|| panic!("{diagnostics:?}"))
        .engine
}

fn claims(random: &mut Random) -> Map<String, Value> {
    let mut claims = Map::new();
    let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    set(
        "iss",
        random
            .one(&[ISSUER, ISSUER, ISSUER, "https://other.example.com"])
            .into(),
    );
    set("sub", "s".into());
    set(
        "aud",
        random
            .one(&["registry", "registry", "registry", "x"])
            .into(),
    );
    set("iat", 1_799_999_000.into());
    set(
        "exp",
        if random.below(8) == 0 {
            1_799_999_999
        } else {
            1_800_000_500
        }
        .into(),
    );
    set("owner", random.one(&["1", "1", "1", "2"]).into());
    set("ref", random.one(&["main", "x"]).into());
    if random.below(8) > 0 {
        set("who", random.one(&["a", "b", "c"]).into());
    }
    claims
}

fn request(random: &mut Random) -> (&'static str, String) {
    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let repository = random.one(&["t/a", "t/b/c", "t/u", "open/x", "other", "T/bad"]);
    let tag = random.one(&["v1", "latest"]);
    match random.below(9) {
        0 => ("GET", format!("/v2/{repository}/manifests/{tag}")),
        1 => ("PUT", format!("/v2/{repository}/manifests/{tag}")),
        2 => ("PUT", format!("/v2/{repository}/manifests/{DIGEST}")),
        3 => ("DELETE", format!("/v2/{repository}/manifests/{DIGEST}")),
        4 => ("POST", format!("/v2/{repository}/blobs/uploads/")),
        5 => ("GET", format!("/v2/{repository}/tags/list")),
        6 => (
            "POST",
            format!("/v2/{repository}/blobs/uploads/?mount={DIGEST}&from=t/a"),
        ),
        7 => ("GET", "/v2/".to_owned()),
        _ => ("PATCH", format!("/v2/{repository}/manifests/{tag}")),
    }
}

/// What the engine decides about a real token, in the words of [`Simulated`].
fn decided(engine: &Engine, claims: &Map<String, Value>, method: &str, path: &str) -> Simulated {
    let [header, payload] = [json!({ "alg": "EdDSA" }), Value::Object(claims.clone())]
        .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signature = URL_SAFE_NO_PAD.encode([0; 64]);
    let authorization = format!("Bearer {header}.{payload}.{signature}");
    let keys = KeyRing::of(engine.sources());
    let facts = Facts {
        keys: &keys,
        gathered: &Gathered::default(),
        now: NOW,
    };
    let head = RequestHead {
        method: method.as_bytes(),
        path: path.as_bytes(),
        authorization: vec![authorization.as_bytes()],
        ..RequestHead::default()
    };
    match engine.decide(
        &head,
        &facts,
        &mut IdentityCache::default(),
        &EverySignature,
    ) {
        Verdict::Allow(grant) => Simulated::Allowed(grant.rule().to_string()),
        Verdict::Reply(reply) => Simulated::Answered(reply.label),
        Verdict::Deny(denied) => {
            Simulated::Refused(denied.reason, denied.detail.as_deref().map(str::to_owned))
        }
        Verdict::Need(need) => panic!("{need:?}"),
    }
}

#[test]
fn what_is_simulated_is_what_is_decided() {
    let mut random = Random(11);
    let mut counts = [0, 0];
    for _ in 0..POLICIES {
        let engine = engine(&mut random);
        for _ in 0..REQUESTS {
            let (claims, (method, path)) = (claims(&mut random), request(&mut random));
            let head = RequestHead {
                method: method.as_bytes(),
                path: path.as_bytes(),
                ..RequestHead::default()
            };
            let principal = Principal::Claims {
                issuer: ISSUER.to_owned(),
                claims: claims.clone(),
            };
            // As the engine without a registry that can be asked.
            let situation = Situation {
                now: NOW,
                tags_exist: None,
            };
            let simulated = engine.simulate(&principal, &head, situation).outcome;
            let simulated = match simulated {
                // Said of a validation; the client gets no message of it.
                Simulated::Refused(Reason::ValidationFailed, _) => {
                    Simulated::Refused(Reason::ValidationFailed, None)
                }
                other => other,
            };
            let decided = decided(&engine, &claims, method, &path);
            assert_eq!(simulated, decided, "{claims:?} {method} {path}");
            counts[usize::from(decided.is_granted())] += 1;
        }
    }
    assert!(counts.iter().all(|count| *count > 150), "{counts:?}");
}
