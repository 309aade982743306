//! The envelope of a pushed key set: a compact JWS (RFC 7515) with HS256, so that any JOSE library can make one.
//!
//! Header `{"alg":"HS256","typ":"registry-auth-keys+jws"}`; payload `{"v":1,"set":NAME,"gen":N,"exp":SECONDS,"keys":JWKS}`.
//! The set `mint` is the one with a private key. Its header has the `typ` `registry-auth-signing-keys+jws`, so that no envelope with
//! a private key is ever taken for one of the others, nor one of those for it.
//! `gen` orders the sets of one name: Unix milliseconds, always increasing. After `exp` a set is as good as absent.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::config::MINT_SET;
use crate::json;
use crate::time::UnixTime;

/// The version of the payload that is written and read.
pub const VERSION: u64 = 1;

/// The largest envelope that is read, in bytes.
pub const MAX_ENVELOPE: usize = 1024 * 1024;

/// The shortest push key, in bytes: as long as the hash (RFC 7518 section 3.2).
pub const MIN_KEY: usize = 32;

const TYPE: &str = "registry-auth-keys+jws";
const SIGNING_TYPE: &str = "registry-auth-signing-keys+jws";

/// The secret that the shim and the filter share.
#[derive(Clone)]
pub struct PushKey(Vec<u8>);

/// The push key is shorter than [`MIN_KEY`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the push key is shorter than 32 bytes")]
pub struct PushKeyTooShort;

impl PushKey {
    /// Takes a key as it is, as bytes.
    ///
    /// # Errors
    /// When it is shorter than [`MIN_KEY`].
    pub fn new(key: &[u8]) -> Result<Self, PushKeyTooShort> {
        if key.len() < MIN_KEY { Err(PushKeyTooShort) } else { Ok(Self(key.to_vec())) }
    }

    /// Another key for another purpose: one block of HKDF-Expand (RFC 5869 section 2.3).
    pub(crate) fn derive(&self, purpose: &[u8]) -> Option<[u8; 32]> {
        self.mac(purpose).map(|mac| mac.chain_update([1]).finalize().into_bytes().into())
    }

    fn mac(&self, message: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(message);
        Some(mac)
    }
}

impl fmt::Debug for PushKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PushKey([redacted])")
    }
}

/// A key set on its way from the shim to the filter. Public keys only, but for the set `mint`.
#[derive(Clone, PartialEq)]
pub struct PushedKeys {
    /// The name of the set: `bearer`, `oidc:` and an issuer, or `mint`.
    pub set: String,
    /// Unix milliseconds at which the set was made; a newer set has a greater one.
    pub generation: u64,
    /// When the set ends, in whole seconds.
    pub not_after: UnixTime,
    /// The keys as a JWKS object.
    pub keys: Value,
}

impl PushedKeys {
    /// Whether the set has a private key.
    #[must_use]
    pub fn is_signing(&self) -> bool {
        self.set == MINT_SET
    }
}

impl fmt::Debug for PushedKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("PushedKeys");
        shown.field("set", &self.set).field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// Why an envelope is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Longer than [`MAX_ENVELOPE`].
    #[error("the envelope is larger than 1 MiB")]
    TooLarge,
    /// Not a compact JWS with the header and payload of this version.
    #[error("the envelope is malformed")]
    Malformed,
    /// Another version of the payload.
    #[error("the envelope has a version that is not supported")]
    Version,
    /// Made with another key, or changed.
    #[error("the envelope has a wrong MAC")]
    Mac,
    /// `exp` has passed.
    #[error("the envelope has expired")]
    Expired,
}

/// Makes an envelope.
#[must_use]
pub fn seal(keys: &PushedKeys, key: &PushKey) -> String {
    let header = json!({ "alg": "HS256", "typ": type_of(keys.is_signing()) }).to_string();
    let payload = json!({
        "v": VERSION,
        "set": keys.set,
        "gen": keys.generation,
        "exp": keys.not_after.secs(),
        "keys": keys.keys,
    });
    let mut envelope = format!("{}.{}", encode(header.as_bytes()), encode(payload.to_string().as_bytes()));
    // A MAC of any key length exists for HMAC, so the branch without one is never taken; it would be refused by every reader.
    let mac = key.mac(envelope.as_bytes()).map(|mac| encode(&mac.finalize().into_bytes())).unwrap_or_default();
    envelope.push('.');
    envelope.push_str(&mac);
    envelope
}

/// Opens an envelope. The MAC is checked before anything inside is read.
///
/// # Errors
/// See [`EnvelopeError`].
pub fn open(envelope: &[u8], key: &PushKey, now: UnixTime) -> Result<PushedKeys, EnvelopeError> {
    if envelope.len() > MAX_ENVELOPE {
        return Err(EnvelopeError::TooLarge);
    }
    let text = std::str::from_utf8(envelope).map_err(|_| EnvelopeError::Malformed)?.trim_end();
    let (signed, mac) = text.rsplit_once('.').ok_or(EnvelopeError::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(EnvelopeError::Malformed)?;
    let expected = key.mac(signed.as_bytes()).ok_or(EnvelopeError::Mac)?;
    expected.verify_slice(&decode(mac)?).map_err(|_| EnvelopeError::Mac)?;
    let header = object(&decode(header)?)?;
    let is = |name: &str, text: &str| header.get(name).and_then(Value::as_str) == Some(text);
    if !is("alg", "HS256") {
        return Err(EnvelopeError::Malformed);
    }
    let keys = read_payload(object(&decode(payload)?)?, now)?;
    if is("typ", type_of(keys.is_signing())) { Ok(keys) } else { Err(EnvelopeError::Malformed) }
}

const fn type_of(is_signing: bool) -> &'static str {
    if is_signing { SIGNING_TYPE } else { TYPE }
}

fn read_payload(mut payload: Map<String, Value>, now: UnixTime) -> Result<PushedKeys, EnvelopeError> {
    if payload.get("v").and_then(Value::as_u64).ok_or(EnvelopeError::Malformed)? != VERSION {
        return Err(EnvelopeError::Version);
    }
    let set = payload.get("set").and_then(Value::as_str).ok_or(EnvelopeError::Malformed)?.to_owned();
    let generation = payload.get("gen").and_then(Value::as_u64).ok_or(EnvelopeError::Malformed)?;
    let not_after = UnixTime::from_secs(payload.get("exp").and_then(Value::as_i64).ok_or(EnvelopeError::Malformed)?);
    let keys = payload.remove("keys").filter(Value::is_object).ok_or(EnvelopeError::Malformed)?;
    if not_after <= now { Err(EnvelopeError::Expired) } else { Ok(PushedKeys { set, generation, not_after, keys }) }
}

fn object(text: &[u8]) -> Result<Map<String, Value>, EnvelopeError> {
    match json::parse(text) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(EnvelopeError::Malformed),
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Result<Vec<u8>, EnvelopeError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| EnvelopeError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1000);

    fn key(byte: u8) -> PushKey {
        PushKey::new(&[byte; MIN_KEY]).unwrap()
    }

    fn sample() -> PushedKeys {
        let keys = json!({ "keys": [] });
        PushedKeys { set: "bearer".into(), generation: 7, not_after: UnixTime::from_secs(1001), keys }
    }

    fn signed(header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(payload.as_bytes()));
        let mac = encode(&key(1).mac(signed.as_bytes()).unwrap().finalize().into_bytes());
        format!("{signed}.{mac}")
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_key_until_it_ends() {
        let envelope = seal(&sample(), &key(1));
        assert_eq!(open(envelope.as_bytes(), &key(1), NOW), Ok(sample()));
        assert_eq!(open(envelope.as_bytes(), &key(2), NOW), Err(EnvelopeError::Mac));
        assert_eq!(open(envelope.as_bytes(), &key(1), UnixTime::from_secs(1001)), Err(EnvelopeError::Expired));
    }

    #[test]
    fn a_private_key_travels_in_an_envelope_of_its_own_kind() {
        let sealed = PushedKeys { set: "mint".into(), ..sample() };
        let envelope = seal(&sealed, &key(1));
        assert_eq!(open(envelope.as_bytes(), &key(1), NOW).map(|keys| keys.is_signing()), Ok(true));
        assert!(!sample().is_signing());
        let header = |kind: &str| json!({ "alg": "HS256", "typ": kind }).to_string();
        let payload = |set: &str| json!({ "v": 1, "set": set, "gen": 1, "exp": 2000, "keys": {} }).to_string();
        for (kind, set, accepted) in [
            (TYPE, "bearer", true),
            (SIGNING_TYPE, "mint", true),
            (SIGNING_TYPE, "bearer", false),
            (SIGNING_TYPE, "oidc:mint", false),
            (TYPE, "mint", false),
        ] {
            let opened = open(signed(&header(kind), &payload(set)).as_bytes(), &key(1), NOW);
            assert_eq!(opened.is_ok(), accepted, "{kind} {set}");
        }
        let private = PushedKeys { keys: json!({ "keys": [{ "d": "tops3cret" }] }), ..sealed };
        assert!(!format!("{private:?}").contains("tops3cret"));
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let envelope = seal(&sample(), &key(1));
        for index in 0..envelope.len() {
            let mut changed = envelope.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            assert!(open(&changed, &key(1), NOW).is_err(), "byte {index}");
        }
    }

    #[test]
    fn a_signed_envelope_of_another_form_is_refused() {
        let header = r#"{"alg":"HS256","typ":"registry-auth-keys+jws"}"#;
        let rows = [
            (header, r#"{"v":2,"set":"a","gen":1,"exp":2000,"keys":{}}"#, EnvelopeError::Version),
            (header, r#"{"v":1,"set":1,"gen":1,"exp":2000,"keys":{}}"#, EnvelopeError::Malformed),
            (header, r#"{"v":1,"set":"a","gen":-1,"exp":2000,"keys":{}}"#, EnvelopeError::Malformed),
            (header, r#"{"v":1,"set":"a","gen":1,"exp":"2000","keys":{}}"#, EnvelopeError::Malformed),
            (header, r#"{"v":1,"set":"a","gen":1,"exp":2000,"keys":[]}"#, EnvelopeError::Malformed),
            (header, r#"{"v":1,"v":1,"set":"a","gen":1,"exp":2000,"keys":{}}"#, EnvelopeError::Malformed),
            (header, "[]", EnvelopeError::Malformed),
            (r#"{"alg":"none","typ":"registry-auth-keys+jws"}"#, "{}", EnvelopeError::Malformed),
            (r#"{"alg":"HS256","typ":"JWT"}"#, "{}", EnvelopeError::Malformed),
        ];
        for (header, payload, wanted) in rows {
            assert_eq!(open(signed(header, payload).as_bytes(), &key(1), NOW), Err(wanted), "{header} {payload}");
        }
        assert_eq!(open(b"", &key(1), NOW), Err(EnvelopeError::Malformed));
        assert_eq!(open(b"\xff", &key(1), NOW), Err(EnvelopeError::Malformed));
        assert_eq!(open(&vec![b'a'; MAX_ENVELOPE + 1], &key(1), NOW), Err(EnvelopeError::TooLarge));
    }

    #[test]
    fn a_short_push_key_is_refused_and_none_is_shown() {
        assert_eq!(PushKey::new(&[1; MIN_KEY - 1]).err(), Some(PushKeyTooShort));
        assert_eq!(format!("{:?}", key(65)), "PushKey([redacted])");
    }
}
