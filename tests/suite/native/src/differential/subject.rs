//! The engine, with tokens whose signatures are taken for good.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use registry_auth_cases::reference::{Ask, Caller, Entry, Refusal, World};
use registry_auth_engine::authn::cache::IdentityCache;
use registry_auth_engine::authn::verify::{SignatureVerifier, Verification};
use registry_auth_engine::authz::PatternError;
use registry_auth_engine::catalog::UpstreamPage;
use registry_auth_engine::compile::{self, Compiled};
use registry_auth_engine::config::{self, Role};
use registry_auth_engine::decision::{Denied, Verdict};
use registry_auth_engine::facts::{Facts, Gathered, Need, TagAnswer};
use registry_auth_engine::keys::PublicKey;
use registry_auth_engine::keys::algorithm::Algorithm;
use registry_auth_engine::keys::source::KeyRing;
use registry_auth_engine::reason::Reason;
use registry_auth_engine::request::{Connection, RequestHead};
use registry_auth_engine::time::UnixTime;
use registry_auth_harness::key::{self, TestKey};
use serde::Deserialize;
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
    keys: KeyRing,
    identities: IdentityCache,
}

struct EverySignature;

#[derive(Deserialize)]
struct Listed {
    repositories: Vec<String>,
}

impl SignatureVerifier for EverySignature {
    fn verify(&self, _: Algorithm, _: &PublicKey, _: &[u8], _: &[u8]) -> Verification {
        Verification::Valid
    }
}

impl Subject {
    /// `None` if a pattern of the world exceeds the limit of alternatives, which the naive
    /// evaluator does not have.
    pub(super) fn compile(world: &World) -> Result<Option<Self>> {
        let (role, mut diagnostics) = config::decode_value(plugin(world)?);
        let Role::Filter(document) = role else {
            bail!("an intake decides nothing")
        };
        let compiled = compile::compile(&document, &mut diagnostics);
        let limit = PatternError::TooManyAlternatives.to_string();
        if !diagnostics.errors.is_empty()
            && diagnostics
                .errors
                .iter()
                .all(|error| error.message == limit)
        {
            return Ok(None);
        }
        let compiled = compiled
            .with_context(|| format!("the configuration is refused: {:?}", diagnostics.errors))?;
        let keys = KeyRing::of(compiled.engine.sources());
        Ok(Some(Self {
            compiled,
            keys,
            identities: IdentityCache::default(),
        }))
    }

    /// The outcome of a request, and the tags that the upstream was asked for.
    pub(super) fn decide(
        &mut self,
        world: &World,
        caller: &Caller,
        ask: &Ask,
    ) -> Result<(Became, BTreeSet<String>)> {
        let (method, target) = ask.line();
        let authorization = token(caller).map(|token| format!("Bearer {token}"));
        let head = RequestHead {
            method: method.as_bytes(),
            path: target.as_bytes(),
            authorization: authorization.iter().map(String::as_bytes).collect(),
            forwarded_for: vec![b"10.0.0.5"],
            connection: Connection {
                peer: b"10.0.0.5:40000",
                ..Connection::default()
            },
            ..RequestHead::default()
        };
        let mut gathered = Gathered::default();
        let mut asked = BTreeSet::new();
        loop {
            let facts = Facts {
                keys: &self.keys,
                gathered: &gathered,
                now: UnixTime::from_secs(NOW).into(),
            };
            match self
                .compiled
                .engine
                .decide(&head, &facts, &mut self.identities, &EverySignature)
            {
                Verdict::Allow(grant) => {
                    return Ok((
                        Became::Forwarded(grant.target().map_or(target, str::to_owned)),
                        asked,
                    ));
                }
                Verdict::Reply(answer) => {
                    let body: Listed = serde_json::from_slice(&answer.reply.body)?;
                    return Ok((Became::Listed(body.repositories), asked));
                }
                Verdict::Deny(denied) => return Ok((Became::Refused(refusal(&denied)?), asked)),
                Verdict::Need(Need::Tag(name)) => {
                    ensure!(
                        world.asks && asked.insert(name.tag.clone()),
                        "it asks for {name:?}"
                    );
                    let answer = match (
                        name.tag.as_str(),
                        world
                            .tags
                            .contains(&format!("{}:{}", name.repository, name.tag)),
                    ) {
                        ("broken", _) => TagAnswer::Unknown,
                        (_, true) => TagAnswer::Exists,
                        (_, false) => TagAnswer::Missing,
                    };
                    gathered.tags.push((name, answer));
                }
                Verdict::Need(Need::Catalog(listing)) => {
                    let body = json!({"repositories": world.catalog})
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
                Verdict::Need(other) => bail!("it needs {other:?}"),
            }
        }
    }
}

fn refusal(denied: &Denied) -> Result<Refusal> {
    Ok(match denied.reason {
        Reason::NoCredential => Refusal::NoCredential,
        Reason::InsufficientScope => Refusal::InsufficientScope,
        Reason::PolicyDenied => Refusal::Denied(denied.detail.as_deref().map(str::to_owned)),
        other => bail!("it is refused for {other:?}"),
    })
}

fn plugin(world: &World) -> Result<Value> {
    let mapping = json!({"username": "claims.sub", "groups": "claims.groups"});
    let oidc = json!([{"issuer": ISSUER, "audiences": ["a"], "jwks": key::jwks(&["eddsa"])?, "claimMapping": mapping}]);
    let bearer = json!({"cert": TestKey::named("eddsa")?.pkix_pem()?, "oidc": oidc, "bypassAccessControl": world.bypass});
    let auth = json!({"bearer": bearer});
    let http = match &world.access_control {
        Some(control) => json!({"auth": auth, "accessControl": control}),
        None => json!({"auth": auth}),
    };
    let upstream = world.asks.then(|| json!({"upstreamCluster": "upstream"}));
    let proxy = json!({"extensions": true, "mounts": world.mounts, "clientAddress": "proxy"});
    let proxy = merged(proxy, upstream);
    Ok(json!({"http": http, "proxy": proxy}))
}

fn token(caller: &Caller) -> Option<String> {
    let (iat, exp) = (NOW, NOW + 3600);
    let claims = match caller {
        Caller::Anonymous => return None,
        Caller::Person { user, groups, team } => {
            let team = team.as_ref().map(|team| json!({"team": team}));
            let claims = json!({"iss": ISSUER, "sub": user, "aud": ["a"], "iat": iat, "exp": exp, "groups": groups});
            merged(claims, team)
        }
        Caller::Server { user, access } => {
            let access: Vec<Value> = access.iter().map(claim_entry).collect();
            json!({"sub": user, "iat": iat, "exp": exp, "access": access})
        }
    };
    let header = json!({"alg": "EdDSA", "kid": "eddsa"});
    let [header, claims] =
        [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
    Some(format!(
        "{header}.{claims}.{}",
        BASE64_URL_SAFE_NO_PAD.encode([0; 64])
    ))
}

fn merged(mut object: Value, more: Option<Value>) -> Value {
    if let (Some(members), Some(Value::Object(more))) = (object.as_object_mut(), more) {
        members.extend(more);
    }
    object
}

fn claim_entry(entry: &Entry) -> Value {
    let (kind, name) = entry
        .repository
        .as_deref()
        .map_or(("registry", "catalog"), |name| ("repository", name));
    let expires = if entry.expired { NOW - 1 } else { NOW + 1 };
    json!({"type": kind, "name": name, "actions": entry.actions, "exp": expires})
}
