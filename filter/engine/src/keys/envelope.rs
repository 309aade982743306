//! The push protocol between shim and filter, version 2; `host-shim/README.md` describes it for
//! other programs.
//!
//! An envelope carries a key set: a compact JWS (RFC 7515) with HS256, so that any JOSE library can
//! make one. Header `{"alg":"HS256","typ":"registry-auth-keys+jws"}`; payload
//! `{"v":2,"set":NAME,"gen":N,"exp":SECONDS,"keys":JWKS}`. The sets `mint:...` are those with a
//! private key. Their `typ` is `registry-auth-signing-keys+jws`, and in the place of `keys` they
//! have `sealed`, the encrypted JWKS; so no envelope with a private key is ever taken for one of
//! the others, nor one of those for it. `gen` orders the sets of one name: Unix milliseconds,
//! always increasing. After `exp` a set is treated as absent.

pub(crate) mod cipher;
pub(crate) mod exchange;
pub(crate) mod jws;
pub mod pieces;
mod push_key;
mod set_name;

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value, json};

use self::cipher::Binding;
pub use self::cipher::NONCE_LENGTH;
pub use self::exchange::{ExchangeError, MAX_MESSAGE, PushRequest, PushResponse};
use self::jws::JwsError;
pub(crate) use self::push_key::Purpose;
pub use self::push_key::{MIN_KEY, PushKey, PushKeyTooShort};
pub use self::set_name::{
    LOGIN_SET, MAX_NAME, is_signing_set, issuer_set, secret_set, signing_set,
};
use crate::time::UnixTime;

/// The version of the protocol that is written and read.
pub const VERSION: u64 = 2;

/// The largest envelope that is read, in bytes.
pub const MAX_ENVELOPE: usize = 1024 * 1024;

/// How far the clocks of shim and proxy may be apart: requests that are older, and generations that
/// are further ahead, are refused.
pub const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_mins(5);

/// The longest time from the generation of a set to its end, and so the longest `maxStale` of a
/// pushed set.
pub const MAX_LIFE: Duration = Duration::from_hours(744);

const TYPE: &str = "registry-auth-keys+jws";
const SIGNING_TYPE: &str = "registry-auth-signing-keys+jws";

/// A key set on its way from the shim to the filter. Public keys only, but for a set `mint:...`.
#[derive(Clone, PartialEq)]
pub struct PushedKeys {
    /// The name of the set: see [`secret_set`], [`signing_set`], [`issuer_set`].
    pub set: String,
    /// Unix milliseconds at which the set was made; a newer set has a greater one.
    pub generation: u64,
    /// When the set ends, in whole seconds.
    pub not_after: UnixTime,
    /// The keys as a JWKS object.
    pub keys: Value,
}

impl PushedKeys {
    /// Returns true if the set has a private key.
    #[must_use]
    pub fn is_signing(&self) -> bool {
        is_signing_set(&self.set)
    }

    fn binding(&self) -> Binding<'_> {
        Binding {
            set: &self.set,
            generation: self.generation,
            not_after: self.not_after,
        }
    }
}

impl fmt::Debug for PushedKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("PushedKeys");
        shown
            .field("set", &self.set)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
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
    /// `gen` is further ahead of the clock than [`MAX_CLOCK_DIFFERENCE`].
    #[error("the generation of the envelope is more than 5 minutes ahead of the clock")]
    Ahead,
    /// `exp` is further behind `gen` than [`MAX_LIFE`].
    #[error("the envelope would last longer than 31 days")]
    TooLong,
}

/// Makes an envelope. `nonce` is chosen at random for it; only a set with a private key needs it.
#[must_use]
pub fn seal(keys: &PushedKeys, key: &PushKey, nonce: &[u8; NONCE_LENGTH]) -> String {
    let (kind, member, content) = if keys.is_signing() {
        // Encryption fails for texts of gigabytes only; what has no text then is refused by every
        // reader.
        let sealed = cipher::encrypt(&keys.keys, keys.binding(), key, nonce).unwrap_or_default();
        (SIGNING_TYPE, "sealed", Value::from(sealed))
    } else {
        (TYPE, "keys", keys.keys.clone())
    };
    let payload = json!({
        "v": VERSION,
        "set": keys.set,
        "gen": keys.generation,
        "exp": keys.not_after.secs(),
        member: content,
    });
    jws::sign(kind, &payload, key, Purpose::Envelope)
}

/// Opens an envelope. The MAC is checked before anything inside is read.
///
/// # Errors
/// See [`EnvelopeError`].
pub fn open(envelope: &[u8], key: &PushKey, now: UnixTime) -> Result<PushedKeys, EnvelopeError> {
    if envelope.len() > MAX_ENVELOPE {
        return Err(EnvelopeError::TooLarge);
    }
    let signed = jws::verify(envelope, key, Purpose::Envelope)?;
    let mut payload = signed.payload;
    let mut pushed = read_head(&payload)?;
    check_time(&pushed, now)?;
    let keys = match (
        signed.kind.as_str(),
        pushed.is_signing(),
        payload.remove("keys"),
        payload.remove("sealed"),
    ) {
        (TYPE, false, Some(keys), None) => Some(keys),
        (SIGNING_TYPE, true, None, Some(Value::String(sealed))) => {
            cipher::decrypt(&sealed, pushed.binding(), key)
        }
        _ => None,
    };
    pushed.keys = keys
        .filter(Value::is_object)
        .ok_or(EnvelopeError::Malformed)?;
    Ok(pushed)
}

/// Everything but the keys.
fn read_head(payload: &Map<String, Value>) -> Result<PushedKeys, EnvelopeError> {
    if payload
        .get("v")
        .and_then(Value::as_u64)
        .ok_or(EnvelopeError::Malformed)?
        != VERSION
    {
        return Err(EnvelopeError::Version);
    }
    let set = payload
        .get("set")
        .and_then(Value::as_str)
        .ok_or(EnvelopeError::Malformed)?
        .to_owned();
    let generation = payload
        .get("gen")
        .and_then(Value::as_u64)
        .ok_or(EnvelopeError::Malformed)?;
    let not_after = UnixTime::from_secs(
        payload
            .get("exp")
            .and_then(Value::as_i64)
            .ok_or(EnvelopeError::Malformed)?,
    );
    Ok(PushedKeys {
        set,
        generation,
        not_after,
        keys: Value::Null,
    })
}

fn check_time(pushed: &PushedKeys, now: UnixTime) -> Result<(), EnvelopeError> {
    let made = made(pushed.generation);
    if pushed.not_after <= now {
        Err(EnvelopeError::Expired)
    } else if is_ahead(pushed.generation, now) {
        Err(EnvelopeError::Ahead)
    } else if pushed.not_after > made.after(MAX_LIFE) {
        Err(EnvelopeError::TooLong)
    } else {
        Ok(())
    }
}

/// Returns true if no set of this generation can have been made yet, even by a clock that is ahead.
#[must_use]
pub fn is_ahead(generation: u64, now: UnixTime) -> bool {
    made(generation) > now.after(MAX_CLOCK_DIFFERENCE)
}

/// When a set of this generation was made.
#[must_use]
pub fn made(generation: u64) -> UnixTime {
    UnixTime::from_millis(i64::try_from(generation).unwrap_or(i64::MAX))
}

impl From<JwsError> for EnvelopeError {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::Malformed => Self::Malformed,
            JwsError::Mac => Self::Mac,
        }
    }
}

#[cfg(test)]
mod tests;
