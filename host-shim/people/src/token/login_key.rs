//! The key that signs login tokens.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use registry_auth_engine::UnixTime;
use registry_auth_engine::keys::{KeyError, Kind, SigningKey};
use registry_auth_engine::login::Audience;
use serde_json::{Value, json};

use super::claims::claims;
use super::root_key::{Purpose, RootKey};
use crate::person::Person;

/// An Ed25519 key. Its public half is pushed to the filter, which accepts login tokens of no other.
#[derive(Clone, Debug)]
pub struct LoginKey(SigningKey);

impl LoginKey {
    /// The key that comes from a root key: replicas with the same one accept each other's tokens.
    ///
    /// # Errors
    /// Never: each 32 bytes are a key.
    pub fn of(root: &RootKey) -> Result<Self, KeyError> {
        let secret = root.derive(Purpose::Signing);
        SigningKey::new(Kind::Ed25519, &*secret, None).map(Self)
    }

    /// The public half as a JWK (RFC 8037), with its thumbprint as `kid`.
    ///
    /// # Errors
    /// Never for a key that signs.
    pub fn public_jwk(&self) -> Result<Value, KeyError> {
        self.0.to_jwk(false)
    }

    /// Makes a person's token, a JWT (RFC 7519). It ends after `lifetime`, but no later than the
    /// audience and the login allow.
    #[must_use]
    pub fn mint(
        &self,
        person: &Person,
        audience: Audience,
        lifetime: Duration,
        now: UnixTime,
    ) -> String {
        self.mint_below(&[], person, audience, lifetime, now)
    }

    /// Makes the token of a login that comes from others: it ends with any of `parents`, which are
    /// their ids.
    #[must_use]
    pub fn mint_below(
        &self,
        parents: &[String],
        person: &Person,
        audience: Audience,
        lifetime: Duration,
        now: UnixTime,
    ) -> String {
        let header = json!({ "alg": self.0.algorithm().name(), "typ": "JWT", "kid": self.0.id() });
        let claims = claims(person, parents, audience, lifetime, now);
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let mut token = format!("{}.{}", part(&header), part(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.0.sign(token.as_bytes()));
        token.push('.');
        token.push_str(&signature);
        token
    }
}

#[cfg(test)]
mod tests {
    use registry_auth_engine::authn::verify::{PureRust, SignatureVerifier as _, Verification};
    use registry_auth_engine::keys::KeySet;

    use super::*;
    use crate::config::SessionKeys;
    use crate::person::Method;
    use crate::secret::Secret;

    fn key(of: char) -> LoginKey {
        let keys = SessionKeys {
            hash_key: Secret::new(vec![of as u8; 32]),
            encrypt_key: None,
        };
        LoginKey::of(&RootKey::shared(&keys)).unwrap()
    }

    #[test]
    fn replicas_with_one_file_accept_each_others_tokens_and_no_others() {
        let person = Person {
            user: "ann".into(),
            groups: Vec::new(),
            method: Method::Htpasswd,
            sid: "h.1".into(),
            not_after: None,
            scopes: Vec::new(),
        };
        let now = UnixTime::from_secs(1000);
        let token = key('a').mint(&person, Audience::Login, Duration::from_mins(1), now);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        for (of, expected) in [('a', Verification::Valid), ('b', Verification::Invalid)] {
            let jwk = key(of).public_jwk().unwrap();
            assert_eq!(jwk.get("d"), None);
            let keys = KeySet::from_jwks_value(&json!({ "keys": [jwk] }))
                .unwrap()
                .keys;
            let public = keys.iter().next().unwrap();
            let message = signed.as_bytes();
            let found = PureRust.verify(key(of).0.algorithm(), public, message, &signature);
            assert_eq!(found, expected, "{of}");
        }
        let header = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().0);
        let header: Value = serde_json::from_slice(&header.unwrap()).unwrap();
        let kid = key('a').public_jwk().unwrap()["kid"].clone();
        assert_eq!(header, json!({ "alg": "EdDSA", "typ": "JWT", "kid": kid }));
    }
}
