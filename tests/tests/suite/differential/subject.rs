//! The engine, with tokens whose signatures are taken for good.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use registry_auth::authn::algorithm::Algorithm;
use registry_auth::authn::cache::IdentityCache;
use registry_auth::authn::keys::PublicKey;
use registry_auth::authn::source::HeldKeys;
use registry_auth::authn::verify::{Answer, SignatureVerifier};
use registry_auth::catalog::UpstreamPage;
use registry_auth::config::{self, Compiled, Role};
use registry_auth::decision::{Denial, Need, Reason, Verdict};
use registry_auth::facts::{Facts, Gathered, TagAnswer};
use registry_auth::request::{Connection, RequestHead};
use registry_auth::time::UnixTime;
use registry_auth_tests::key::{self, Key};
use registry_auth_tests::reference::{Ask, Caller, Refusal, World};
use serde_json::{Value, json};

const NOW: i64 = 1_790_000_000;
const ISSUER: &str = "http://issuer.test";

/// What came of a request.
#[derive(Clone, Debug)]
pub(super) enum Became {
    Forwarded(String),
    Listed(Vec<String>),
    Refused(Refusal),
}

pub(super) struct Subject {
    compiled: Compiled,
    keys: HeldKeys,
    identities: IdentityCache,
}

struct EverySignature;

impl SignatureVerifier for EverySignature {
    fn verify(&self, _: Algorithm, _: &PublicKey, _: &[u8], _: &[u8]) -> Answer {
        Answer::Valid
    }
}

impl Subject {
    pub(super) fn compile(world: &World) -> Result<Self> {
        let (role, mut diagnostics) = config::decode_value(plugin(world)?);
        let Role::Filter(document) = role else { bail!("an intake decides nothing") };
        let compiled = config::compile(&document, &mut diagnostics);
        let compiled = compiled.with_context(|| format!("the configuration is refused: {:?}", diagnostics.errors))?;
        let keys = HeldKeys::of(compiled.engine.sources());
        Ok(Self { compiled, keys, identities: IdentityCache::default() })
    }

    /// What comes of a request, and the tags that the upstream was asked for.
    pub(super) fn decide(&mut self, world: &World, caller: &Caller, ask: &Ask) -> Result<(Became, BTreeSet<String>)> {
        let (method, target) = ask.line();
        let authorization = token(caller).map(|token| format!("Bearer {token}"));
        let head = RequestHead {
            method: method.as_bytes(),
            path: target.as_bytes(),
            authorization: authorization.iter().map(String::as_bytes).collect(),
            connection: Connection { peer: b"10.0.0.5:40000", tls_version: b"" },
            ..RequestHead::default()
        };
        let mut gathered = Gathered::default();
        let mut asked = BTreeSet::new();
        loop {
            let facts = Facts { keys: &self.keys, gathered: &gathered, now: UnixTime::from_secs(NOW) };
            match self.compiled.engine.decide(&head, &facts, &mut self.identities, &EverySignature) {
                Verdict::Allow(grant) => {
                    return Ok((Became::Forwarded(grant.target().map_or(target, str::to_owned)), asked));
                }
                Verdict::Answer(answer) => {
                    let body: Value = serde_json::from_slice(&answer.reply.body)?;
                    return Ok((Became::Listed(serde_json::from_value(body["repositories"].clone())?), asked));
                }
                Verdict::Deny(denial) => return Ok((Became::Refused(refusal(&denial)?), asked)),
                Verdict::Need(Need::Tag(name)) => {
                    anyhow::ensure!(world.asks && asked.insert(name.tag.clone()), "it asks for {name:?}");
                    let answer =
                        match (name.tag.as_str(), world.tags.contains(&format!("{}:{}", name.repository, name.tag))) {
                            ("broken", _) => TagAnswer::Unknown,
                            (_, true) => TagAnswer::Exists,
                            (_, false) => TagAnswer::Missing,
                        };
                    gathered.tags.push((name, answer));
                }
                Verdict::Need(Need::Catalog(listing)) => {
                    let body = json!({"repositories": world.catalog}).to_string().into_bytes();
                    gathered.catalog = Some((listing, UpstreamPage { status: 200, link: None, body }));
                }
                Verdict::Need(other) => bail!("it needs {other:?}"),
            }
        }
    }
}

fn refusal(denial: &Denial) -> Result<Refusal> {
    Ok(match denial.reason {
        Reason::NoCredential => Refusal::NoCredential,
        Reason::InsufficientScope => Refusal::InsufficientScope,
        Reason::PolicyDenied => Refusal::Denied(denial.detail.as_deref().map(str::to_owned)),
        other => bail!("it is refused for {other:?}"),
    })
}

fn plugin(world: &World) -> Result<Value> {
    let mapping = json!({"username": "claims.sub", "groups": "claims.groups"});
    let oidc = json!([{"issuer": ISSUER, "audiences": ["a"], "jwks": key::jwks(&["eddsa"])?, "claimMapping": mapping}]);
    let bearer = json!({"cert": Key::named("eddsa")?.pkix_pem()?, "oidc": oidc, "bypassAccessControl": world.bypass});
    let mut http = json!({"auth": {"bearer": bearer}});
    if let Some(control) = &world.access_control {
        http["accessControl"] = control.clone();
    }
    let proxy = if world.asks { json!({"upstreamCluster": "upstream"}) } else { json!({}) };
    Ok(json!({"http": http, "proxy": proxy}))
}

fn token(caller: &Caller) -> Option<String> {
    let mut claims = json!({"aud": ["a"], "exp": NOW + 3600, "iat": NOW});
    match caller {
        Caller::Anonymous => return None,
        Caller::Person { user, groups, team } => {
            claims["iss"] = json!(ISSUER);
            claims["sub"] = json!(user);
            claims["groups"] = json!(groups);
            if let Some(team) = team {
                claims["team"] = json!(team);
            }
        }
        Caller::Server { user, access } => {
            claims["sub"] = json!(user);
            let entry = |entry: &registry_auth_tests::reference::Entry| {
                let (kind, name) =
                    entry.repository.as_deref().map_or(("registry", "catalog"), |name| ("repository", name));
                let expires = if entry.expired { NOW - 1 } else { NOW + 1 };
                json!({"type": kind, "name": name, "actions": entry.actions, "exp": expires})
            };
            claims["access"] = access.iter().map(entry).collect();
        }
    }
    let header = json!({"alg": "EdDSA", "kid": "eddsa"});
    let encoded = [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
    Some(format!("{}.{}.{}", encoded[0], encoded[1], BASE64_URL_SAFE_NO_PAD.encode([0; 64])))
}
