//! Tokens that are minted here, for registries that check tokens themselves (Distribution's `auth.token`, zot's `cert`).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::scope::Scope;
use crate::authn::bearer::{Bearer, GROUPS};
use crate::authn::identity::Identity;
use crate::authn::keys::SigningKey;
use crate::cel::Document;
use crate::time::UnixTime;

/// How far apart the clocks of two proxies may be: one mints, the other verifies.
pub(crate) const CLOCK_SKEW: Duration = Duration::from_secs(10);

/// How long a question of the filter to the registry may take.
const OWN_LIFETIME: Duration = Duration::from_mins(1);

/// `http.auth.bearer.mint`, ready to run.
#[derive(Debug)]
pub struct Mint {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) lifetime: Duration,
    /// Proves its own tokens on the registry's routes.
    pub(crate) own: Bearer,
}

/// What a minted token says of its holder.
#[derive(Clone, Debug)]
pub(crate) struct Holder<'a> {
    /// Who it is; anonymous gives a token with an empty `sub`.
    pub(crate) identity: &'a Identity,
    /// What may be done with the token.
    pub(crate) granted: &'a [Scope],
    /// When the credential ends that the token is given for. The token does not outlive it.
    pub(crate) not_after: UnixTime,
}

impl Mint {
    /// The `Authorization` of a question of the filter itself, good for that question only.
    pub(crate) fn own_authorization(&self, scope: Scope, key: &SigningKey, now: UnixTime) -> String {
        let identity = Identity::new(self.issuer.clone(), Vec::new(), Document::empty());
        let holder = Holder { identity: &identity, granted: &[scope], not_after: now.after(OWN_LIFETIME) };
        let mut value = "Bearer ".to_owned();
        value.push_str(&self.token(&holder, key, now).0);
        value
    }

    /// A token (RFC 7519; Distribution, "Token Authentication Implementation") and when it ends.
    pub(crate) fn token(&self, holder: &Holder<'_>, key: &SigningKey, now: UnixTime) -> (String, UnixTime) {
        let header = json!({ "alg": key.algorithm().name(), "typ": "JWT", "kid": key.id() });
        let expires = UnixTime::from_secs(now.after(self.lifetime).min(holder.not_after).secs());
        let access: Vec<_> = holder.granted.iter().map(Scope::entry).collect();
        let mut claims = json!({
            "iss": self.issuer,
            "sub": holder.identity.username(),
            "aud": self.audience,
            "exp": expires.secs(),
            "nbf": now.before(CLOCK_SKEW).secs(),
            "iat": now.secs(),
            "access": access,
        });
        let groups = holder.identity.groups();
        if let Some(claims) = claims.as_object_mut().filter(|_| !groups.is_empty()) {
            claims.insert(GROUPS.to_owned(), json!(groups));
        }
        // Two tokens of one id are one token: the rest of what they say is the same.
        let digest = Sha256::digest(claims.to_string());
        if let Some(claims) = claims.as_object_mut() {
            claims.insert("jti".to_owned(), encode(digest.get(..16).unwrap_or_default()).into());
        }
        let mut token = encode(header.to_string().as_bytes());
        token.push('.');
        token.push_str(&encode(claims.to_string().as_bytes()));
        let signature = encode(&key.sign(token.as_bytes()));
        token.push('.');
        token.push_str(&signature);
        (token, expires)
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
