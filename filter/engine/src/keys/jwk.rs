//! One JSON Web Key (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2), read and written.
//!
//! Keys are read less strictly than tokens: their publisher is trusted, and another encoding of a
//! number does not change it. A member that is `null` is absent, and so is an empty `kid`.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::error::KeyError;
use super::key::{KeyId, Kind, Material, PublicKey};
use crate::keys::algorithm::Algorithm;

/// The first byte of an uncompressed point (SEC 1 section 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// base64url (RFC 7515 section 2), with or without padding.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

type Members = Map<String, Value>;

/// Members that only private keys and shared secrets have (RFC 7518 sections 6.2.2, 6.3.2 and
/// 6.4.1, RFC 8037 section 2; `priv`: keys of the type AKP, such as those of ML-DSA).
const PRIVATE: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// Returns the first member of a JWK that only private keys and shared secrets have. Case does not
/// matter: a key that is spelled in another way is as private.
pub(super) fn private_member(entry: &Value) -> Option<&'static str> {
    let members = entry.as_object()?;
    let is_there = |name: &&str| {
        let mut members = members.iter();
        members.any(|(member, value)| member.eq_ignore_ascii_case(name) && !value.is_null())
    };
    PRIVATE.into_iter().find(is_there)
}

/// Reads a public JWK. One with private members is refused: whoever could read it where it was
/// published can sign with it.
pub(super) fn read(entry: &Value) -> Result<PublicKey, KeyError> {
    let key = read_public_half(entry);
    // A shared secret has an error of its own.
    if private_member(entry).is_some() && !matches!(key, Err(KeyError::Symmetric)) {
        return Err(KeyError::PrivateKey);
    }
    key
}

/// Reads the public members of a JWK. Members that only private keys have are not read.
pub(super) fn read_public_half(entry: &Value) -> Result<PublicKey, KeyError> {
    let members = entry.as_object().ok_or(KeyError::NotAnObject)?;
    for_signatures(members)?;
    let algorithm = text(members, "alg")?
        .map(|name| Algorithm::from_name(name).ok_or(KeyError::UnsupportedAlgorithm));
    let id = text(members, "kid")?
        .filter(|id| !id.is_empty())
        .map(KeyId::new);
    let key = match text(members, "kty")?.ok_or(KeyError::Member("kty"))? {
        "RSA" => PublicKey::rsa(&bytes(members, "n")?, &bytes(members, "e")?),
        "EC" => ecdsa(members),
        "OKP" => ed25519(members),
        "oct" => Err(KeyError::Symmetric),
        _ => Err(KeyError::UnsupportedType),
    }?;
    Ok(key.with_algorithm(algorithm.transpose()?)?.with_id(id))
}

/// What to call an entry in a message: its key id, or its place.
pub(super) fn name(entry: &Value, index: usize) -> String {
    let id = entry
        .get("kid")
        .and_then(Value::as_str)
        .filter(|id| !id.is_empty());
    id.map_or_else(|| format!("keys[{index}]"), str::to_owned)
}

/// Writes the public members, and `use`.
pub(super) fn write(key: &PublicKey) -> Value {
    let mut members = match key.material() {
        Material::Rsa(key) => json!({
            "kty": "RSA",
            "n": encode(key.modulus()),
            "e": encode(&key.exponent()),
        }),
        Material::P256(key) => point("P-256", key.to_sec1_point(false).as_bytes()),
        Material::P384(key) => point("P-384", key.to_sec1_point(false).as_bytes()),
        Material::P521(key) => point("P-521", key.to_sec1_point(false).as_bytes()),
        Material::Ed25519(key) => {
            json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(key.as_bytes()) })
        }
    };
    if let Some(members) = members.as_object_mut() {
        members.insert("use".to_owned(), "sig".into());
        members.extend(
            key.key_id()
                .map(|id| ("kid".to_owned(), id.as_str().into())),
        );
        members.extend(
            key.algorithm()
                .map(|algorithm| ("alg".to_owned(), algorithm.name().into())),
        );
    }
    members
}

/// `use` and `key_ops` (RFC 7517 sections 4.2 and 4.3): absent, or saying that signatures are
/// verified with it.
fn for_signatures(members: &Members) -> Result<(), KeyError> {
    if text(members, "use")?.is_some_and(|usage| usage != "sig") {
        return Err(KeyError::NotForSignatures);
    }
    match members.get("key_ops") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(operations))
            if operations.iter().any(|operation| operation == "verify") =>
        {
            Ok(())
        }
        Some(Value::Array(_)) => Err(KeyError::NotForSignatures),
        Some(_) => Err(KeyError::Member("key_ops")),
    }
}

fn ecdsa(members: &Members) -> Result<PublicKey, KeyError> {
    let (kind, size) = match text(members, "crv")?.ok_or(KeyError::Member("crv"))? {
        "P-256" => (Kind::P256, 32),
        "P-384" => (Kind::P384, 48),
        "P-521" => (Kind::P521, 66),
        _ => return Err(KeyError::UnsupportedCurve),
    };
    // Full size, leading zeros included (RFC 7518 section 6.2.1.2).
    let sized = |name| {
        bytes(members, name).and_then(|found| sized(found, size).ok_or(KeyError::Member(name)))
    };
    let mut point = vec![UNCOMPRESSED];
    point.extend(sized("x")?);
    point.extend(sized("y")?);
    PublicKey::ecdsa(kind, &point)
}

fn ed25519(members: &Members) -> Result<PublicKey, KeyError> {
    match text(members, "crv")?.ok_or(KeyError::Member("crv"))? {
        "Ed25519" => {
            PublicKey::ed25519(&sized(bytes(members, "x")?, 32).ok_or(KeyError::Member("x"))?)
        }
        _ => Err(KeyError::UnsupportedCurve),
    }
}

fn sized(bytes: Vec<u8>, size: usize) -> Option<Vec<u8>> {
    (bytes.len() == size).then_some(bytes)
}

fn text<'a>(members: &'a Members, name: &'static str) -> Result<Option<&'a str>, KeyError> {
    let value = members.get(name).filter(|value| !value.is_null());
    value
        .map(|value| value.as_str().ok_or(KeyError::Member(name)))
        .transpose()
}

/// A member that is bytes in base64url, or in base64 (RFC 4648 sections 4 and 5): only two
/// characters of the alphabets differ.
pub(super) fn bytes(members: &Members, name: &'static str) -> Result<Vec<u8>, KeyError> {
    let text = text(members, name)?.ok_or(KeyError::Member(name))?;
    BASE64URL
        .decode(text.replace('+', "-").replace('/', "_"))
        .map_err(|_| KeyError::Member(name))
}

/// A JWK of an uncompressed point: one byte of form, then the coordinates.
fn point(curve: &str, encoded: &[u8]) -> Value {
    let coordinates = encoded.get(1..).unwrap_or_default();
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y) })
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
