//! Who asks: the files that the arguments name, read.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use registry_auth_engine::KeyRing;
use registry_auth_engine::authn::token::UnverifiedToken;
use registry_auth_engine::config::raw::Document;
use registry_auth_engine::engine::{Engine, Principal};
use registry_auth_engine::keys::KeySet;
use registry_auth_policy::case::Caller;
use serde_json::{Map, Value};

use super::{Arguments, certificate, fetch};

/// The longest file of claims, of a token, of keys or of a certificate, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Who asks.
pub(super) struct Known {
    credential: Credential,
    /// What has to be said in addition, a line each.
    pub(super) notes: Vec<String>,
}

enum Credential {
    Said(Principal),
    Token {
        /// As the value of `Authorization`.
        text: String,
        keys: KeyRing,
        claims: Principal,
    },
    Certificate(String),
}

impl Known {
    /// Reads the files, and fetches keys if that is asked for.
    ///
    /// # Errors
    /// A file cannot be read or is something else, or keys cannot be fetched.
    pub(super) fn read(
        arguments: &Arguments,
        document: &Document,
        engine: &Engine,
    ) -> anyhow::Result<Self> {
        let who = &arguments.who;
        let said = |principal| Self {
            credential: Credential::Said(principal),
            notes: Vec::new(),
        };
        if let Some(path) = &who.token_file {
            return Self::of_token(path, arguments, document, engine);
        }
        if let Some(path) = &who.cert {
            let (pem, about) = certificate::read(&read(path)?, path)?;
            let mut notes = vec![about];
            if !engine.reads_certificate() {
                notes.push("`http.auth.mtls` is not configured: certificates are not read".into());
            }
            let credential = Credential::Certificate(pem);
            return Ok(Self { credential, notes });
        }
        if let Some(name) = &who.user {
            return Ok(said(Principal::User {
                name: name.clone(),
                groups: arguments.groups.clone(),
            }));
        }
        let Some(path) = &who.claims else {
            return Ok(said(Principal::Anonymous));
        };
        let claims = serde_json::from_str(&read(path)?)
            .with_context(|| format!("`{}` is no JSON object of claims", path.display()))?;
        Ok(said(principal(claims, arguments.issuer.as_deref())?))
    }

    fn of_token(
        path: &Path,
        arguments: &Arguments,
        document: &Document,
        engine: &Engine,
    ) -> anyhow::Result<Self> {
        let text = read(path)?;
        let text = bare(&text);
        let no_token = || format!("`{}` holds no token", path.display());
        // No error holds a part of it.
        let token = UnverifiedToken::parse(text).with_context(no_token)?;
        let claims = token.claims_unverified().as_map().clone();
        let mut notes = Vec::new();
        let keys = match &arguments.jwks {
            Some(jwks) => KeyRing::of_all(engine.sources(), &keys(jwks)?),
            None if arguments.fetch => fetch::keys(document, engine, &token, &mut notes)?,
            None => {
                notes.push("the signature of the token was not checked".to_owned());
                let credential = Credential::Said(Principal::Token { claims });
                return Ok(Self { credential, notes });
            }
        };
        let credential = Credential::Token {
            text: format!("Bearer {text}"),
            keys,
            claims: Principal::Token { claims },
        };
        Ok(Self { credential, notes })
    }

    /// Returns the caller to ask the engine about.
    pub(super) fn caller(&self) -> Caller<'_> {
        match &self.credential {
            Credential::Said(principal) => Caller::Said(principal),
            Credential::Token { text, keys, .. } => Caller::Credential(text, keys),
            Credential::Certificate(pem) => Caller::Certificate(pem),
        }
    }

    /// Returns the claims of a token that is verified, as it has them.
    pub(super) const fn claims(&self) -> Option<&Principal> {
        match &self.credential {
            Credential::Token { claims, .. } => Some(claims),
            Credential::Said(_) | Credential::Certificate(_) => None,
        }
    }
}

fn principal(claims: Map<String, Value>, issuer: Option<&str>) -> anyhow::Result<Principal> {
    let named = claims.get("iss").and_then(Value::as_str);
    let issuer = issuer.or(named);
    let issuer = issuer.context("the claims have no `iss`: add it, or give --issuer URL")?;
    Ok(Principal::Claims {
        issuer: issuer.to_owned(),
        claims,
    })
}

/// A token without blanks and the scheme, which a file may have.
fn bare(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix("Bearer ").unwrap_or(text)
}

/// The keys of a JWKS (RFC 7517 section 5).
fn keys(path: &Path) -> anyhow::Result<KeySet> {
    let name = path.display();
    let set: Value = serde_json::from_str(&read(path)?)
        .with_context(|| format!("`{name}` is no JWKS: it is not JSON"))?;
    let set = KeySet::from_jwks_value(&set).with_context(|| format!("`{name}` is no JWKS"))?;
    ensure!(!set.keys.is_empty(), "`{name}` holds no usable key");
    Ok(set.keys)
}

fn read(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let name = path.display();
    if path == Path::new("-") {
        let input = std::io::stdin().lock();
        input.take(MAX_FILE).read_to_string(&mut text)?;
    } else {
        let file = std::fs::File::open(path).with_context(|| format!("cannot read `{name}`"))?;
        ensure!(file.metadata()?.is_file(), "`{name}` is no file");
        file.take(MAX_FILE)
            .read_to_string(&mut text)
            .with_context(|| format!("cannot read `{name}`"))?;
    }
    Ok(text)
}
