//! Minted tokens, for registries that check tokens themselves (Distribution's `auth.token`, zot's
//! `cert`).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use registry_auth_cel::Document;

use super::response::ANONYMOUS_LIFETIME;
use super::subject::{CLOCK_SKEW, Subject};
use crate::authn::bearer::{Bearer, GROUPS};
use crate::authn::claims::CONFIRMATION;
use crate::authn::identity::{Identity, User};
use crate::authn::origin::{self, Origin};
use crate::keys::SigningKey;
use crate::scope::Scope;
use crate::time::UnixTime;

/// How long a question of the filter to the registry may take.
const FILTER_LIFETIME: Duration = Duration::from_mins(1);

/// `http.auth.bearer.mint`, ready to run.
#[derive(Debug)]
pub struct Mint {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) lifetime: Duration,
    /// Authenticates callers with its own tokens on the registry's routes.
    pub(crate) own: Bearer,
}

impl Mint {
    /// The `Authorization` of a question of the filter itself, valid at the registry and for that
    /// question only.
    pub(crate) fn filter_token(&self, scope: Scope, key: &SigningKey, now: UnixTime) -> String {
        let identity = Identity::of(User::new(
            self.issuer.clone(),
            Vec::new(),
            Document::empty(),
        ));
        let expires = self.end(Some(now.after(FILTER_LIFETIME)), now);
        let subject = Subject {
            identity: &identity,
            granted: &[scope],
            expires,
            confirmation: None,
            origin: Origin::of_question(),
        };
        let mut value = "Bearer ".to_owned();
        value.push_str(&self.token(&subject, key, now));
        value
    }

    /// When a token expires that is minted now, for a credential that expires at `not_after`, if it
    /// does. The token does not outlive it: a minted token is accepted for [`CLOCK_SKEW`] after its
    /// own end.
    pub(crate) fn end(&self, not_after: Option<UnixTime>, now: UnixTime) -> UnixTime {
        let latest = not_after.map_or(now.after(ANONYMOUS_LIFETIME), |end| end.before(CLOCK_SKEW));
        UnixTime::from_secs(now.after(self.lifetime).min(latest).secs())
    }

    /// A token (RFC 7519; Distribution, "Token Authentication Implementation").
    pub(crate) fn token(&self, subject: &Subject<'_>, key: &SigningKey, now: UnixTime) -> String {
        let header = json!({ "alg": key.algorithm().name(), "typ": "JWT", "kid": key.id() });
        let access: Vec<_> = subject.granted.iter().map(Scope::entry).collect();
        let mut claims = json!({
            "iss": self.issuer,
            "sub": subject.identity.username(),
            "aud": self.audience,
            "exp": subject.expires.secs(),
            "nbf": now.before(CLOCK_SKEW).secs(),
            "iat": now.secs(),
            "access": access,
        });
        let groups =
            Some(subject.identity.groups()).filter(|_| !subject.origin.has_configured_groups());
        let groups = groups
            .filter(|groups| !groups.is_empty())
            .map(|groups| json!(groups));
        if let Some(claims) = claims.as_object_mut() {
            let more = [
                (GROUPS, groups),
                (CONFIRMATION, subject.confirmation.clone()),
                (origin::CLAIM, subject.origin.to_value()),
            ];
            claims.extend(
                more.into_iter()
                    .filter_map(|(name, value)| Some((name.to_owned(), value?))),
            );
        }
        // Two tokens of one id are one token: their other claims are the same.
        let digest = Sha256::digest(claims.to_string());
        if let Some(claims) = claims.as_object_mut() {
            claims.insert(
                "jti".to_owned(),
                encode(digest.get(..16).unwrap_or_default()).into(),
            );
        }
        let mut token = encode(header.to_string().as_bytes());
        token.push('.');
        token.push_str(&encode(claims.to_string().as_bytes()));
        let signature = encode(&key.sign(token.as_bytes()));
        token.push('.');
        token.push_str(&signature);
        token
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
