//! Who asks, as the page says it.

use registry_auth_engine::KeyRing;
use registry_auth_engine::authn::token::UnverifiedToken;
use registry_auth_engine::engine::{Engine, Principal, Report, Situation};
use registry_auth_engine::keys::KeySet;
use registry_auth_engine::request::{CertificateSummary, Connection, RequestHead};
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
#[derive(Debug)]
pub(crate) struct Asker {
    kind: Kind,
    /// What is known of the signature.
    pub(crate) signature: Signature,
}

#[derive(Debug)]
enum Kind {
    Named(Principal),
    /// The value of `Authorization`.
    Credential(String, KeySet),
    Certificate(Certificate),
}

#[derive(Debug, Default)]
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
    let has_scheme = text.contains(' ');
    if let Some(jwks) = jwks {
        let loaded = KeySet::from_jwks(jwks.as_bytes())
            .map_err(|error| format!("the keys are no JWKS: {error}"))?;
        let header = if has_scheme {
            text.to_owned()
        } else {
            format!("Bearer {text}")
        };
        return Ok(Asker {
            kind: Kind::Credential(header, loaded.keys),
            signature: Signature::Checked,
        });
    }
    let bare = match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        Some(_) => {
            return Err(
                "only a bearer token can be read without keys: paste the token alone".to_owned(),
            );
        }
        None => text,
    };
    let token = UnverifiedToken::parse(bare)
        .map_err(|error| format!("this is no token that a filter reads: {error}"))?;
    let claims = token.claims_unverified().as_map().clone();
    Ok(Asker {
        kind: Kind::Named(of_claims(None, claims)?),
        signature: Signature::NotChecked,
    })
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
    /// Says what a request gets.
    #[must_use]
    pub(crate) fn ask(
        &self,
        engine: &Engine,
        method: &str,
        path: &str,
        situation: Situation,
    ) -> Report {
        let mut head = RequestHead {
            method: method.as_bytes(),
            path: path.as_bytes(),
            ..RequestHead::default()
        };
        match &self.kind {
            Kind::Named(principal) => engine.simulate(principal, &head, situation),
            Kind::Credential(header, keys) => {
                head.authorization = vec![header.as_bytes()];
                engine.explain(&head, &KeyRing::of_all(engine.sources(), keys), situation)
            }
            Kind::Certificate(certificate) => {
                head.connection = certificate.connection();
                engine.explain(&head, &KeyRing::of(engine.sources()), situation)
            }
        }
    }
}

impl Certificate {
    fn connection(&self) -> Connection<'_> {
        let summary = CertificateSummary {
            digest: DIGEST.as_bytes(),
            uri: self.uri.as_deref().map(str::as_bytes),
            dns: self.dns.as_deref().map(str::as_bytes),
            subject: self.subject.as_bytes(),
        };
        Connection {
            peer: b"192.0.2.1:40000",
            tls_version: b"TLSv1.3",
            mtls: true,
            certificate: self.pem.as_bytes(),
            summary: Some(summary).filter(|_| self.pem.is_empty()),
        }
    }
}
