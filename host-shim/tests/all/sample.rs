//! Public keys (their private keys were not kept), and secrets that hold them.

use anyhow::Context as _;
use registry_auth_engine::keys::KeySet;
use serde_json::{Map, Value, json};

pub(crate) const FIRST: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE7SzIh8p4l+TRmt0cx7WLKhPIR2lu\n\
cvW9UcpDW0vgkQrX0Mx/M9cK8VKtB9u9IuQYDM+AfCKB63klOUXHlFTK3w==\n\
-----END PUBLIC KEY-----\n";
pub(crate) const SECOND: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAENPVmiAPy5UiXjX3jBcHGSCkicRhF\n\
DCm9rpQdrYv4jJlUSPD42FxwKCiFdF7DlEM1aew/eCSOZFb5NNf4ZzJXWA==\n\
-----END PUBLIC KEY-----\n";
pub(crate) const THIRD: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEvX58rzOSoXCb7uM+LM8zEvRpn5eW\n\
UoorN3+3QNnKQqcBaw3SalfmAR1ZadY3m8oabXHVPmDsAnJHZmtptX30sw==\n\
-----END PUBLIC KEY-----\n";

/// Returns the text of a secret: key id to PEM.
pub(crate) fn secret(entries: &[(&str, &str)]) -> String {
    let entries: Map<_, _> = entries
        .iter()
        .map(|(key_id, pem)| ((*key_id).to_owned(), Value::from(*pem)))
        .collect();
    Value::Object(entries).to_string()
}

/// Converts a PEM key to a JWK.
pub(crate) fn jwk(key_id: &str, pem: &str) -> anyhow::Result<Value> {
    let jwks = KeySet::from_cert(pem)?.to_jwks();
    let key = jwks.pointer("/keys/0").context("no key")?;
    Ok(with(key, &json!({"kid": key_id})))
}

/// Returns `object` with `members` added or replaced.
pub(crate) fn with(object: &Value, members: &Value) -> Value {
    let mut object = object.clone();
    if let (Value::Object(object), Value::Object(members)) = (&mut object, members.clone()) {
        object.extend(members);
    }
    object
}
