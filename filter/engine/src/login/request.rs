//! The proof that a question to the login service is of the filter.

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::keys::envelope::exchange::{
    ExchangeError, MAX_MESSAGE, NONCE, bytes_of, check_clock, time_of, verify,
};
use crate::keys::envelope::jws::{encode, sign};
use crate::keys::envelope::{MAX_CLOCK_DIFFERENCE, Purpose, PushKey, VERSION};
use crate::time::UnixTime;

const TYPE: &str = "registry-auth-login+jws";

/// What a question says of itself, in the field `Authorization` of its request, as a bearer: a
/// compact JWS with HS256, header `{"alg":"HS256","typ":"registry-auth-login+jws"}`, payload
/// `{"v":2,"nonce":BASE64URL,"at":SECONDS,"body":BASE64URL of the SHA-256 of the body}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginRequest {
    /// Chosen at random for this request, 16 to 64 bytes; the service takes each once.
    pub nonce: Vec<u8>,
    /// When it was made, in whole seconds.
    pub at: UnixTime,
}

impl LoginRequest {
    /// The text for a body.
    #[must_use]
    pub fn sign(&self, body: &[u8], key: &PushKey) -> String {
        let payload = json!({
            "v": VERSION,
            "nonce": encode(&self.nonce),
            "at": self.at.secs(),
            "body": encode(&Sha256::digest(body)),
        });
        sign(TYPE, &payload, key, Purpose::Login)
    }

    /// Reads a text that came with a body. Whether the nonce is new is up to the caller.
    ///
    /// # Errors
    /// Not made with this push key for this body, or more than
    /// [`MAX_CLOCK_DIFFERENCE`] from now.
    pub fn verify(
        text: &[u8],
        body: &[u8],
        key: &PushKey,
        now: UnixTime,
    ) -> Result<Self, ExchangeError> {
        let payload = verify(text, key, Purpose::Login, TYPE, MAX_MESSAGE)?;
        let request = Self {
            nonce: bytes_of(&payload, "nonce")?,
            at: time_of(&payload, "at")?,
        };
        // Nothing of this is secret any more: the MAC is good.
        let is_of_body = bytes_of(&payload, "body")? == Sha256::digest(body).as_slice();
        if !NONCE.contains(&request.nonce.len()) || !is_of_body {
            return Err(ExchangeError::Unproven);
        }
        check_clock(request.at, now, MAX_CLOCK_DIFFERENCE)?;
        Ok(request)
    }
}
