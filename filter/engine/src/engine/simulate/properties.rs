//! What is simulated is what is decided: random policies, claims and requests, once with a token and
//! once with its claims.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::*;
use crate::authn::verify::{SignatureVerifier, Verification};
use crate::config::{self, Role};
use crate::decision::Verdict;
use crate::keys::algorithm::Algorithm;
use crate::keys::{Kind, PublicKey, SigningKey};
use crate::{Compiled, Diagnostics, compile};

pub(in crate::engine) const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
pub(in crate::engine) const ISSUER: &str = "https://issuer.example.com";
/// Policies, and requests of each.
const POLICIES: usize = 250;
const REQUESTS: usize = 8;

pub(in crate::engine) struct EverySignature;

impl SignatureVerifier for EverySignature {
    fn verify(&self, _: Algorithm, _: &PublicKey, _: &[u8], _: &[u8]) -> Verification {
        Verification::Valid
    }
}

/// Numbers that are the same each time (Knuth's MMIX).
pub(in crate::engine) struct Random(pub(in crate::engine) u64);

impl Random {
    pub(in crate::engine) fn below(&mut self, limit: usize) -> usize {
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

pub(in crate::engine) fn policy(random: &mut Random) -> Value {
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
    compiled(document(&policy(random))).engine
}

pub(in crate::engine) fn mapping() -> Value {
    json!({
        "variables": [{ "name": "who", "expression": "claims.who" }],
        "validations": [{ "expression": "claims.owner == '1'", "message": "not ours" }],
        "username": "'u/' + vars.who",
        "groups": "['g/' + claims.ref]",
    })
}

/// A document with this access control.
pub(in crate::engine) fn document(access_control: &Value) -> Value {
    let key = SigningKey::new(Kind::Ed25519, &[7; 32], None)
        .unwrap()
        .to_jwk(false)
        .unwrap();
    json!({
        "http": {
            "auth": { "bearer": { "realm": "r", "service": "s", "oidc": [{
                "issuer": ISSUER,
                "audiences": ["registry"],
                "jwks": { "keys": [key] },
                "claimMapping": mapping(),
            }] } },
            "accessControl": access_control,
        },
    })
}

pub(in crate::engine) fn compiled(document: Value) -> Compiled {
    let (role, mut diagnostics): (_, Diagnostics) = config::decode_value(document);
    let Role::Filter(document) = role else {
        panic!("{diagnostics:?}")
    };
    compile(&document, &mut diagnostics).unwrap_or_else(|| panic!("{diagnostics:?}"))
}

pub(in crate::engine) fn claims(random: &mut Random) -> Map<String, Value> {
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

pub(in crate::engine) fn request(random: &mut Random) -> (&'static str, String) {
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

/// `Authorization` with a token of these claims.
pub(in crate::engine) fn bearer(claims: &Map<String, Value>) -> String {
    let [header, payload] = [json!({ "alg": "EdDSA" }), Value::Object(claims.clone())]
        .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signature = URL_SAFE_NO_PAD.encode([0; 64]);
    format!("Bearer {header}.{payload}.{signature}")
}

/// What the engine decides about a real token, in the words of [`Simulated`].
fn decided(engine: &Engine, claims: &Map<String, Value>, method: &str, path: &str) -> Simulated {
    let authorization = bearer(claims);
    let keys = KeyRing::of(engine.sources());
    let facts = Facts {
        keys: &keys,
        gathered: &Gathered::default(),
        now: NOW.into(),
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
            let decided = decided(&engine, &claims, method, &path);
            // What a client learns of its own token is not simulated, but for validations.
            let told = match (&simulated, decided.clone()) {
                (Simulated::Refused(_, None), Simulated::Refused(reason, _)) => {
                    Simulated::Refused(reason, None)
                }
                (_, decided) => decided,
            };
            assert_eq!(simulated, told, "{claims:?} {method} {path}");
            counts[usize::from(decided.is_granted())] += 1;
        }
    }
    assert!(counts.iter().all(|count| *count > 150), "{counts:?}");
}
