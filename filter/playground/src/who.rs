//! Who asks, as the page says it.

use registry_auth_engine::KeyRing;
use registry_auth_engine::authn::token::UnverifiedToken;
use registry_auth_engine::config::raw::Document;
use registry_auth_engine::engine::{Engine, Principal, Situation};
use registry_auth_engine::keys::KeySet;
use registry_auth_engine::request::CertificateSummary;
use registry_auth_policy::case::{Caller, Case};
use registry_auth_policy::words::Wish;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The longest token or key set that is read, in bytes.
const MAX_TEXT: usize = 1 << 18;
/// The digest of a certificate that nobody has seen.
const DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Somebody who asks.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub(crate) enum Who {
    /// Nobody.
    Anonymous,
    /// A user of a login, or of a client certificate, and groups.
    User {
        /// The name.
        name: String,
        /// The groups.
        #[serde(default)]
        groups: Vec<String>,
    },
    /// The holder of a token with these claims.
    Claims {
        /// The issuer; `iss` of the claims if absent.
        #[serde(default)]
        issuer: Option<String>,
        /// The claims.
        claims: Map<String, Value>,
    },
    /// A token, or the whole value of `Authorization`.
    Token {
        /// Its text.
        token: String,
        /// The keys of its issuer; without them its signature is not checked.
        #[serde(default)]
        jwks: Option<String>,
    },
    /// A client certificate.
    Certificate {
        /// The common name of its subject.
        #[serde(default)]
        common_name: String,
        /// Its first URI among the alternative names.
        #[serde(default)]
        uri: String,
        /// Its first DNS name among them.
        #[serde(default)]
        dns: String,
        /// The certificate itself, in place of the others.
        #[serde(default)]
        pem: String,
    },
}

/// What is known of the signature of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Signature {
    /// There is none to check.
    None,
    /// It was not checked, for there are no keys.
    NotChecked,
    /// It was checked with the given keys; the steps say what came of it.
    Checked,
}

/// Somebody, ready to ask.
pub(crate) struct Asker {
    kind: Kind,
    /// What is known of the signature.
    pub(crate) signature: Signature,
}

enum Kind {
    Named(Principal),
    Credential(Credential),
    Certificate(Certificate),
}

struct Credential {
    /// The value of `Authorization`.
    header: String,
    keys: KeySet,
    /// What a bearer token says, whoever has signed it.
    claims: Option<Principal>,
}

struct Certificate {
    pem: String,
    uri: Option<String>,
    dns: Option<String>,
    subject: String,
}

impl Who {
    /// Reads what the page says. No message holds a part of a token.
    ///
    /// # Errors
    /// What cannot be read, and what to write.
    pub(crate) fn read(self) -> Result<Asker, String> {
        let named = |principal| Asker {
            kind: Kind::Named(principal),
            signature: Signature::None,
        };
        Ok(match self {
            Self::Anonymous => named(Principal::Anonymous),
            Self::User { name, .. } if name.trim().is_empty() => {
                return Err("the user has no name: write one, or choose nobody".to_owned());
            }
            Self::User { name, groups } => named(Principal::User { name, groups }),
            Self::Claims { issuer, claims } => {
                let issuer = issuer.filter(|issuer| !issuer.is_empty());
                named(of_claims(issuer, claims)?)
            }
            Self::Token { token, jwks } => of_token(token.trim(), jwks.as_deref())?,
            Self::Certificate {
                common_name,
                uri,
                dns,
                pem,
            } => Asker {
                kind: Kind::Certificate(Certificate {
                    pem: pem.trim().to_owned(),
                    uri: Some(uri).filter(|uri| !uri.is_empty()),
                    dns: Some(dns).filter(|dns| !dns.is_empty()),
                    subject: subject(&common_name),
                }),
                signature: Signature::None,
            },
        })
    }
}

fn of_claims(issuer: Option<String>, claims: Map<String, Value>) -> Result<Principal, String> {
    let named = claims.get("iss").and_then(Value::as_str).map(str::to_owned);
    let issuer = issuer
        .or(named)
        .ok_or("the claims have no issuer: add `iss`, or choose an issuer")?;
    Ok(Principal::Claims { issuer, claims })
}

fn of_token(text: &str, jwks: Option<&str>) -> Result<Asker, String> {
    let jwks = jwks.map(str::trim).filter(|jwks| !jwks.is_empty());
    if text.is_empty() {
        return Err("there is no token: paste one".to_owned());
    }
    if text.len().max(jwks.map_or(0, str::len)) > MAX_TEXT {
        return Err(format!(
            "the token or its keys are longer than {MAX_TEXT} bytes: no filter takes them"
        ));
    }
    let token = match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(token.trim()),
        Some(_) => None,
        None => Some(text),
    };
    if let Some(jwks) = jwks {
        let loaded = KeySet::from_jwks(jwks.as_bytes())
            .map_err(|error| format!("the keys are no JWKS: {error}"))?;
        let header = if text.contains(' ') {
            text.to_owned()
        } else {
            format!("Bearer {text}")
        };
        let claims = token.and_then(|token| claims_of(token).ok());
        return Ok(Asker {
            kind: Kind::Credential(Credential {
                header,
                keys: loaded.keys,
                claims,
            }),
            signature: Signature::Checked,
        });
    }
    let token =
        token.ok_or("only a bearer token can be read without keys: paste the token alone")?;
    Ok(Asker {
        kind: Kind::Named(claims_of(token)?),
        signature: Signature::NotChecked,
    })
}

/// What a token says, whoever has signed it.
fn claims_of(token: &str) -> Result<Principal, String> {
    let token = UnverifiedToken::parse(token)
        .map_err(|error| format!("this is no token that a filter reads: {error}"))?;
    let claims = token.claims_unverified().as_map().clone();
    Ok(Principal::Token { claims })
}

/// The subject of a certificate with a common name (RFC 4514 section 2.4).
fn subject(common_name: &str) -> String {
    if common_name.is_empty() {
        return String::new();
    }
    let mut subject = String::from("CN=");
    for character in common_name.chars() {
        if matches!(character, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
            subject.push('\\');
        }
        subject.push(character);
    }
    subject
}

impl Asker {
    /// Asks about each request of a wish, and for the smallest changes with which it would be
    /// allowed if the document of the engine is given.
    #[must_use]
    pub(crate) fn ask(
        &self,
        engine: &Engine,
        document: Option<&Document>,
        wish: &Wish,
        situation: Situation,
    ) -> Case {
        let (keys, summary);
        let (caller, claims) = match &self.kind {
            Kind::Named(principal) => (Caller::Said(principal), None),
            Kind::Credential(credential) => {
                keys = KeyRing::of_all(engine.sources(), &credential.keys);
                let caller = Caller::Credential(&credential.header, &keys);
                (caller, credential.claims.as_ref())
            }
            Kind::Certificate(certificate) if certificate.pem.is_empty() => {
                summary = certificate.summary();
                (Caller::Summary(&summary), None)
            }
            Kind::Certificate(certificate) => (Caller::Certificate(&certificate.pem), None),
        };
        let case = Case::by(engine, caller, wish, situation).with_hidden(engine);
        match document {
            Some(document) => {
                case.with_nearest((engine, document), (caller, claims), wish, situation)
            }
            None => case,
        }
    }
}

impl Certificate {
    fn summary(&self) -> CertificateSummary<'_> {
        CertificateSummary {
            digest: DIGEST.as_bytes(),
            uri: self.uri.as_deref().map(str::as_bytes),
            dns: self.dns.as_deref().map(str::as_bytes),
            subject: self.subject.as_bytes(),
        }
    }
}
