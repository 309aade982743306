//! A token as it was presented: well-formed, not verified (RFC 7515 section 7.1, RFC 7519 section
//! 7.2).
//!
//! jwt-compact's own parser is not used here: it keeps the last of two equal members, and it drops
//! what it does not know from the header, `crit` among it. Its `Algorithm` is used in
//! [`verify`](super::verify).

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::claims::Claims;
use crate::json::{self, JsonError};
use crate::keys::algorithm::Algorithm;

/// The longest token that is read, in bytes.
pub const MAX_TOKEN: usize = 48 * 1024;

/// One of the three parts of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    /// The JOSE header.
    Header,
    /// The claims.
    Payload,
    /// The signature.
    Signature,
}

impl fmt::Display for Segment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        })
    }
}

/// Why a text is not a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than [`MAX_TOKEN`].
    #[error("the token is longer than 48 KiB")]
    TooLong,
    /// Not a compact JWS: three segments, none empty.
    #[error("the token does not have three non-empty segments")]
    Segments,
    /// Padding, white space, the other alphabet, or bits left over.
    #[error("the {0} is not base64url without padding")]
    Base64(Segment),
    /// Not strict JSON; see [`json::parse`].
    #[error("the {0} is not acceptable JSON: {1}")]
    Json(Segment, #[source] JsonError),
    /// JSON, but not an object.
    #[error("the {0} is not a JSON object")]
    NotAnObject(Segment),
    /// `alg` is absent or not a string.
    #[error("the header has no algorithm")]
    NoAlgorithm,
    /// `alg` is not supported: `none`, `HS*`, unknown.
    #[error("the algorithm is not supported")]
    UnsupportedAlgorithm,
    /// `kid` is not a string.
    #[error("the key id is not a string")]
    KeyId,
    /// `crit` is present: it names extensions, and none is supported (RFC 7515 section 4.1.11).
    #[error("the header asks for extensions that are not supported")]
    Critical,
    /// `b64` other than true (RFC 7797 section 3).
    #[error("the payload is not encoded")]
    UnencodedPayload,
    /// It is explicitly typed as something else than an ID token or an access token (RFC 8725
    /// section 3.11), or it is a security event (RFC 8417 section 2.2), such as a logout token:
    /// signed with the same keys, but not the identity of a caller.
    #[error("the token is of a type that is no identity")]
    ForeignType,
}

/// A well-formed token whose signature is not verified yet.
#[derive(Clone)]
pub struct UnverifiedToken<'a> {
    message: &'a str,
    algorithm: Algorithm,
    key_id: Option<String>,
    claims: Arc<Claims>,
    signature: Vec<u8>,
}

impl<'a> UnverifiedToken<'a> {
    /// Reads a token in compact form, without scheme and without white space. `jwk`, `jku`, `x5u`,
    /// `x5c` and `cty` in the header are ignored. (The payload of a nested token is not a JSON
    /// object.)
    ///
    /// # Errors
    /// See [`TokenError`]. The length is checked before anything else.
    pub fn parse(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenError::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Segments)?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::Segments)?;
        if header.is_empty() || payload.is_empty() || signature.is_empty() || payload.contains('.')
        {
            return Err(TokenError::Segments);
        }
        let signature = decode(Segment::Signature, signature)?;
        let header = Header::read(&object(Segment::Header, header)?)?;
        let claims = Arc::new(Claims::new(object(Segment::Payload, payload)?));
        if claims.is_event() {
            return Err(TokenError::ForeignType);
        }
        Ok(Self {
            message,
            algorithm: header.algorithm,
            key_id: header.key_id,
            claims,
            signature,
        })
    }

    /// `alg`: what the token says, to be compared with the key.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `kid`; an empty one names no key.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The unverified claims: only for choosing an issuer.
    #[must_use]
    pub fn claims_unverified(&self) -> &Claims {
        &self.claims
    }

    /// Header and payload as they were signed (RFC 7515 section 5.2, step 8).
    #[must_use]
    pub const fn message(&self) -> &'a [u8] {
        self.message.as_bytes()
    }

    /// The signature, decoded.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    pub(super) fn shared_claims(&self) -> Arc<Claims> {
        Arc::clone(&self.claims)
    }
}

impl fmt::Debug for UnverifiedToken<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("UnverifiedToken([redacted])")
    }
}

struct Header {
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl Header {
    fn read(members: &Map<String, Value>) -> Result<Self, TokenError> {
        if members.contains_key("crit") {
            return Err(TokenError::Critical);
        }
        if members
            .get("b64")
            .is_some_and(|encoded| encoded != &Value::Bool(true))
        {
            return Err(TokenError::UnencodedPayload);
        }
        let name = members
            .get("alg")
            .and_then(Value::as_str)
            .ok_or(TokenError::NoAlgorithm)?;
        let algorithm = Algorithm::from_name(name).ok_or(TokenError::UnsupportedAlgorithm)?;
        let key_id = match members.get("kid") {
            None => None,
            Some(Value::String(id)) => Some(id.clone()).filter(|id| !id.is_empty()),
            Some(_) => return Err(TokenError::KeyId),
        };
        match members.get("typ") {
            None => {}
            Some(Value::String(name)) if is_identity_type(name) => {}
            Some(_) => return Err(TokenError::ForeignType),
        }
        Ok(Self { algorithm, key_id })
    }
}

/// What `typ` may say: any JWT (RFC 7519 section 5.1), or an access token (RFC 9068 section 2.1).
const IDENTITY_TYPES: [&str; 2] = ["JWT", "at+jwt"];
/// Of a media type, and may be left out (RFC 7515 section 4.1.9).
const PREFIX: &str = "application/";

/// Media types have no case (RFC 2045 section 5.1).
fn is_identity_type(name: &str) -> bool {
    let name = match name.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => name,
    };
    IDENTITY_TYPES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

fn object(segment: Segment, text: &str) -> Result<Map<String, Value>, TokenError> {
    match json::parse(&decode(segment, text)?) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(TokenError::NotAnObject(segment)),
        Err(error) => Err(TokenError::Json(segment, error)),
    }
}

fn decode(segment: Segment, text: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| TokenError::Base64(segment))
}

#[cfg(test)]
mod tests;
