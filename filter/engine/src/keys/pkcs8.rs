//! Private keys in PEM text, as `openssl genpkey` writes them: PKCS#8 (RFC 5958). For the native
//! side; the filter gets JWKs.

use pkcs8::PrivateKeyInfoRef;
use serde_json::{Value, json};
use spki::der::Decode as _;
use spki::der::oid::ObjectIdentifier;

use super::error::{KeyError, KeysError};
use super::key::{EC, ED25519, Kind, P256};
use super::pem::tidy;
use super::signing::SigningKey;
use crate::keys::algorithm::Algorithm;

/// `ENCRYPTED PRIVATE KEY` and its like.
const LONGEST_LABEL: usize = 32;

/// Why a text gives no signing keys. Nothing here holds key material.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// No PEM block at all, or a broken one.
    #[error("it is not the PEM text of a private key")]
    NotPem,
    /// A block of another label.
    #[error(
        "it holds a PEM block `{0}`; write PKCS#8, `PRIVATE KEY`, as `openssl pkcs8 -topk8 -nocrypt` does"
    )]
    NotPkcs8(String),
    /// The content is not what the label says.
    #[error("its PKCS#8 structure is malformed")]
    Malformed,
    /// Another key type or curve than the configured algorithm has.
    #[error("it is not a key for {0}")]
    WrongAlgorithm(Algorithm),
    /// The numbers are no key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl SigningKey {
    /// Reads PEM text as a JWK Set as [`SigningKey::from_jwks_value`] takes it. The first block
    /// signs; those after it are keys that signed before, or will next: only their public halves
    /// are returned.
    ///
    /// # Errors
    /// See [`SigningKeyError`].
    pub fn jwks_from_pem(
        text: &str,
        algorithm: Algorithm,
        id: Option<&str>,
    ) -> Result<Value, SigningKeyError> {
        let blocks = pem::parse_many(tidy(text)).map_err(|_| SigningKeyError::NotPem)?;
        let mut keys = Vec::with_capacity(blocks.len());
        for block in &blocks {
            if block.tag() != "PRIVATE KEY" {
                return Err(SigningKeyError::NotPkcs8(shown(block.tag())));
            }
            keys.push(read(block.contents(), algorithm, id)?.to_jwk(keys.is_empty())?);
        }
        if keys.is_empty() {
            return Err(SigningKeyError::NotPem);
        }
        let jwks = json!({ "keys": keys });
        // Better reported here than by each filter that it is pushed to.
        match Self::from_jwks_value(&jwks) {
            Ok(_) => Ok(jwks),
            Err(KeysError::Key(error)) => Err(error.into()),
            Err(_) => Err(SigningKeyError::Malformed),
        }
    }
}

/// A label as a message may quote it. The label of a damaged block may be a part of a key.
fn shown(label: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte == b' ';
    if label.len() <= LONGEST_LABEL && label.bytes().all(plain) {
        label.to_owned()
    } else {
        "?".to_owned()
    }
}

fn read(der: &[u8], algorithm: Algorithm, id: Option<&str>) -> Result<SigningKey, SigningKeyError> {
    let info = PrivateKeyInfoRef::from_der(der).map_err(|_| SigningKeyError::Malformed)?;
    let parameters = info
        .algorithm
        .parameters
        .and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
    let kind = match (info.algorithm.oid, parameters) {
        (EC, Some(P256)) => Kind::P256,
        (ED25519, _) => Kind::Ed25519,
        _ => return Err(SigningKeyError::WrongAlgorithm(algorithm)),
    };
    if !kind.fits(algorithm) {
        return Err(SigningKeyError::WrongAlgorithm(algorithm));
    }
    let malformed = |_| SigningKeyError::Malformed;
    Ok(match kind {
        Kind::P256 => SigningKey::new(
            kind,
            &p256::SecretKey::try_from(info)
                .map_err(malformed)?
                .to_bytes(),
            id,
        )?,
        _ => SigningKey::new(
            kind,
            ed25519_dalek::SigningKey::try_from(info)
                .map_err(malformed)?
                .as_bytes(),
            id,
        )?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EC_PEM: &str = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/lex07vhzX15a25S\n7EE8PRd43xcMmqq9drfnVLwlMiehRANCAAR+gGgpSXo9lYuxJrKQ+l5VT0vItcQP\nio7IJLnutk48mticISrNzR8CFHlFmhRFvOM3fBeBucWFAVwIsn85Xhk8\n-----END PRIVATE KEY-----\n";
    const ED_PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEILRk0s//poPZMJer28CdXU6dYTdWXB/u7dcp3aGhWrGJ\n-----END PRIVATE KEY-----\n";

    fn first(text: &str, algorithm: Algorithm) -> Result<Value, SigningKeyError> {
        SigningKey::jwks_from_pem(text, algorithm, None)
    }

    #[test]
    fn a_key_of_openssl_becomes_a_set_that_signs() {
        for (text, algorithm) in [(EC_PEM, Algorithm::Es256), (ED_PEM, Algorithm::EdDsa)] {
            for text in [
                text.to_owned(),
                text.replace('\n', "\r\n"),
                text.trim().replace('\n', "\\n"),
            ] {
                let jwks = first(&text, algorithm).unwrap();
                let (key, public) = SigningKey::from_jwks_value(&jwks).unwrap();
                assert_eq!((key.algorithm(), public.len()), (algorithm, 1));
            }
            let jwks = SigningKey::jwks_from_pem(&text.repeat(2), algorithm, Some("own")).unwrap();
            assert_eq!(
                (&jwks["keys"][0]["kid"], &jwks["keys"][1]["kid"]),
                (&json!("own"), &json!("own"))
            );
            assert!(jwks["keys"][0]["d"].is_string() && jwks["keys"][1]["d"].is_null());
            let jwks = SigningKey::jwks_from_pem(text, algorithm, Some("libtrust")).unwrap();
            let id = jwks["keys"][0]["kid"].as_str().unwrap();
            assert_eq!((id.len(), id.split(':').count()), (59, 12));
            let many = SigningKey::jwks_from_pem(&text.repeat(9), algorithm, Some("own"));
            assert_eq!(many, Err(KeyError::TooManyWithOneId.into()));
        }
    }

    #[test]
    fn what_is_no_signing_key_is_named_and_not_shown() {
        let public = EC_PEM.replace("PRIVATE", "PUBLIC");
        let sec1 = EC_PEM.replace("PRIVATE", "EC PRIVATE");
        let cut = "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n";
        let damaged =
            "-----BEGIN PRIVATE KEY\nMIGH\n-----MIGH\n-----END PRIVATE KEY\nMIGH\n-----\n";
        let rows = [
            ("", Algorithm::Es256, SigningKeyError::NotPem),
            ("secret", Algorithm::Es256, SigningKeyError::NotPem),
            (
                &public,
                Algorithm::Es256,
                SigningKeyError::NotPkcs8("PUBLIC KEY".into()),
            ),
            (
                &sec1,
                Algorithm::Es256,
                SigningKeyError::NotPkcs8("EC PRIVATE KEY".into()),
            ),
            (
                damaged,
                Algorithm::Es256,
                SigningKeyError::NotPkcs8("?".into()),
            ),
            (cut, Algorithm::Es256, SigningKeyError::Malformed),
            (
                EC_PEM,
                Algorithm::EdDsa,
                SigningKeyError::WrongAlgorithm(Algorithm::EdDsa),
            ),
            (
                ED_PEM,
                Algorithm::Es256,
                SigningKeyError::WrongAlgorithm(Algorithm::Es256),
            ),
        ];
        for (text, algorithm, wanted) in rows {
            assert_eq!(first(text, algorithm), Err(wanted), "{text}");
        }
    }
}
