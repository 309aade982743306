//! Tokens with valid signatures, so that the code after the check of the signature is reached.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use registry_auth_engine::keys::{Kind, SigningKey};
use serde_json::{Value, json};

/// The issuer of the tokens.
pub const ISSUER: &str = "https://issuer.test";
/// Whom they are for.
pub const AUDIENCE: &str = "registry.test";
/// The repository that the sites here are asked for.
pub const REPOSITORY: &str = "team/app";

/// The key that signs.
#[must_use]
pub fn key() -> SigningKey {
    SigningKey::new(Kind::Ed25519, &[7; 32], Some("fuzz")).expect("32 bytes are a key")
}

/// Its public half as a JWK Set.
#[must_use]
pub fn jwks() -> Value {
    json!({ "keys": [key().to_jwk(false).expect("it can be written")] })
}

/// A token of this payload, whatever it is.
#[must_use]
pub fn sign(payload: &[u8]) -> String {
    let key = key();
    let header = json!({ "alg": key.algorithm().name(), "kid": key.id() }).to_string();
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let signature = key.sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}
