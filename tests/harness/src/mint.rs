//! Mints JSON Web Tokens, valid ones and all kinds of invalid ones.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use registry_auth_engine::time::UnixTime;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::key::TestKey;

/// The recipe of a token. In `header` and `claims` a `null` removes the member.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Recipe {
    /// Name of the test key that signs.
    pub key: String,
    /// `alg` of the header, and how an RSA key signs; that of the key when absent.
    #[serde(default)]
    pub alg: Option<String>,
    /// `kid` of the header; the name of the key when absent.
    #[serde(default)]
    pub kid: Option<String>,
    /// Members that are added to or replace those of `{"alg", "kid", "typ": "JWT"}`.
    #[serde(default)]
    pub header: Map<String, Value>,
    /// The claims. `exp`, `nbf` and `iat` may be relative: `"+1h"`, `"-30s"`.
    #[serde(default)]
    pub claims: Map<String, Value>,
    /// A claim `pad` of that many bytes.
    #[serde(default)]
    pub pad: usize,
    /// The literal payload, instead of `claims`.
    #[serde(default)]
    pub payload: Option<String>,
    /// How the token is damaged after signing.
    #[serde(default)]
    pub tamper: Option<Tamper>,
}

/// Ways to damage a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tamper {
    /// One bit of the signature is flipped.
    Signature,
    /// The payload is replaced after signing: another `sub`.
    Payload,
    /// `alg` is `none` and the signature is empty.
    None,
    /// `alg` is `HS256`; the MAC's secret is the PEM text of the public key.
    PublicKeyAsSecret,
    /// The signature is cut in half.
    Truncated,
    /// A fourth segment follows.
    FourSegments,
    /// The signature is followed by `=`.
    Padding,
}

impl Recipe {
    /// Creates a recipe with these claims, and defaults otherwise.
    #[must_use]
    pub fn plain(key: &str, claims: Map<String, Value>) -> Self {
        let (header, key) = (Map::new(), key.to_owned());
        Self {
            key,
            alg: None,
            kid: None,
            header,
            claims,
            pad: 0,
            payload: None,
            tamper: None,
        }
    }

    /// Returns the token in compact form (RFC 7515 section 3.1); relative times are relative to
    /// `now`.
    ///
    /// # Errors
    /// The key is unknown or a relative time is malformed.
    pub fn mint(&self, now: UnixTime) -> Result<String> {
        let key = TestKey::named(&self.key)?;
        let algorithm = self.alg.as_deref().unwrap_or_else(|| key.algorithm());
        let head = self.header(match self.tamper {
            Some(Tamper::None) => "none",
            Some(Tamper::PublicKeyAsSecret) => "HS256",
            _ => algorithm,
        });
        let head = encode(head.to_string().as_bytes());
        let payload = encode(self.payload_at(now)?.as_bytes());
        let input = format!("{head}.{payload}");
        let mut signature = match self.tamper {
            Some(Tamper::None) => Vec::new(),
            Some(Tamper::PublicKeyAsSecret) => {
                let secret = hmac::Key::new(hmac::HMAC_SHA256, key.pkix_pem()?.as_bytes());
                hmac::sign(&secret, input.as_bytes()).as_ref().to_vec()
            }
            _ => key.sign(algorithm, input.as_bytes())?,
        };
        match self.tamper {
            Some(Tamper::Signature) => signature.iter_mut().take(1).for_each(|byte| *byte ^= 0x10),
            Some(Tamper::Truncated) => signature.truncate(signature.len() / 2),
            _ => {}
        }
        let signature = encode(&signature);
        Ok(match self.tamper {
            Some(Tamper::Payload) => format!(
                "{head}.{}.{signature}",
                encode(self.of_another_subject(now)?.as_bytes())
            ),
            Some(Tamper::FourSegments) => format!("{input}.{signature}.e30"),
            Some(Tamper::Padding) => format!("{input}.{signature}="),
            _ => format!("{input}.{signature}"),
        })
    }

    fn payload_at(&self, now: UnixTime) -> Result<String> {
        match &self.payload {
            Some(text) => Ok(text.clone()),
            None => Ok(Value::Object(self.claims_at(now)?).to_string()),
        }
    }

    fn of_another_subject(&self, now: UnixTime) -> Result<String> {
        let mut claims = self.claims_at(now)?;
        claims.insert("sub".to_owned(), "somebody-else".into());
        Ok(Value::Object(claims).to_string())
    }

    fn header(&self, algorithm: &str) -> Value {
        let kid = self.kid.as_deref().unwrap_or(&self.key);
        let mut header = json!({"alg": algorithm, "kid": kid, "typ": "JWT"});
        if let Value::Object(members) = &mut header {
            members.extend(self.header.clone());
            members.retain(|_, value| !value.is_null());
        }
        header
    }

    fn claims_at(&self, now: UnixTime) -> Result<Map<String, Value>> {
        let mut claims = self.claims.clone();
        claims.retain(|_, value| !value.is_null());
        for name in ["exp", "nbf", "iat"] {
            let Some(value) = claims.get_mut(name) else {
                continue;
            };
            let Some(text) = value.as_str() else { continue };
            if text.starts_with(['+', '-']) {
                *value = relative(text, now)
                    .with_context(|| format!("claim `{name}`"))?
                    .secs()
                    .into();
            }
        }
        if self.pad > 0 {
            claims.insert("pad".to_owned(), "x".repeat(self.pad).into());
        }
        Ok(claims)
    }
}

/// `+1h`, `-30s`: a number with one of the units `s`, `m`, `h`, `d`, counted from `now`.
///
/// # Errors
/// Another form.
pub fn relative(text: &str, now: UnixTime) -> Result<UnixTime> {
    let malformed = || format!("`{text}` is no relative time such as `+1h` or `-30s`");
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .with_context(malformed)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        _ => bail!(malformed()),
    };
    let distance = |digits: &str| -> Result<Duration> {
        let count: u64 = digits.parse().with_context(malformed)?;
        Ok(Duration::from_secs(count.saturating_mul(seconds)))
    };
    match (number.strip_prefix('+'), number.strip_prefix('-')) {
        (Some(digits), _) => Ok(now.after(distance(digits)?)),
        (_, Some(digits)) => Ok(now.before(distance(digits)?)),
        _ => bail!(malformed()),
    }
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_000_000);

    fn recipe(text: Value) -> Recipe {
        serde_json::from_value(text).unwrap()
    }

    fn part(token: &str, index: usize) -> Vec<u8> {
        BASE64_URL_SAFE_NO_PAD
            .decode(token.split('.').nth(index).unwrap())
            .unwrap()
    }

    fn verifies(token: &str, key: &str) -> bool {
        let algorithm: Value = serde_json::from_slice(&part(token, 0)).unwrap();
        let algorithm: &'static dyn VerificationAlgorithm = match algorithm["alg"].as_str().unwrap()
        {
            "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
            "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
            "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
            "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
            "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
            "PS512" => &signature::RSA_PSS_2048_8192_SHA512,
            "ES256" => &signature::ECDSA_P256_SHA256_FIXED,
            "ES384" => &signature::ECDSA_P384_SHA384_FIXED,
            "ES512" => &signature::ECDSA_P521_SHA512_FIXED,
            "EdDSA" => &signature::ED25519,
            _ => return false,
        };
        let (input, _) = token.rsplit_once('.').unwrap();
        let key = ParsedPublicKey::new(algorithm, TestKey::named(key).unwrap().spki_der().unwrap());
        key.unwrap()
            .verify_sig(input.as_bytes(), &part(token, 2))
            .is_ok()
    }

    #[test]
    fn a_token_of_every_algorithm_verifies_with_the_public_key_of_its_key() {
        for name in TestKey::names() {
            let token = recipe(json!({"key": name, "claims": {"sub": "a"}}))
                .mint(NOW)
                .unwrap();
            assert!(verifies(&token, name), "{name}");
            let broken =
                recipe(json!({"key": name, "claims": {"sub": "a"}, "tamper": "signature"}))
                    .mint(NOW)
                    .unwrap();
            assert!(!verifies(&broken, name), "{name}");
        }
    }

    #[test]
    fn an_rsa_key_signs_for_each_rsa_algorithm() {
        for alg in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
            let token = recipe(json!({"key": "rs256", "alg": alg, "claims": {}}))
                .mint(NOW)
                .unwrap();
            assert!(verifies(&token, "rs256"), "{alg}");
        }
    }

    #[test]
    fn null_takes_members_away_and_times_are_relative() {
        let token = recipe(json!({
            "key": "eddsa", "header": {"kid": null, "x": 1}, "claims": {"sub": null, "exp": "+1h", "iat": "-30s", "nbf": "soon"}
        }));
        let token = token.mint(NOW).unwrap();
        assert_eq!(part(&token, 0), br#"{"alg":"EdDSA","typ":"JWT","x":1}"#);
        let claims: Value = serde_json::from_slice(&part(&token, 1)).unwrap();
        assert_eq!(
            claims,
            json!({"exp": 1_003_600, "iat": 999_970, "nbf": "soon"})
        );
    }

    #[test]
    fn each_way_to_break_a_token_shows() {
        let token = |tamper: &str| {
            recipe(json!({"key": "es256", "claims": {"sub": "a"}, "tamper": tamper}))
                .mint(NOW)
                .unwrap()
        };
        assert!(part(&token("none"), 2).is_empty());
        assert_eq!(part(&token("public-key-as-secret"), 2).len(), 32);
        assert_eq!(part(&token("truncated"), 2).len(), 32);
        assert!(
            String::from_utf8(part(&token("payload"), 1))
                .unwrap()
                .contains("somebody-else")
        );
        assert!(!verifies(&token("payload"), "es256"));
        assert_eq!(token("four-segments").split('.').count(), 4);
        assert!(token("padding").ends_with('='));
    }

    #[test]
    fn a_relative_time_has_a_sign_and_a_unit() {
        assert_eq!(relative("+2d", NOW).unwrap().secs(), 1_000_000 + 172_800);
        for text in ["", "+", "1h", "+1w", "+h", "-1.5h", "+é"] {
            assert!(relative(text, NOW).is_err(), "{text}");
        }
    }
}
