//! A compact JWS (RFC 7515) with HS256 over a JSON object: what the push protocol says, it says in
//! these.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::push_key::{Purpose, PushKey};
use crate::json;

/// Why a JWS is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JwsError {
    /// Not of this form.
    Malformed,
    /// Made with another key or for another purpose, or changed.
    Mac,
}

/// What a JWS with a good MAC holds.
pub(crate) struct Signed {
    /// `typ` of the header.
    pub(crate) kind: String,
    /// The payload.
    pub(crate) payload: Map<String, Value>,
}

/// Signs a payload.
pub(crate) fn sign(kind: &str, payload: &Value, key: &PushKey, purpose: Purpose) -> String {
    let header = json!({ "alg": "HS256", "typ": kind }).to_string();
    let mut text = format!(
        "{}.{}",
        encode(header.as_bytes()),
        encode(payload.to_string().as_bytes())
    );
    // A MAC of any key length exists for HMAC, so the branch without one is never taken; it would
    // be refused by every reader.
    let mac = mac(&text, key, purpose)
        .map(|mac| encode(&mac.finalize().into_bytes()))
        .unwrap_or_default();
    text.push('.');
    text.push_str(&mac);
    text
}

/// Verifies a JWS. The MAC is checked before anything inside is read.
///
/// # Errors
/// See [`JwsError`].
pub(crate) fn verify(text: &[u8], key: &PushKey, purpose: Purpose) -> Result<Signed, JwsError> {
    let text = std::str::from_utf8(text)
        .map_err(|_| JwsError::Malformed)?
        .trim_end();
    let (signed, tag) = text.rsplit_once('.').ok_or(JwsError::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(JwsError::Malformed)?;
    let expected = mac(signed, key, purpose).ok_or(JwsError::Mac)?;
    expected
        .verify_slice(&decode(tag)?)
        .map_err(|_| JwsError::Mac)?;
    let header = object(&decode(header)?)?;
    let member = |name: &str| header.get(name).and_then(Value::as_str);
    match (member("alg"), member("typ")) {
        (Some("HS256"), Some(kind)) => Ok(Signed {
            kind: kind.to_owned(),
            payload: object(&decode(payload)?)?,
        }),
        _ => Err(JwsError::Malformed),
    }
}

fn mac(signed: &str, key: &PushKey, purpose: Purpose) -> Option<Hmac<Sha256>> {
    Some(
        Hmac::<Sha256>::new_from_slice(&key.derive(purpose)?)
            .ok()?
            .chain_update(signed),
    )
}

fn object(text: &[u8]) -> Result<Map<String, Value>, JwsError> {
    match json::parse(text) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(JwsError::Malformed),
    }
}

/// BASE64URL without padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads BASE64URL without padding.
///
/// # Errors
/// It is something else.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, JwsError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| JwsError::Malformed)
}
