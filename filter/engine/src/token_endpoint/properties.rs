//! Whatever a minted token may do, the credential that it was given for may do at that moment: on
//! any request, at any time, on any connection, and with a policy that was changed since.

mod generate;
mod refused;

use std::cell::RefCell;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use crate::authn::cache::IdentityCache;
use crate::authn::test_certificate as make;
use crate::authn::verify::{SignatureVerifier, Verification as Verified};
use crate::catalog::UpstreamPage;
use crate::compile::compile;
use crate::config::{self, Role};
use crate::decision::Verdict;
use crate::engine::Engine;
use crate::facts::{Facts, Gathered, Need, TagAnswer};
use crate::keys::algorithm::Algorithm;
use crate::keys::source::{KeyRing, Keys, SourceId, SourceKind};
use crate::keys::{Kind, PublicKey, SigningKey};
use crate::request::{Connection, RequestHead};
use crate::time::UnixTime;

use generate::*;

const NOW: i64 = 1_790_000_000;
const CASES: u32 = 1500;
/// Seconds from minting.
const LATER: &[i64] = &[0, 1, 20, 49, 51, 59, 61, 100, 299, 301, 309, 311, 4000];
const ENDS: &[i64] = &[5, 60, 100, 300, 7200];
const USERS: &[&str] = &["ann", "bob", ""];
const GROUPS: &[&str] = &["devs", "ops"];
const ACTIONS: &[&str] = &["read", "create", "update", "delete"];
const CONDITIONS: &[&str] = &[
    "!(has(req.claims.untrusted) && req.tag == 'latest')",
    "!has(req.claims.untrusted)",
    "req.claims.team == 'x'",
    "req.?claims.?env.orValue('dev') != 'prod'",
    "req.?claims.?env.?name.orValue('dev') != 'prod'",
    "!('untrusted' in req.claims)",
    "!req.claims.exists(name, name == 'env')",
    "req.claims[req.tag == 'latest' ? 'team' : 'env'] == 'x'",
    "!has(req.claims.cnf)",
    "req.claims.exp > 1790000100.0",
    "req.tag != 'latest'",
    "req.time < timestamp('2026-09-21T14:14:30Z')",
    "req.tls.enabled",
    "req.user.groups.exists(group, group == 'devs')",
    "!req.user.groups.exists(group, group == 'ops')",
];
const REQUESTS: &[(&str, &str)] = &[
    ("GET", "/v2/"),
    ("GET", "/v2/_catalog"),
    ("GET", "/v2/_zot/ext/search"),
    ("GET", "/v2/team/app/tags/list"),
    ("GET", "/v2/public/a/manifests/latest"),
    ("GET", "/v2/other/manifests/v1"),
    ("POST", "/v2/team/app/blobs/uploads/"),
    ("POST", "/v2/team/app/blobs/uploads/?mount=@&from=public/a"),
    ("POST", "/v2/public/a/blobs/uploads/?mount=@"),
    ("PUT", "/v2/team/app/manifests/latest"),
    ("PUT", "/v2/team/app/manifests/v1"),
    ("PUT", "/v2/team/app/manifests/@?tag=latest"),
    ("DELETE", "/v2/team/app/manifests/latest"),
    ("DELETE", "/v2/public/a/manifests/v1"),
];
const SCOPES: &[&str] = &[
    "repository:team/app:*",
    "repository:public/a:*",
    "repository:other:pull",
    "registry:catalog:*",
];
const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A credential.
#[derive(Clone, Debug)]
enum Credential {
    None,
    /// A client certificate, by the number of its holder.
    Certificate(usize),
    /// A token of an issuer, or of the token server.
    Token(Value),
}

#[derive(Clone, Debug)]
struct Case {
    policies: [Option<Value>; 2],
    binds: bool,
    credential: Credential,
    /// What the client shows when it asks for the token, and then.
    certificates: [Option<usize>; 2],
    scopes: Vec<&'static str>,
    later: i64,
    tag_exists: bool,
}

struct World {
    engine: Engine,
    keys: KeyRing,
}

struct EverySignature;

impl SignatureVerifier for EverySignature {
    fn verify(&self, _: Algorithm, _: &PublicKey, _: &[u8], _: &[u8]) -> Verified {
        Verified::Valid
    }
}

/// The certificates of `ann` and `bob`.
fn certificate(holder: usize) -> String {
    let subject = make::attribute(
        &[0x55, 0x04, 0x03],
        &make::tlv(0x0c, USERS[holder].as_bytes()),
    );
    make::pem(&make::certificate(&subject, &[]))
}

/// A token with a signature that is taken for good.
fn token(claims: &Value) -> String {
    let header = json!({ "alg": "EdDSA", "typ": "JWT" });
    let [header, claims] = [&header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([0; 64]))
}

fn thumbprint(holder: usize) -> String {
    crate::authn::mtls::thumbprint(&Connection {
        certificate: certificate(holder).as_bytes(),
        ..Connection::default()
    })
    .unwrap()
}

fn signing_key() -> Value {
    json!({ "keys": [SigningKey::new(Kind::Ed25519, &[7; 32], None).unwrap().to_jwk(true).unwrap()] })
}

impl World {
    fn new(policy: Option<&Value>, binds: bool) -> Self {
        let (_, public) = SigningKey::from_jwks_value(&signing_key()).unwrap();
        let mut http = json!({ "auth": {
            "mtls": { "bindTokens": binds },
            "bearer": {
                "realm": "https://registry.test/token",
                "service": "registry.test",
                "cert": public.to_jwks().to_string(),
                "oidc": [{
                    "issuer": "https://issuer.test",
                    "audiences": ["a"],
                    "jwks": public.to_jwks(),
                    "clockSkew": "3s",
                    "claimMapping": { "username": "claims.sub", "groups": "claims.groups" },
                }],
                "mint": {
                    "issuer": "mint",
                    "algorithm": "EdDSA",
                    "awsSecretsManager": { "region": "r", "secretName": "s" },
                },
            },
        } });
        if let Some(policy) = policy {
            http["accessControl"] = policy.clone();
        }
        let proxy =
            json!({ "upstreamCluster": "u", "extensions": true, "pushKey": { "env": "K" } });
        let (role, mut diagnostics) = config::decode_value(json!({ "http": http, "proxy": proxy }));
        let Role::Filter(document) = role else {
            panic!("an intake")
        };
        let compiled = compile(&document, &mut diagnostics);
        let engine = compiled
            .unwrap_or_else(|| panic!("{:?}", diagnostics.errors))
            .engine;
        let mut keys = KeyRing::of(engine.sources());
        let signing = |kind: &SourceKind| matches!(kind, SourceKind::Signing(_));
        let mint = engine
            .sources()
            .iter()
            .position(|source| signing(&source.kind))
            .unwrap();
        let (key, set) = SigningKey::from_jwks_value(&signing_key()).unwrap();
        keys.set(
            SourceId::from_index(mint),
            Some(Keys {
                set: set.into(),
                algorithms: None,
                version: 1,
                ended: None,
            }),
        );
        keys.set_signing(key);
        Self { engine, keys }
    }

    fn decide(
        &self,
        request: (&str, &str),
        authorization: Option<&str>,
        shown: Option<usize>,
        now: i64,
        tag_exists: bool,
    ) -> Verdict {
        let certificate = shown.map(certificate).unwrap_or_default();
        let target = request.1.replace('@', DIGEST);
        let head = RequestHead {
            method: request.0.as_bytes(),
            path: target.as_bytes(),
            authorization: authorization.iter().map(|value| value.as_bytes()).collect(),
            connection: Connection {
                tls_version: if tag_exists { b"TLSv1.3" } else { b"" },
                mtls: shown.is_some(),
                certificate: certificate.as_bytes(),
                ..Connection::default()
            },
            ..RequestHead::default()
        };
        let mut gathered = Gathered::default();
        loop {
            let facts = Facts {
                keys: &self.keys,
                gathered: &gathered,
                now: UnixTime::from_secs(now).into(),
            };
            match self.engine.decide(
                &head,
                &facts,
                &mut IdentityCache::default(),
                &EverySignature,
            ) {
                Verdict::Need(Need::Tag(name)) => {
                    gathered.tags.push((
                        name,
                        if tag_exists {
                            TagAnswer::Exists
                        } else {
                            TagAnswer::Missing
                        },
                    ));
                }
                Verdict::Need(Need::Catalog(listing)) => {
                    let body = json!({ "repositories": ["other", "public/a", "team/app"] })
                        .to_string()
                        .into_bytes();
                    gathered.catalog = Some((
                        listing,
                        UpstreamPage {
                            status: 200,
                            link: None,
                            body,
                        },
                    ));
                }
                verdict => return verdict,
            }
        }
    }

    fn mint(
        &self,
        scopes: &str,
        authorization: Option<&str>,
        shown: Option<usize>,
    ) -> Option<String> {
        let target = format!("/token?scope={scopes}");
        let Verdict::Reply(answer) =
            self.decide(("GET", &target), authorization, shown, NOW, false)
        else {
            return None;
        };
        let body: Value = serde_json::from_slice(&answer.reply.body).unwrap();
        Some(format!("Bearer {}", body["token"].as_str().unwrap()))
    }
}

/// Returns true if one verdict grants at most what another does.
fn is_within(one: &Verdict, other: &Verdict) -> bool {
    match (one, other) {
        // The whole catalog holds every list of it.
        (Verdict::Deny(_), _) | (Verdict::Reply(_), Verdict::Allow(_)) => true,
        (Verdict::Allow(one), Verdict::Allow(other)) => {
            one.target().is_some() || other.target().is_none()
        }
        (Verdict::Reply(one), Verdict::Reply(other)) => {
            let listed = |body: &[u8]| {
                serde_json::from_slice::<BTreeMap<String, Vec<String>>>(body).unwrap()
            };
            let (one, other) = (listed(&one.reply.body), listed(&other.reply.body));
            one["repositories"]
                .iter()
                .all(|name| other["repositories"].contains(name))
        }
        _ => false,
    }
}

type Counts = BTreeMap<&'static str, u32>;

fn check(case: &Case, counts: &mut Counts) -> Result<(), TestCaseError> {
    let [before, then] = [0, 1].map(|index| World::new(case.policies[index].as_ref(), case.binds));
    let (token, shown) = match &case.credential {
        Credential::None => (None, None),
        Credential::Certificate(holder) => (None, Some(*holder)),
        Credential::Token(claims) => (Some(token(claims)), case.certificates[0]),
    };
    let authorization = token.as_ref().map(|token| format!("Bearer {token}"));
    let Some(minted) = before.mint(&case.scopes.join("+"), authorization.as_deref(), shown) else {
        *counts.entry("no token").or_default() += 1;
        return Ok(());
    };
    let now = NOW + case.later;
    for request in REQUESTS {
        let by_token = then.decide(
            *request,
            Some(&minted),
            case.certificates[1],
            now,
            case.tag_exists,
        );
        // Nothing is the credential, where the client shows a certificate as well; so is a
        // certificate where tokens are not bound.
        let shown = match case.credential {
            Credential::None => None,
            Credential::Certificate(holder) if !case.binds => Some(holder),
            _ => case.certificates[1],
        };
        let by_credential = then.decide(
            *request,
            authorization.as_deref(),
            shown,
            now,
            case.tag_exists,
        );
        // Clients ask with the token of an anonymous caller whether it is good.
        let is_ping = request.1 == "/v2/" && matches!(case.credential, Credential::None);
        let reported =
            || format!("{request:?}: by token {by_token:?}, by credential {by_credential:?}");
        prop_assert!(
            is_ping || is_within(&by_token, &by_credential),
            "{}",
            reported()
        );
        let kind = match (&by_token, &by_credential) {
            (Verdict::Deny(_), Verdict::Deny(_)) => "neither",
            (Verdict::Deny(_), _) => "the credential alone",
            _ => "both",
        };
        *counts.entry(kind).or_default() += 1;
    }
    Ok(())
}

#[test]
fn whatever_a_minted_token_may_do_its_credential_may_do() {
    let counts = RefCell::new(Counts::new());
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    runner
        .run(&case(), |case| check(&case, &mut counts.borrow_mut()))
        .unwrap_or_else(|error| panic!("{error}"));
    let counts = counts.into_inner();
    assert!(
        counts["both"] > CASES && counts["the credential alone"] > CASES / 4,
        "the mixture is lost: {counts:?}"
    );
}
