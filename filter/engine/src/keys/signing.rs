//! The private key that minted tokens are signed with.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::error::{KeyError, KeysError};
use super::key::{KeyId, Kind, PublicKey};
use super::libtrust::{self, LIBTRUST};
use super::{KeySet, jwk, jwks_entries};
use crate::keys::algorithm::Algorithm;

/// A private key with its id. Its `Debug` shows none of it.
#[derive(Clone)]
pub struct SigningKey {
    id: KeyId,
    secret: Secret,
}

#[derive(Clone)]
enum Secret {
    P256(p256::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
}

impl SigningKey {
    /// Reads a JWK Set whose first key is private and has an id: that one signs. Returns it
    /// together with the public halves of all, which verify.
    ///
    /// # Errors
    /// Not a JWK Set of usable keys, or a first key that cannot sign or whose public members are
    /// another's.
    pub fn from_jwks_value(value: &Value) -> Result<(Self, KeySet), KeysError> {
        let public = KeySet::load(value, jwk::read_public_half)?;
        if let Some(skipped) = public.skipped.first() {
            return Err((*skipped.reason).clone());
        }
        let first = jwks_entries(value)?
            .first()
            .and_then(Value::as_object)
            .ok_or(KeysError::NotJwks)?;
        let own = public.keys.iter().next().ok_or(KeysError::NotJwks)?;
        let key = Self::from_jwk(first, own)?;
        Ok((key, public.keys))
    }

    fn from_jwk(members: &Map<String, Value>, public: &PublicKey) -> Result<Self, KeyError> {
        let id = public.key_id().ok_or(KeyError::Member("kid"))?.clone();
        let secret = Secret::new(public.kind(), &jwk::bytes(members, "d")?)?;
        // Signing with a public key that is not that of the private one would reveal the private
        // one (Ed25519).
        if secret.public()?.spki_der() == public.spki_der() {
            Ok(Self { id, secret })
        } else {
            Err(KeyError::Member("d"))
        }
    }

    /// A key of 32 secret bytes. Without an id it gets the one that Distribution computes of a
    /// certificate: its JWK thumbprint (RFC 7638), or with the id `libtrust` the one that it
    /// computed up to its release 2.8.
    ///
    /// # Errors
    /// The bytes are not a key of this kind, or the kind cannot sign.
    pub fn new(kind: Kind, secret: &[u8], id: Option<&str>) -> Result<Self, KeyError> {
        let secret = Secret::new(kind, secret)?;
        let id = match id {
            Some(LIBTRUST) => libtrust::key_id(secret.public()?.spki_der()),
            Some(id) => id.to_owned(),
            None => thumbprint(&jwk::write(&secret.public()?)),
        };
        Ok(Self {
            id: KeyId::new(id),
            secret,
        })
    }

    /// Its id, the `kid` of what it signs.
    #[must_use]
    pub fn id(&self) -> &str {
        self.id.as_str()
    }

    /// The algorithm that it signs with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.secret {
            Secret::P256(_) => Algorithm::Es256,
            Secret::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// The signature of a message, in the form that JWS has (RFC 7518 section 3.4, RFC 8037 section
    /// 3.1). The same message gives the same signature: no random numbers are needed.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.secret {
            Secret::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            Secret::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
        }
    }

    /// The key as a JWK; the private member too, if it is to sign elsewhere.
    ///
    /// # Errors
    /// Never for a key that signs here.
    pub fn to_jwk(&self, with_secret: bool) -> Result<Value, KeyError> {
        let mut jwk = jwk::write(&self.secret.public()?.with_id(Some(self.id.clone())));
        if with_secret && let Some(members) = jwk.as_object_mut() {
            let secret = match &self.secret {
                Secret::P256(key) => URL_SAFE_NO_PAD.encode(key.to_bytes()),
                Secret::Ed25519(key) => URL_SAFE_NO_PAD.encode(key.as_bytes()),
            };
            members.insert("d".to_owned(), secret.into());
        }
        Ok(jwk)
    }
}

impl Secret {
    fn new(kind: Kind, bytes: &[u8]) -> Result<Self, KeyError> {
        let malformed = || KeyError::Member("d");
        match kind {
            Kind::P256 => Ok(Self::P256(
                p256::ecdsa::SigningKey::from_slice(bytes).map_err(|_| malformed())?,
            )),
            Kind::Ed25519 => Ok(Self::Ed25519(
                ed25519_dalek::SigningKey::try_from(bytes).map_err(|_| malformed())?,
            )),
            Kind::Rsa | Kind::P384 | Kind::P521 => Err(KeyError::UnsupportedAlgorithm),
        }
    }

    fn public(&self) -> Result<PublicKey, KeyError> {
        match self {
            Self::P256(key) => PublicKey::ecdsa(
                Kind::P256,
                key.verifying_key().to_sec1_point(false).as_bytes(),
            ),
            Self::Ed25519(key) => PublicKey::ed25519(key.verifying_key().as_bytes()),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKey([redacted])")
    }
}

/// SHA-256 over the required members in order of their names (RFC 7638 section 3); JSON objects
/// here are in that order.
fn thumbprint(jwk: &Value) -> String {
    let mut required = json!({});
    if let (Some(to), Some(from)) = (required.as_object_mut(), jwk.as_object()) {
        let members = from
            .iter()
            .filter(|(name, _)| matches!(name.as_str(), "crv" | "kty" | "x" | "y"));
        to.extend(members.map(|(name, value)| (name.clone(), value.clone())));
    }
    URL_SAFE_NO_PAD.encode(Sha256::digest(required.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authn::verify::{PureRust, SignatureVerifier as _, Verification};

    fn key(kind: Kind) -> SigningKey {
        SigningKey::new(kind, &[7; 32], None).unwrap()
    }

    fn jwks(kind: Kind) -> Value {
        json!({ "keys": [key(kind).to_jwk(true).unwrap()] })
    }

    #[test]
    fn what_a_key_signs_its_public_half_verifies_and_no_other() {
        for kind in [Kind::P256, Kind::Ed25519] {
            let (key, public) = SigningKey::from_jwks_value(&jwks(kind)).unwrap();
            let public = public.iter().next().unwrap().clone();
            assert_eq!(public.key_id().unwrap().as_str(), key.id());
            let signature = key.sign(b"message");
            let verify =
                |message: &[u8]| PureRust.verify(key.algorithm(), &public, message, &signature);
            assert_eq!(verify(b"message"), Verification::Valid);
            assert_eq!(verify(b"messagf"), Verification::Invalid);
            assert_eq!(key.sign(b"message"), signature);
            let other = SigningKey::new(kind, &[8; 32], None).unwrap();
            assert_ne!(other.sign(b"message"), signature);
        }
    }

    #[test]
    fn thumbprints_are_those_of_the_rfcs() {
        let okp = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "x" });
        assert_eq!(
            thumbprint(&okp),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn a_set_whose_first_key_cannot_sign_is_refused() {
        let with = |kind, name: &str, value: Value| {
            let mut jwks = jwks(kind);
            jwks["keys"][0][name] = value;
            SigningKey::from_jwks_value(&jwks).map(drop)
        };
        let other = key(Kind::Ed25519).to_jwk(false).unwrap()["x"].clone();
        for kind in [Kind::P256, Kind::Ed25519] {
            assert!(with(kind, "alg", json!(key(kind).algorithm().name())).is_ok());
            let padded = format!("{}=", URL_SAFE_NO_PAD.encode([7; 32]));
            assert!(with(kind, "d", padded.into()).is_ok());
            assert!(with(kind, "kid", json!("")).is_err());
            for bad in [
                json!(null),
                json!(1),
                json!(""),
                json!("AA"),
                json!("A".repeat(43)),
                json!("!"),
            ] {
                assert_eq!(
                    with(kind, "d", bad.clone()),
                    Err(KeyError::Member("d").into()),
                    "{bad}"
                );
            }
            let mine = URL_SAFE_NO_PAD.encode([9; 32]);
            assert_eq!(
                with(kind, "d", mine.into()),
                Err(KeyError::Member("d").into())
            );
            assert!(with(kind, "kid", json!(null)).is_err());
            assert!(with(kind, "use", json!("enc")).is_err());
        }
        assert!(with(Kind::P256, "x", other).is_err());
        for bad in [
            json!({}),
            json!({ "keys": [] }),
            json!([]),
            json!({ "keys": [{ "kty": "oct", "k": "AA" }] }),
        ] {
            assert!(SigningKey::from_jwks_value(&bad).is_err(), "{bad}");
        }
        assert_eq!(
            SigningKey::new(Kind::P384, &[7; 48], None).err(),
            Some(KeyError::UnsupportedAlgorithm)
        );
    }

    #[test]
    fn nothing_of_a_key_is_shown() {
        let key = key(Kind::P256);
        assert_eq!(format!("{key:?}"), "SigningKey([redacted])");
        assert_eq!(key.to_jwk(false).unwrap().get("d"), None);
    }
}
