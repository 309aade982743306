//! The shim's side of the intake, written from its description: the envelope, and the request that
//! carries it.

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use registry_auth_engine::time::UnixTime;
use serde_json::{Value, json};

use crate::client::{Request, Response};
use crate::key::{self, TestKey};
use crate::login::Ended;
use crate::substrate::PUSH_KEY;

/// How long a pushed set is valid.
const LIFE: i64 = 3600;
/// The nonce of requests here: what answers an earlier one is tried on purpose only.
const NONCE: [u8; 32] = [9; 32];

/// The payload of an envelope, made at `now`.
#[must_use]
pub fn payload(set: &str, keys: &Value, now: UnixTime) -> Value {
    let (generation, expires) = (now.millis(), now.secs().saturating_add(LIFE));
    json!({"v": 2, "set": set, "gen": generation, "exp": expires, "keys": keys})
}

/// Seals a payload with a push key: a compact JWS with HS256. The keys of a private set are
/// encrypted.
#[must_use]
pub fn seal(payload: &Value, push_key: &str) -> String {
    let mut payload = payload.clone();
    let set = payload
        .get("set")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    if !set.starts_with("mint:") {
        return sign(
            "registry-auth-keys+jws",
            &payload,
            &derived(push_key, "envelope"),
        );
    }
    if let Value::Object(members) = &mut payload {
        let binding = [member(members.get("gen")), member(members.get("exp")), set].join(" ");
        if let Some(keys) = members.remove("keys") {
            let sealed = encrypt(
                &keys.to_string(),
                &binding,
                &derived(push_key, "encryption"),
            );
            members.insert("sealed".to_owned(), sealed.into());
        }
    }
    sign(
        "registry-auth-signing-keys+jws",
        &payload,
        &derived(push_key, "envelope"),
    )
}

fn member(value: Option<&Value>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

/// The key for a purpose.
fn derived(push_key: &str, purpose: &str) -> Vec<u8> {
    let text = format!("registry-auth push 2 {purpose}\u{1}");
    hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, push_key.as_bytes()),
        text.as_bytes(),
    )
    .as_ref()
    .to_vec()
}

/// Reads a compact JWS with HS256 of this type that is made with a key of the push key.
///
/// # Errors
/// It is not.
pub fn verify(kind: &str, purpose: &str, text: &str) -> Result<Value> {
    let payload = text.split('.').nth(1).context("no payload")?;
    let payload: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload)?)?;
    let expected = sign(kind, &payload, &derived(PUSH_KEY, purpose));
    // The members have one order here and in the filter.
    ensure!(text == expected, "it does not prove the push key");
    Ok(payload)
}

fn sign(kind: &str, payload: &Value, key: &[u8]) -> String {
    let header = json!({"alg": "HS256", "typ": kind});
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let input = format!(
        "{}.{}",
        encode(header.to_string().as_bytes()),
        encode(payload.to_string().as_bytes())
    );
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), input.as_bytes());
    format!("{input}.{}", encode(mac.as_ref()))
}

/// XChaCha20-Poly1305: `ChaCha20-Poly1305` (RFC 8439) with a key from the first 16 bytes of the
/// nonce.
fn encrypt(text: &str, binding: &str, key: &[u8]) -> String {
    const NONCE: [u8; 24] = [5; 24];
    let (begin, end) = NONCE.split_at(16);
    let nonce: Vec<u8> = [&[0; 4], end].concat();
    let mut bytes = text.as_bytes().to_vec();
    let sealed = UnboundKey::new(&CHACHA20_POLY1305, &subkey(key, begin)).and_then(|key| {
        let nonce = Nonce::try_assume_unique_for_key(&nonce)?;
        LessSafeKey::new(key).seal_in_place_append_tag(nonce, Aad::from(binding), &mut bytes)
    });
    // What could not be encrypted does not open.
    sealed
        .map(|()| BASE64_URL_SAFE_NO_PAD.encode([NONCE.as_slice(), &bytes].concat()))
        .unwrap_or_default()
}

/// `HChaCha20` (draft-irtf-cfrg-xchacha-03 section 2.2).
fn subkey(key: &[u8], nonce: &[u8]) -> Vec<u8> {
    const COLUMNS: [[usize; 4]; 4] = [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15]];
    const DIAGONALS: [[usize; 4]; 4] =
        [[0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]];
    let words = [b"expand 32-byte k".as_slice(), key, nonce].concat();
    let words = words.chunks(4).map(|word| {
        word.iter()
            .rev()
            .fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
    });
    let mut state: Vec<u32> = words.collect();
    for quarter in std::iter::repeat_n(COLUMNS.into_iter().chain(DIAGONALS), 10).flatten() {
        quarter_round(&mut state, quarter);
    }
    let ends = state.iter().take(4).chain(state.iter().skip(12));
    ends.flat_map(|word| word.to_le_bytes()).collect()
}

/// RFC 8439 section 2.1.
fn quarter_round(state: &mut [u32], [a, b, c, d]: [usize; 4]) {
    let word = |state: &[u32], index: usize| state.get(index).copied().unwrap_or_default();
    for (to, from, turned, bits) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
        let sum = word(state, to).wrapping_add(word(state, from));
        let other = (word(state, turned) ^ sum).rotate_left(bits);
        for (index, value) in [(to, sum), (turned, other)] {
            if let Some(place) = state.get_mut(index) {
                *place = value;
            }
        }
    }
}

/// The key sets that the shim pushes for a plugin configuration: names, and JWK Sets.
///
/// # Errors
/// A key is unknown.
pub fn sets(
    plugin: &Value,
    pushed: Option<&[String]>,
    minting: Option<&str>,
    login: Option<&Ended>,
) -> Result<Vec<(String, Value)>> {
    let bearer = plugin.pointer("/http/auth/bearer");
    let name = |kind: &str, section: Option<&Value>| {
        let place = section.and_then(|section| section.get("awsSecretsManager"));
        let part = |name: &str| {
            place
                .and_then(|place| place.get(name))
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        format!("{kind}:{}/{}", part("region"), part("secretName"))
    };
    let mut sets = Vec::new();
    if let Some(keys) = pushed {
        let names: Vec<&str> = keys.iter().map(String::as_str).collect();
        sets.push((name("secret", bearer), key::jwks(&names)?));
    }
    if let Some(key) = minting {
        let set = name("mint", bearer.and_then(|bearer| bearer.get("mint")));
        sets.push((set, json!({"keys": [TestKey::named(key)?.private_jwk()?]})));
    }
    if let Some(ended) = login {
        sets.push(("login".to_owned(), ended.set()?));
    }
    Ok(sets)
}

/// The `PUT` of an envelope with these keys.
#[must_use]
pub fn request(set: &str, keys: &Value, now: UnixTime) -> Request {
    let payload = payload(set, keys, now);
    put(set, &payload, &seal(&payload, PUSH_KEY), now)
}

/// The `PUT` of an envelope that is said to hold this payload.
#[must_use]
pub fn put(set: &str, payload: &Value, envelope: &str, now: UnixTime) -> Request {
    let generation = payload.get("gen").cloned().unwrap_or_default();
    let says = json!({"v": 2, "set": set, "nonce": nonce(), "at": now.secs(), "gen": generation});
    proven("PUT", set, &says, PUSH_KEY)
        .header("content-type", "application/jose")
        .body(envelope.as_bytes().to_vec())
}

/// The `PUT` of an envelope in header fields: these pieces of it.
#[must_use]
pub fn put_fields(set: &str, payload: &Value, pieces: &[String], now: UnixTime) -> Request {
    let mut request = put(set, payload, "", now);
    for piece in pieces {
        request = request.header("x-registry-auth-envelope", piece);
    }
    request
}

/// The pieces of an envelope, of this size but for the last: `NUMBER/COUNT:TEXT`.
#[must_use]
pub fn pieces(envelope: &str, size: usize) -> Vec<String> {
    let count = envelope.len().div_ceil(size);
    let texts = envelope.as_bytes().chunks(size).zip(1..);
    texts
        .map(|(text, number)| format!("{number}/{count}:{}", String::from_utf8_lossy(text)))
        .collect()
}

/// The `GET` of what is held of a set.
#[must_use]
pub fn get(set: &str, now: UnixTime) -> Request {
    proven(
        "GET",
        set,
        &json!({"v": 2, "set": set, "nonce": nonce(), "at": now.secs()}),
        PUSH_KEY,
    )
}

/// A request that says something of itself, and proves a push key.
#[must_use]
pub fn proven(method: &str, set: &str, says: &Value, push_key: &str) -> Request {
    let proof = sign(
        "registry-auth-request+jws",
        says,
        &derived(push_key, "request"),
    );
    Request::new(method, &path(set)).header("authorization", &format!("Bearer {proof}"))
}

/// Where a set is asked for.
#[must_use]
pub fn path(set: &str) -> String {
    format!("/keys/v2/{}", utf8_percent_encode(set, NON_ALPHANUMERIC))
}

fn nonce() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(NONCE)
}

/// The payload of an answer to one of the requests above, which proves the push key.
///
/// # Errors
/// It does not, or it answers something else.
pub fn answer(set: &str, response: &Response) -> Result<Value> {
    let text = std::str::from_utf8(&response.body).unwrap_or_default();
    let (signed, mac) = text
        .rsplit_once('.')
        .with_context(|| format!("no proof: {response:?}"))?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &derived(PUSH_KEY, "response"));
    let mac = BASE64_URL_SAFE_NO_PAD.decode(mac)?;
    hmac::verify(&key, signed.as_bytes(), &mac)
        .map_err(|_| anyhow!("a wrong MAC: {response:?}"))?;
    let (header, payload) = signed.split_once('.').context("no header")?;
    let part = |text: &str| -> Result<Value> {
        Ok(serde_json::from_slice(
            &BASE64_URL_SAFE_NO_PAD.decode(text)?,
        )?)
    };
    let (header, payload) = (part(header)?, part(payload)?);
    let expected = [
        (header.get("typ"), json!("registry-auth-response+jws")),
        (payload.get("v"), json!(2)),
        (payload.get("set"), json!(set)),
        (payload.get("nonce"), json!(nonce())),
        (payload.get("status"), json!(response.status)),
    ];
    for (found, expected) in expected {
        ensure!(found == Some(&expected), "{payload} instead of {expected}");
    }
    Ok(payload)
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

#[cfg(test)]
mod tests {
    use registry_auth_engine::keys::envelope::{self, PushKey};

    use super::*;

    /// draft-irtf-cfrg-xchacha-03 section 2.2.1.
    #[test]
    fn a_subkey_is_that_of_the_draft() {
        let key: Vec<u8> = (0..32).collect();
        let nonce = [
            0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0, 0x31, 0x41, 0x59, 0x27,
        ];
        let expected = "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc";
        let found: Vec<_> = subkey(&key, &nonce)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(found.concat(), expected);
    }

    /// The engine reads what this module writes, for both kinds of sets.
    #[test]
    fn the_engine_opens_what_is_sealed_here() {
        let now = UnixTime::from_secs(1_800_000_000);
        let keys = json!({"keys": [{"kty": "OKP", "d": "private"}]});
        let key = PushKey::new(PUSH_KEY.as_bytes()).unwrap();
        for set in ["secret:us-east-1/keys", "mint:us-east-1/mint"] {
            let text = seal(&payload(set, &keys, now), PUSH_KEY);
            let opened = envelope::open(text.as_bytes(), &key, now).unwrap();
            assert_eq!((opened.set.as_str(), opened.keys), (set, keys.clone()));
        }
    }
}
