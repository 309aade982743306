//! Issuers of the scenarios with unusual, but valid, addresses and forms of keys, as some real ones
//! have.

use anyhow::Result;
use serde_json::{Value, json};

use crate::issuer::{Endpoint, Fault, Issuer};
use crate::key::TestKey;

/// Number of keys that `http://odd.test` publishes before the signing keys.
const OTHERS: usize = 300;

/// `http://query.test` has its keys behind a query; `https://keys.test` those of a service account,
/// whose name has an `@`; `https://accounts.google.com` may be called without scheme;
/// `http://odd.test` is `odd`.
///
/// # Errors
/// A key is missing.
pub fn issuers() -> Result<Vec<Issuer>> {
    let account = "/service_accounts/v1/jwk/builder@project.iam.gserviceaccount.com";
    Ok(vec![
        Issuer::new("http://query.test", &["es256"])?.with_keys_at("/keys?appid=6731de76&p=B2C_1"),
        Issuer::new("https://keys.test", &["es256"])?.with_keys_at(account),
        Issuer::new("https://accounts.google.com", &["es256"])?,
        odd()?,
    ])
}

/// An issuer whose documents begin with a byte order mark. Its keys follow many others, with
/// padding, in the other alphabet, with `null` for absent members; that of EdDSA has the new name
/// of its algorithm; that of ES384 has an empty id.
fn odd() -> Result<Issuer> {
    let issuer = Issuer::new("http://odd.test", &[])?;
    let other = TestKey::named("other-es256")?.jwk()?;
    let mut keys: Vec<_> = (0..OTHERS)
        .map(|number| with(&other, &json!({ "kid": format!("other-{number}") })))
        .collect();
    let null = json!({ "use": null, "alg": null, "key_ops": null, "x5c": null, "x5t": null });
    keys.extend([
        again(&with(&TestKey::named("es256")?.jwk()?, &null)),
        again(&with(&TestKey::named("rs256")?.jwk()?, &null)),
        with(
            &TestKey::named("eddsa")?.jwk()?,
            &json!({ "alg": "Ed25519" }),
        ),
        with(&TestKey::named("es384")?.jwk()?, &json!({ "kid": "" })),
        with(
            &TestKey::named("es512")?.jwk()?,
            &json!({ "alg": "ESP512" }),
        ),
        with(
            &TestKey::named("stray-es256")?.jwk()?,
            &json!({ "x": null }),
        ),
    ]);
    let algorithms = ["RS256", "ES256", "ES384", "ES512", "Ed25519", "Ed448"];
    let discovery = with(
        &issuer.discovery(),
        &json!({ "id_token_signing_alg_values_supported": algorithms }),
    );
    let marked = |document: &Value| Some(Fault::Body(format!("\u{feff}{document}").into_bytes()));
    issuer.fault(Endpoint::Discovery, marked(&discovery));
    issuer.fault(Endpoint::Keys, marked(&json!({ "keys": keys })));
    Ok(issuer)
}

/// Returns a JWK with these members added or replaced.
fn with(jwk: &Value, members: &Value) -> Value {
    let mut jwk = jwk.clone();
    if let (Some(to), Some(from)) = (jwk.as_object_mut(), members.as_object()) {
        to.extend(from.clone());
    }
    jwk
}

/// Converts a key to base64 (RFC 4648 section 4).
fn again(jwk: &Value) -> Value {
    let mut jwk = jwk.clone();
    for (name, value) in jwk.as_object_mut().into_iter().flatten() {
        if let (true, Some(text)) = (
            ["n", "e", "x", "y"].contains(&name.as_str()),
            value.as_str(),
        ) {
            let padding = "=".repeat((4 - text.len() % 4) % 4);
            *value = format!("{}{padding}", text.replace('-', "+").replace('_', "/")).into();
        }
    }
    jwk
}
