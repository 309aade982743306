//! Checks a verifier with every signature of project Wycheproof.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use registry_auth_engine::authn::token::{Segment, TokenError, UnverifiedToken};
use registry_auth_engine::authn::verify::{PureRust, SignatureVerifier, Verification};
use registry_auth_engine::keys::KeySet;
use registry_auth_engine::keys::algorithm::Algorithm;
use registry_auth_harness::client::{Request, Response};
use serde_json::{Value, json};

use crate::probe::HostVerifier;
use crate::wycheproof::{Group, Judgement, Test, groups, jws};

/// Signatures of groups that are made in another way than the algorithm's, which itself are made in
/// that way.
const MADE_RIGHT: [(&str, &str); 2] = [
    ("Rsa", "The message is hashed with SHA-256 instead of SHA"),
    ("RsaPss2048Sha256Mgf1SaltLen0", "s_len changed to 32"),
];

/// What must come of a signature.
fn wanted(group: &Group, test: &Test) -> Verification {
    let exception = |(file, comment): &(&str, &str)| {
        group.file.starts_with(file) && test.comment.starts_with(comment)
    };
    let is_made_right = group.fits || MADE_RIGHT.iter().any(exception);
    let is_one = match test.result {
        Judgement::Valid => is_made_right,
        // As what the group is about it is none, and so it has no other result.
        Judgement::Invalid => is_made_right && !group.fits,
        // By a lax reading of its padding only.
        Judgement::Acceptable => false,
    };
    if is_one {
        Verification::Valid
    } else {
        Verification::Invalid
    }
}

/// Asks a verifier about everything that it knows; gives the number of signatures by algorithm.
///
/// # Errors
/// It answers otherwise than Wycheproof says, or the vectors cannot be read.
pub fn compare(verifier: &dyn SignatureVerifier) -> Result<BTreeMap<Algorithm, usize>> {
    let mut asked = BTreeMap::new();
    let mut failures = Vec::new();
    for group in groups()? {
        let Ok(key) = &group.key else { continue };
        for test in &group.tests {
            // The engine shows a signature of another length than the key's to no verifier.
            let signature = test.signature();
            let found = if signature.len() == key.signature_len() {
                verifier.verify(group.algorithm, key, &test.message(), &signature)
            } else {
                Verification::Invalid
            };
            if found == Verification::Unsupported {
                break;
            }
            *asked.entry(group.algorithm).or_default() += 1;
            if found != wanted(&group, test) {
                failures.push(format!(
                    "{} {} ({}): {found:?}",
                    group.file, test.number, test.comment
                ));
            }
        }
    }
    ensure!(
        failures.is_empty(),
        "{} signatures\n{}",
        failures.len(),
        failures.join("\n")
    );
    Ok(asked)
}

/// Asks a host about everything that the filter would ask it.
///
/// # Errors
/// As [`compare`], or the host answers otherwise than the engine.
pub fn compare_host(host: HostVerifier<impl Fn(&Request) -> Result<Response>>) -> Result<()> {
    let asked = compare(&host)?;
    let known = [
        Algorithm::Rs256,
        Algorithm::Rs384,
        Algorithm::Rs512,
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::Es512,
    ];
    ensure!(
        known
            .iter()
            .all(|algorithm| asked.get(algorithm).is_some_and(|count| *count > 400)),
        "{asked:?}"
    );
    for test in jws()? {
        let (found, wanted) = (
            judge(&test.key, &test.text, &host),
            judge(&test.key, &test.text, &PureRust),
        );
        ensure!(
            found == wanted,
            "{} ({}): {found:?}, {wanted:?}",
            test.number,
            test.comment
        );
    }
    host.finish()
}

/// Returns true if a web signature is good, whatever is signed: what the vectors sign are no
/// claims.
///
/// # Errors
/// What was refused before the signature was verified.
pub fn judge(key: &Value, text: &str, verifier: &dyn SignatureVerifier) -> Result<bool, String> {
    let loaded =
        KeySet::from_jwks_value(&json!({ "keys": [key] })).map_err(|error| error.to_string())?;
    match UnverifiedToken::parse(text) {
        Ok(_)
        | Err(TokenError::Json(Segment::Payload, _) | TokenError::NotAnObject(Segment::Payload)) => {
        }
        Err(error) => return Err(error.to_string()),
    }
    let (message, signature) = text.rsplit_once('.').ok_or("no signature")?;
    let decode = |part: &str| {
        BASE64_URL_SAFE_NO_PAD
            .decode(part)
            .map_err(|error| error.to_string())
    };
    let header: Value =
        serde_json::from_slice(&decode(message.split('.').next().unwrap_or_default())?)
            .map_err(|error| error.to_string())?;
    let member = |name: &str| header.get(name).and_then(Value::as_str);
    let algorithm = member("alg")
        .and_then(Algorithm::from_name)
        .ok_or("no algorithm")?;
    let key = loaded
        .keys
        .fitting(member("kid"), algorithm)
        .next()
        .ok_or("no key fits")?;
    let signature = decode(signature)?;
    if signature.len() != key.signature_len() {
        return Ok(false);
    }
    let answer = match verifier.verify(algorithm, key, message.as_bytes(), &signature) {
        Verification::Unsupported => {
            PureRust.verify(algorithm, key, message.as_bytes(), &signature)
        }
        answer => answer,
    };
    Ok(answer == Verification::Valid)
}
