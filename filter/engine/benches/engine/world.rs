//! An engine, what it knows, and requests to it.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use registry_auth_engine::authn::cache::IdentityCache;
use registry_auth_engine::authn::verify::PureRust;
use registry_auth_engine::compile::{self, Compiled};
use registry_auth_engine::config::{self, Role};
use registry_auth_engine::decision::Verdict;
use registry_auth_engine::facts::{Facts, Gathered};
use registry_auth_engine::keys::source::KeyRing;
use registry_auth_engine::request::RequestHead;
use registry_auth_engine::time::UnixTime;
use serde_json::{Map, Value, json};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
const AUDIENCE: &str = "registry.example.com";
/// RFC 8032 section 7.1, test 1.
const SEED: [u8; 32] = [
    0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
    0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
];

/// What is special about a policy.
#[derive(Clone, Copy)]
pub(crate) struct Policy {
    /// How many repository patterns it has.
    pub(crate) patterns: usize,
    /// The deciding rule has a condition on `req`.
    pub(crate) condition: bool,
    /// Everybody may read.
    pub(crate) anonymous: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            patterns: 1,
            condition: false,
            anonymous: false,
        }
    }
}

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// One whose token was verified before.
    Known,
    /// One whose token is verified now.
    New,
    /// One without a token.
    Nobody,
}

/// An engine with its keys and its cache.
pub(crate) struct World {
    compiled: Compiled,
    keys: KeyRing,
    identities: IdentityCache,
    gathered: Gathered,
    token: String,
    authorization: String,
}

impl World {
    /// A world in which the caller may read.
    pub(crate) fn new(policy: Policy) -> Self {
        let compiled = compile(&configuration(policy));
        let keys = KeyRing::of(compiled.engine.sources());
        let token = token();
        let authorization = format!("Bearer {token}");
        Self {
            compiled,
            keys,
            identities: IdentityCache::default(),
            gathered: Gathered::default(),
            token,
            authorization,
        }
    }

    /// The caller's token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Whether `GET` of a manifest is granted.
    pub(crate) fn decide(&mut self, caller: Caller) -> bool {
        if caller == Caller::New {
            self.identities.clear();
        }
        let authorization = if caller == Caller::Nobody {
            Vec::new()
        } else {
            vec![self.authorization.as_bytes()]
        };
        let head = RequestHead {
            method: b"GET",
            path: b"/v2/team/app/manifests/v1",
            authorization,
            user_agent: b"containerd/2.1.4",
            ..RequestHead::default()
        };
        let facts = Facts {
            keys: &self.keys,
            gathered: &self.gathered,
            now: NOW.into(),
        };
        matches!(
            self.compiled
                .engine
                .decide(&head, &facts, &mut self.identities, &PureRust),
            Verdict::Allow(_)
        )
    }
}

/// Compiles a configuration, from its text.
#[expect(
    clippy::expect_used,
    reason = "what cannot be set up cannot be measured"
)]
pub(crate) fn compile(text: &str) -> Compiled {
    let (role, mut diagnostics) = config::decode(text.as_bytes());
    let compiled = match &role {
        Role::Filter(document) => compile::compile(document, &mut diagnostics),
        Role::Intake(_) | Role::Unreadable => None,
    };
    assert!(
        diagnostics.errors.is_empty(),
        "the configuration is refused: {:?}",
        diagnostics.errors
    );
    compiled.expect("the configuration of a filter")
}

/// The text of a configuration.
pub(crate) fn configuration(policy: Policy) -> String {
    let mut rule = json!({"groups": ["ns:team"], "actions": ["read"]});
    if let (Value::Object(rule), true) = (&mut rule, policy.condition) {
        let condition = json!({"expression": "req.referenceType == 'tag' && req.tag != 'latest'"});
        rule.insert("conditions".to_owned(), json!([condition]));
    }
    let mut repositories = Map::new();
    let anonymous: &[&str] = if policy.anonymous { &["read"] } else { &[] };
    repositories.insert(
        "team/**".to_owned(),
        json!({"policies": [rule], "anonymousPolicy": anonymous}),
    );
    for number in 1..policy.patterns {
        let rule = json!({"groups": [format!("ns:org-{number}")], "actions": ["read"]});
        repositories.insert(format!("org-{number}/**"), json!({"policies": [rule]}));
    }
    let public = URL_SAFE_NO_PAD.encode(key().public_key());
    json!({
        "http": {
            "auth": {"bearer": {"realm": "registry", "service": AUDIENCE, "oidc": [{
                "issuer": ISSUER,
                "audiences": [AUDIENCE],
                "jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "one", "x": public}]},
                "claimMapping": {
                    "username": "claims.sub",
                    "groups": "['ns:' + claims['kubernetes.io'].namespace]",
                },
            }]}},
            "accessControl": {"repositories": repositories},
        },
    })
    .to_string()
}

fn token() -> String {
    let header = json!({"alg": "EdDSA", "kid": "one", "typ": "JWT"});
    let claims = json!({
        "iss": ISSUER,
        "sub": "system:serviceaccount:team:builder",
        "aud": [AUDIENCE],
        "iat": NOW.secs() - 60,
        "exp": NOW.secs() + 3600,
        "jti": "6f1c2f0e-0d5c-4c55-9a53-000000000000",
        "kubernetes.io": {
            "namespace": "team",
            "serviceaccount": {"name": "builder", "uid": "9d1b42c1-6a63-4ad1-9a3e-0f6f6a0f8f5a"},
        },
    });
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let input = format!("{}.{}", encode(&header), encode(&claims));
    let signature = URL_SAFE_NO_PAD.encode(key().sign(input.as_bytes()));
    format!("{input}.{signature}")
}

#[expect(
    clippy::expect_used,
    reason = "what cannot be set up cannot be measured"
)]
fn key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&SEED).expect("a key of the right length")
}
