//! The ID token (`OpenID` Connect Core 1.0 section 3.1.3.7). The engine verifies it; here are the
//! rules that only the code flow has.

use std::time::Duration;

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use registry_auth_engine::authn::claims::Claims;
use registry_auth_engine::authn::token::UnverifiedToken;
use registry_auth_engine::authn::verify::{Expected, KeyIdRule, TokenKind, VerifyError, verify};
use registry_auth_engine::keys::KeySet;
use registry_auth_engine::keys::algorithm::Algorithm;
use registry_auth_engine::{PureRust, UnixTime};
use serde_json::{Map, Value};

use super::error::{Reason, SocialError};

/// How far `iat` may lie in the future.
const ISSUED_LEEWAY: Duration = Duration::from_secs(5);

/// What an ID token must say.
pub(super) struct IdTokenRules<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) access_token: &'a str,
    pub(super) algorithms: &'a [Algorithm],
}

/// Why an ID token is refused.
pub(super) enum Refused {
    /// It names a key that is not held: newer keys may have it.
    UnknownKey,
    /// It is not valid.
    Invalid(SocialError),
}

impl IdTokenRules<'_> {
    /// Verifies a token and returns its claims.
    ///
    /// # Errors
    /// See [`Refused`].
    pub(super) fn verify(
        &self,
        token: &str,
        keys: &KeySet,
        now: UnixTime,
    ) -> Result<Map<String, Value>, Refused> {
        let token = UnverifiedToken::parse(token)
            .map_err(|error| invalid(&format_args!("it cannot be read: {error}")))?;
        let expected = Expected {
            kind: TokenKind::Oidc,
            issuer: Some(self.issuer),
            audiences: &[self.client_id.to_owned()],
            clock_skew: Duration::ZERO,
            key_id: KeyIdRule::IfPresent,
            algorithms: Some(self.algorithms),
        };
        let verified = verify(&token, keys, &expected, now, &PureRust).map_err(|error| {
            if error == VerifyError::UnknownKey {
                Refused::UnknownKey
            } else {
                invalid(&error)
            }
        })?;
        self.check(verified.claims(), verified.algorithm(), now)
            .map_err(|why| invalid(&why))?;
        Ok(verified.claims().as_map().clone())
    }

    fn check(
        &self,
        claims: &Claims,
        algorithm: Algorithm,
        now: UnixTime,
    ) -> Result<(), &'static str> {
        let issued = claims.issued().ok().flatten();
        if issued.is_none_or(|issued| now.after(ISSUED_LEEWAY) < issued) {
            return Err("it was issued in the future");
        }
        let several = claims
            .audiences()
            .ok()
            .flatten()
            .is_none_or(|audiences| audiences.len() != 1);
        let members = claims.as_map();
        match members.get("azp") {
            None if several => return Err("it is for several clients and does not name one"),
            Some(azp) if azp != self.client_id => return Err("it was given to another client"),
            _ => {}
        }
        if members.get("nonce").and_then(Value::as_str) != Some(self.nonce) {
            return Err("its nonce is another");
        }
        match members.get("at_hash") {
            Some(hash) if *hash != half_hash(self.access_token, algorithm) => {
                Err("it belongs to another access token")
            }
            _ => Ok(()),
        }
    }
}

/// The left half of the hash of the token, of the hash function of the algorithm (section 3.1.3.6).
fn half_hash(token: &str, algorithm: Algorithm) -> String {
    let function = match algorithm.name() {
        "RS384" | "PS384" | "ES384" => &SHA384,
        "RS512" | "PS512" | "ES512" | "EdDSA" | "Ed25519" => &SHA512,
        _ => &SHA256,
    };
    let digest = digest::digest(function, token.as_bytes());
    let half = digest.as_ref().len() / 2;
    URL_SAFE_NO_PAD.encode(digest.as_ref().get(..half).unwrap_or_default())
}

fn invalid(why: &dyn std::fmt::Display) -> Refused {
    Refused::Invalid(Reason::InvalidToken.because(format_args!("the ID token: {why}")))
}
