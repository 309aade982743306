//! The shim's side of the intake, written from its description: the envelope and the request that carries it.

use anyhow::{Result, anyhow};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use registry_auth::time::UnixTime;
use serde_json::{Value, json};

use crate::client::Request;
use crate::key;
use crate::substrate::PUSH_KEY;

/// How long a pushed set is good.
const LIFE: i64 = 3600;

/// The payload of an envelope for the set `bearer`, made at `now`.
///
/// # Errors
/// A key is unknown.
pub fn payload(keys: &[String], now: UnixTime) -> Result<Value> {
    let names: Vec<&str> = keys.iter().map(String::as_str).collect();
    let (generation, expires) = (now.millis(), now.secs().saturating_add(LIFE));
    Ok(json!({"v": 1, "set": "bearer", "gen": generation, "exp": expires, "keys": key::jwks(&names)?}))
}

/// Seals a payload with a push key: a compact JWS with HS256.
#[must_use]
pub fn seal(payload: &Value, push_key: &str) -> String {
    let header = json!({"alg": "HS256", "typ": "registry-auth-keys+jws"});
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let input = format!("{}.{}", encode(header.to_string().as_bytes()), encode(payload.to_string().as_bytes()));
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, push_key.as_bytes()), input.as_bytes());
    format!("{input}.{}", encode(mac.as_ref()))
}

/// The `PUT` of an envelope with these test keys.
///
/// # Errors
/// A key is unknown.
pub fn request(keys: &[String], now: UnixTime) -> Result<Request> {
    let envelope = seal(&payload(keys, now)?, PUSH_KEY);
    let request = Request::new("PUT", "/v1/keys/bearer").header("content-type", "application/jose");
    Ok(request.body(envelope.into_bytes()))
}

/// A fresh push key.
///
/// # Errors
/// The system has no random bytes.
pub fn random_key() -> Result<String> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| anyhow!("no random bytes"))?;
    Ok(BASE64_STANDARD.encode(bytes))
}
