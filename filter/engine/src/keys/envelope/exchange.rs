//! What shim and intake say of themselves, so that each knows the other by the push key: the
//! request and the response of an exchange, as JWS. The response repeats the nonce of the request,
//! so that it answers this request and no other.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::jws::{self, JwsError, decode, encode};
use super::push_key::{Purpose, PushKey};
use super::{MAX_CLOCK_DIFFERENCE, VERSION};
use crate::time::UnixTime;

/// The largest request or response that is read, in bytes.
pub const MAX_MESSAGE: usize = 4096;

/// The fewest and most bytes of a nonce.
pub(crate) const NONCE: std::ops::RangeInclusive<usize> = 16..=64;

const REQUEST_TYPE: &str = "registry-auth-request+jws";
const RESPONSE_TYPE: &str = "registry-auth-response+jws";

/// What a request to the intake says of itself, in its `Authorization` field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushRequest {
    /// The name of the set that is asked for or pushed.
    pub set: String,
    /// Chosen at random for this request.
    pub nonce: Vec<u8>,
    /// When it was made, in whole seconds.
    pub at: UnixTime,
    /// The generation that is pushed; `None` in a question.
    pub generation: Option<u64>,
}

/// What the intake answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushResponse {
    /// The HTTP status that it is sent with.
    pub status: u16,
    /// The generation that is held now, 0 for none.
    pub generation: u64,
    /// A filter met a key id that is not in the set of that generation.
    pub wanted: bool,
    /// False if the intake reads no request bodies: an envelope has to come in header fields
    /// ([`pieces`](super::pieces)).
    pub reads_bodies: bool,
    /// Why the request was refused.
    pub error: Option<String>,
}

/// Why a request or a response is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// Not made with this push key for this exchange.
    #[error("it does not prove the push key")]
    Unproven,
    /// Of another version.
    #[error("it is of another version of the push protocol")]
    Version,
    /// Made too long ago, or ahead of the clock.
    #[error("it was made more than 5 minutes ago or ahead, check the clocks")]
    Clock,
}

impl PushRequest {
    /// The text of the request.
    #[must_use]
    pub fn sign(&self, key: &PushKey) -> String {
        let mut payload = json!({
            "v": VERSION,
            "set": self.set,
            "nonce": encode(&self.nonce),
            "at": self.at.secs(),
        });
        if let (Some(members), Some(generation)) = (payload.as_object_mut(), self.generation) {
            members.insert("gen".to_owned(), generation.into());
        }
        jws::sign(REQUEST_TYPE, &payload, key, Purpose::Request)
    }

    /// Reads a request.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub fn verify(text: &[u8], key: &PushKey, now: UnixTime) -> Result<Self, ExchangeError> {
        let payload = verify(text, key, Purpose::Request, REQUEST_TYPE, MAX_MESSAGE)?;
        let set = text_of(&payload, "set")?.to_owned();
        let nonce = bytes_of(&payload, "nonce")?;
        let at = time_of(&payload, "at")?;
        let generation = match payload.get("gen") {
            None => None,
            Some(generation) => Some(generation.as_u64().ok_or(ExchangeError::Unproven)?),
        };
        let request = Self {
            set,
            nonce,
            at,
            generation,
        };
        if !NONCE.contains(&request.nonce.len()) {
            return Err(ExchangeError::Unproven);
        }
        check_clock(request.at, now, MAX_CLOCK_DIFFERENCE)?;
        Ok(request)
    }
}

impl PushResponse {
    /// The text of the response to `request`.
    #[must_use]
    pub fn sign(&self, request: &PushRequest, key: &PushKey) -> String {
        let mut payload = json!({
            "v": VERSION,
            "set": request.set,
            "nonce": encode(&request.nonce),
            "status": self.status,
            "gen": self.generation,
            "wanted": self.wanted,
        });
        if let Some(members) = payload.as_object_mut() {
            if !self.reads_bodies {
                members.insert("bodies".to_owned(), false.into());
            }
            if let Some(error) = &self.error {
                members.insert("error".to_owned(), error.as_str().into());
            }
        }
        jws::sign(RESPONSE_TYPE, &payload, key, Purpose::Response)
    }

    /// Reads the response to `request` that came with an HTTP status.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub fn verify(
        text: &[u8],
        status: u16,
        request: &PushRequest,
        key: &PushKey,
    ) -> Result<Self, ExchangeError> {
        let payload = verify(text, key, Purpose::Response, RESPONSE_TYPE, MAX_MESSAGE)?;
        let number = |name: &str| payload.get(name).and_then(Value::as_u64);
        let same = text_of(&payload, "set")? == request.set
            && text_of(&payload, "nonce")? == encode(&request.nonce)
            && number("status") == Some(u64::from(status));
        let wanted = payload.get("wanted").and_then(Value::as_bool);
        let reads_bodies = payload.get("bodies").map_or(Some(true), Value::as_bool);
        match (same, number("gen"), wanted, reads_bodies) {
            (true, Some(generation), Some(wanted), Some(reads_bodies)) => {
                let error = payload
                    .get("error")
                    .and_then(Value::as_str)
                    .map(str::to_owned);
                Ok(Self {
                    status,
                    generation,
                    wanted,
                    reads_bodies,
                    error,
                })
            }
            _ => Err(ExchangeError::Unproven),
        }
    }
}

impl From<JwsError> for ExchangeError {
    fn from(_: JwsError) -> Self {
        Self::Unproven
    }
}

/// Reads the payload of a message of this type and version.
///
/// # Errors
/// Longer than `max` bytes, of another type or version, or not made with this push key.
pub(crate) fn verify(
    text: &[u8],
    key: &PushKey,
    purpose: Purpose,
    kind: &str,
    max: usize,
) -> Result<Map<String, Value>, ExchangeError> {
    if text.len() > max {
        return Err(ExchangeError::Unproven);
    }
    let signed = jws::verify(text, key, purpose)?;
    if signed.kind != kind {
        return Err(ExchangeError::Unproven);
    }
    match signed.payload.get("v").and_then(Value::as_u64) {
        Some(VERSION) => Ok(signed.payload),
        _ => Err(ExchangeError::Version),
    }
}

/// A member that is text.
pub(crate) fn text_of<'a>(
    payload: &'a Map<String, Value>,
    name: &str,
) -> Result<&'a str, ExchangeError> {
    payload
        .get(name)
        .and_then(Value::as_str)
        .ok_or(ExchangeError::Unproven)
}

/// A member that is bytes in BASE64URL.
pub(crate) fn bytes_of(payload: &Map<String, Value>, name: &str) -> Result<Vec<u8>, ExchangeError> {
    Ok(decode(text_of(payload, name)?)?)
}

/// A member that is a time in whole seconds.
pub(crate) fn time_of(payload: &Map<String, Value>, name: &str) -> Result<UnixTime, ExchangeError> {
    payload
        .get(name)
        .and_then(Value::as_i64)
        .map(UnixTime::from_secs)
        .ok_or(ExchangeError::Unproven)
}

/// Refuses what was made further from now than `most`.
pub(crate) fn check_clock(
    at: UnixTime,
    now: UnixTime,
    most: Duration,
) -> Result<(), ExchangeError> {
    if now.since(at).max(at.since(now)) > most {
        Err(ExchangeError::Clock)
    } else {
        Ok(())
    }
}
