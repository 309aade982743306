//! The shim's side of the intake, written from its description: the envelope and the request that carries it.

use anyhow::{Result, anyhow};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use registry_auth::time::UnixTime;
use serde_json::{Value, json};

use crate::client::Request;
use crate::key::{self, TestKey};
use crate::substrate::PUSH_KEY;

/// How long a pushed set is good.
const LIFE: i64 = 3600;

/// The payload of an envelope, made at `now`.
#[must_use]
pub fn payload(set: &str, keys: &Value, now: UnixTime) -> Value {
    let (generation, expires) = (now.millis(), now.secs().saturating_add(LIFE));
    json!({"v": 1, "set": set, "gen": generation, "exp": expires, "keys": keys})
}

/// Seals a payload with a push key: a compact JWS with HS256.
#[must_use]
pub fn seal(payload: &Value, push_key: &str) -> String {
    let kind = if payload.get("set").is_some_and(|set| set == "mint") {
        "registry-auth-signing-keys+jws"
    } else {
        "registry-auth-keys+jws"
    };
    let header = json!({"alg": "HS256", "typ": kind});
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let input = format!("{}.{}", encode(header.to_string().as_bytes()), encode(payload.to_string().as_bytes()));
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, push_key.as_bytes()), input.as_bytes());
    format!("{input}.{}", encode(mac.as_ref()))
}

/// The key sets that the shim pushes for a configuration: names, and JWK Sets.
///
/// # Errors
/// A key is unknown.
pub fn sets(pushed: Option<&[String]>, minting: Option<&str>) -> Result<Vec<(&'static str, Value)>> {
    let mut sets = Vec::new();
    if let Some(keys) = pushed {
        let names: Vec<&str> = keys.iter().map(String::as_str).collect();
        sets.push(("bearer", key::jwks(&names)?));
    }
    if let Some(name) = minting {
        sets.push(("mint", json!({"keys": [TestKey::named(name)?.private_jwk()?]})));
    }
    Ok(sets)
}

/// The `PUT` of an envelope with these keys.
#[must_use]
pub fn request(set: &str, keys: &Value, now: UnixTime) -> Request {
    let envelope = seal(&payload(set, keys, now), PUSH_KEY);
    let request = Request::new("PUT", &format!("/v1/keys/{set}")).header("content-type", "application/jose");
    request.body(envelope.into_bytes())
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
