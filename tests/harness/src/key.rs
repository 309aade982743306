//! The test keys of `tests/fixtures/keys`. They sign with aws-lc, which shares no code with the
//! engine.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anyhow::{Context as _, Result, anyhow, bail};
use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaSignatureEncoding,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use pem::{EncodeConfig, LineEnding, Pem};
use serde_json::{Value, json};

macro_rules! sources {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../fixtures/keys/", $name, ".pem")))),*]
    };
}

/// Name and PKCS#8 PEM of every key.
const SOURCES: &[(&str, &str)] = sources![
    "rs256",
    "rs384",
    "rs512",
    "ps256",
    "ps384",
    "ps512",
    "es256",
    "es384",
    "es512",
    "eddsa",
    "other-rs256",
    "other-es256",
    "other-eddsa",
    "next-rs256",
    "next-es256",
    "next-eddsa",
    "stray-rs256",
    "stray-es256",
    "stray-eddsa",
];

/// Self-signed certificates of some of the keys.
const CERTIFICATES: &[(&str, &str)] = &[
    ("rs256", include_str!("../../fixtures/keys/rs256.crt")),
    ("es256", include_str!("../../fixtures/keys/es256.crt")),
    ("eddsa", include_str!("../../fixtures/keys/eddsa.crt")),
];

static KEYS: LazyLock<Result<BTreeMap<&'static str, TestKey>, String>> = LazyLock::new(|| {
    SOURCES
        .iter()
        .map(|(name, pem)| {
            Ok((
                *name,
                TestKey::read(name, pem).map_err(|error| format!("key `{name}`: {error:#}"))?,
            ))
        })
        .collect()
});

/// A private key of the tests.
pub struct TestKey {
    name: &'static str,
    material: Material,
}

enum Material {
    Rsa(Box<RsaKeyPair>),
    Ec(EcdsaKeyPair, &'static str),
    Ed(Ed25519KeyPair),
}

impl TestKey {
    /// The key `NAME` of `keys/NAME.pem`.
    ///
    /// # Errors
    /// There is no key of that name.
    pub fn named(name: &str) -> Result<&'static Self> {
        let keys = KEYS.as_ref().map_err(|error| anyhow!("{error}"))?;
        keys.get(name).with_context(|| {
            format!("there is no test key `{name}`; those of tests/fixtures/keys are known")
        })
    }

    /// Names of all keys.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SOURCES.iter().map(|(name, _)| *name)
    }

    fn read(name: &'static str, pem: &str) -> Result<Self> {
        let der = pem::parse(pem)
            .map_err(|error| anyhow!("{error}"))?
            .into_contents();
        let material = match algorithm_of(name) {
            "ES256" => ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &der, "P-256")?,
            "ES384" => ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, &der, "P-384")?,
            "ES512" => ec(&signature::ECDSA_P521_SHA512_FIXED_SIGNING, &der, "P-521")?,
            "EdDSA" => Material::Ed(Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)?),
            _ => Material::Rsa(Box::new(RsaKeyPair::from_pkcs8(&der)?)),
        };
        Ok(Self { name, material })
    }

    /// The name, which is also the `kid`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The JWS algorithm (RFC 7518 section 3.1, RFC 8037) that the key is named after.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        algorithm_of(self.name)
    }

    /// The JWS signature of `message` (RFC 7518 section 3: ECDSA as `R || S`). An RSA key signs for
    /// each of the six RSA algorithms; otherwise `algorithm` is only a claim of the header and the
    /// key signs its own way.
    ///
    /// # Errors
    /// The crypto library refuses.
    pub fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.material {
            Material::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(rsa_encoding(algorithm), &random, message, &mut signature)?;
                Ok(signature)
            }
            Material::Ec(pair, _) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
            Material::Ed(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }

    /// The public key as a JWK with `kid`, `use` and `alg` (RFC 7517).
    ///
    /// # Errors
    /// The public key has another form than expected.
    pub fn jwk(&self) -> Result<Value> {
        let (name, algorithm) = (self.name, self.algorithm());
        Ok(match &self.material {
            Material::Rsa(pair) => {
                let public = pair.public_key();
                let n = text(public.modulus().big_endian_without_leading_zero());
                let e = text(public.exponent().big_endian_without_leading_zero());
                json!({"kid": name, "use": "sig", "alg": algorithm, "kty": "RSA", "n": n, "e": e})
            }
            Material::Ec(pair, curve) => {
                let (x, y) = coordinates(pair.public_key().as_ref())?;
                let (x, y) = (text(x), text(y));
                json!({"kid": name, "use": "sig", "alg": algorithm, "kty": "EC", "crv": curve, "x": x, "y": y})
            }
            Material::Ed(pair) => {
                let x = text(pair.public_key().as_ref());
                json!({"kid": name, "use": "sig", "alg": algorithm, "kty": "OKP", "crv": "Ed25519", "x": x})
            }
        })
    }

    /// The private key as PKCS#8 PEM, the content of its file.
    #[must_use]
    pub fn private_pem(&self) -> &'static str {
        SOURCES
            .iter()
            .find(|(name, _)| *name == self.name)
            .map_or("", |(_, pem)| pem)
    }

    /// The private key as a JWK, with its `kid`.
    ///
    /// # Errors
    /// The filter does not sign with keys of this type.
    pub fn private_jwk(&self) -> Result<Value> {
        let secret = match &self.material {
            Material::Rsa(_) => bail!("`{}` is an RSA key", self.name),
            Material::Ec(pair, _) => text(pair.private_key().as_be_bytes()?.as_ref()),
            Material::Ed(pair) => text(pair.seed()?.as_be_bytes()?.as_ref()),
        };
        let mut jwk = self.jwk()?;
        jwk.as_object_mut()
            .context("a JWK is an object")?
            .insert("d".to_owned(), secret.into());
        Ok(jwk)
    }

    /// The public key as `SubjectPublicKeyInfo` (RFC 5280 section 4.1).
    ///
    /// # Errors
    /// The crypto library cannot write it.
    pub fn spki_der(&self) -> Result<Vec<u8>> {
        let der = match &self.material {
            Material::Rsa(pair) => pair.public_key().as_der()?,
            Material::Ec(pair, _) => pair.public_key().as_der()?,
            Material::Ed(pair) => pair.public_key().as_der()?,
        };
        Ok(der.as_ref().to_vec())
    }

    /// PKIX PEM, `BEGIN PUBLIC KEY`.
    ///
    /// # Errors
    /// As [`Self::spki_der`].
    pub fn pkix_pem(&self) -> Result<String> {
        Ok(armour("PUBLIC KEY", &self.spki_der()?))
    }

    /// PKCS#1 PEM, `BEGIN RSA PUBLIC KEY`.
    ///
    /// # Errors
    /// The key is no RSA key.
    pub fn pkcs1_pem(&self) -> Result<String> {
        let Material::Rsa(pair) = &self.material else {
            bail!("`{}` is no RSA key", self.name)
        };
        Ok(armour("RSA PUBLIC KEY", pair.public_key().as_ref()))
    }

    /// A self-signed certificate of the key.
    ///
    /// # Errors
    /// There is no certificate of it in `keys/`.
    pub fn certificate_pem(&self) -> Result<&'static str> {
        let found = CERTIFICATES.iter().find(|(name, _)| *name == self.name);
        found
            .map(|(_, pem)| *pem)
            .with_context(|| format!("there is no certificate of `{}`", self.name))
    }
}

/// A JWKS document of the named keys.
///
/// # Errors
/// A name is unknown.
pub fn jwks(names: &[&str]) -> Result<Value> {
    let keys = names
        .iter()
        .map(|name| TestKey::named(name)?.jwk())
        .collect::<Result<Vec<_>>>()?;
    Ok(json!({"keys": keys}))
}

fn algorithm_of(name: &str) -> &'static str {
    match name.rsplit('-').next().unwrap_or(name) {
        "rs384" => "RS384",
        "rs512" => "RS512",
        "ps256" => "PS256",
        "ps384" => "PS384",
        "ps512" => "PS512",
        "es256" => "ES256",
        "es384" => "ES384",
        "es512" => "ES512",
        "eddsa" => "EdDSA",
        _ => "RS256",
    }
}

fn ec(
    algorithm: &'static EcdsaSigningAlgorithm,
    der: &[u8],
    curve: &'static str,
) -> Result<Material> {
    Ok(Material::Ec(
        EcdsaKeyPair::from_pkcs8(algorithm, der)?,
        curve,
    ))
}

fn rsa_encoding(algorithm: &str) -> &'static RsaSignatureEncoding {
    match algorithm {
        "RS384" => &signature::RSA_PKCS1_SHA384,
        "RS512" => &signature::RSA_PKCS1_SHA512,
        "PS256" => &signature::RSA_PSS_SHA256,
        "PS384" => &signature::RSA_PSS_SHA384,
        "PS512" => &signature::RSA_PSS_SHA512,
        _ => &signature::RSA_PKCS1_SHA256,
    }
}

/// Splits an uncompressed point, `04 || x || y` (SEC 1 section 2.3.3).
fn coordinates(point: &[u8]) -> Result<(&[u8], &[u8])> {
    let rest = point
        .strip_prefix(&[4])
        .context("the point is not uncompressed")?;
    rest.split_at_checked(rest.len() / 2)
        .context("the point is too short")
}

fn text(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn armour(label: &str, der: &[u8]) -> String {
    pem::encode_config(
        &Pem::new(label, der),
        EncodeConfig::new().set_line_ending(LineEnding::LF),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_jwk_and_a_pem_of_its_kind() {
        for name in TestKey::names() {
            let key = TestKey::named(name).unwrap();
            assert_eq!(key.jwk().unwrap()["kid"], name);
            assert!(
                key.pkix_pem()
                    .unwrap()
                    .starts_with("-----BEGIN PUBLIC KEY-----\n"),
                "{name}"
            );
        }
        assert!(
            TestKey::named("rs256")
                .unwrap()
                .pkcs1_pem()
                .unwrap()
                .starts_with("-----BEGIN RSA PUBLIC KEY-----\n")
        );
        assert!(TestKey::named("es256").unwrap().pkcs1_pem().is_err());
        assert!(TestKey::named("nobody").is_err());
    }

    #[test]
    fn coordinates_have_the_full_length_of_their_curve() {
        for (name, length) in [("es256", 43), ("es384", 64), ("es512", 88)] {
            let jwk = TestKey::named(name).unwrap().jwk().unwrap();
            assert_eq!(jwk["x"].as_str().unwrap().len(), length, "{name}");
            assert_eq!(jwk["y"].as_str().unwrap().len(), length, "{name}");
        }
    }
}
