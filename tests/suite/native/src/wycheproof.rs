//! The engine's verifier and the host's on every signature of project Wycheproof: they agree with it, and with each other.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Error, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use registry_auth_engine::authn::token::{Segment, TokenError, UnverifiedToken};
use registry_auth_engine::authn::verify::{Answer, PureRust, SignatureVerifier};
use registry_auth_engine::keys::algorithm::Algorithm;
use registry_auth_engine::keys::{KeyError, KeySet};
use registry_auth_tests::client::{Connection, Request, Response};
use registry_auth_tests::envoy::{self, Bootstrap, Envoy, Listener};
use registry_auth_tests::module::Compiled;
use registry_auth_tests::probe::{self, HostVerifier};
use registry_auth_tests::vm::{Progress, Setup, Vm};
use registry_auth_tests::wycheproof::{Group, Judgement, Test, groups, jws};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Outcome;

/// Why a key is not taken, and how many groups of signatures go with it.
const KEYS: [(KeyError, usize); 2] = [
    // Brainpool, secp160, secp192, secp224; and secp256k1, whose algorithm ES256K is not supported.
    (KeyError::UnsupportedCurve, 2002),
    // Ed448; and `id-RSASSA-PSS` with parameters of its own, which stands in no JWK.
    (KeyError::UnsupportedType, 172),
];

/// Signatures of groups that are made in another way than the algorithm's, which itself are made in that way.
const MADE_RIGHT: [(&str, &str); 2] = [
    ("Rsa", "The message is hashed with SHA-256 instead of SHA"),
    ("RsaPss2048Sha256Mgf1SaltLen0", "s_len changed to 32"),
];

/// Web signatures that are valid and refused, and why.
const STRICTER: [(&[usize], &str); 4] = [
    (&[1, 348, 352, 357, 358, 359, 372, 373, 376, 377], "HMAC: a secret that can verify can sign"),
    (&[259, 264, 268, 272, 320, 325], "nothing is signed: a token has claims"),
    (&[346, 350], "PS384, with a key whose `alg` is PS256"),
    (&[347, 351], "a key whose `alg` is ES521, which there is not"),
];

/// What must come of a signature.
fn wanted(group: &Group, test: &Test) -> Answer {
    let exception = |(file, comment): &(&str, &str)| group.file.starts_with(file) && test.comment.starts_with(comment);
    let is_made_right = group.fits || MADE_RIGHT.iter().any(exception);
    let is_one = match test.result {
        Judgement::Valid => is_made_right,
        // As what the group is about it is none, and so it has no other result.
        Judgement::Invalid => is_made_right && !group.fits,
        // By a lax reading of its padding only.
        Judgement::Acceptable => false,
    };
    if is_one { Answer::Valid } else { Answer::Invalid }
}

#[test]
fn the_engine_agrees_with_wycheproof() -> Outcome {
    let mut refused = BTreeMap::<String, usize>::new();
    for group in groups()? {
        if let Err(why) = &group.key {
            *refused.entry(why.to_string()).or_default() += 1;
        }
    }
    assert_eq!(refused, KEYS.iter().map(|(why, groups)| (why.to_string(), *groups)).collect());
    let asked = compare(&PureRust)?;
    assert!(asked.len() == Algorithm::ALL.len() && asked.values().all(|count| *count > 80), "{asked:?}");
    Ok(())
}

#[test]
fn a_web_signature_comes_out_as_wycheproof_says() -> Outcome {
    for test in jws()? {
        let is_good = judge(&test.key, &test.text, &PureRust) == Ok(true);
        let stricter = STRICTER.iter().find(|(numbers, _)| numbers.contains(&test.number));
        let wanted = test.result == Judgement::Valid && stricter.is_none();
        assert_eq!(is_good, wanted, "{} ({}) {stricter:?}", test.number, test.comment);
    }
    Ok(())
}

#[test]
fn the_host_agrees_with_the_engine_wasm() -> Outcome {
    let module = Compiled::new(&probe::module())?;
    let vm = RefCell::new(Vm::start(&module, Setup::of_scenarios(b""))?);
    compare_host(HostVerifier::new(|request: &Request| -> Result<Response, Error> {
        let mut vm = vm.borrow_mut();
        let id = vm.open(request)?;
        let progress = vm.progress(id)?;
        vm.close(id)?;
        match progress {
            Progress::Answered(response) => Ok(response),
            other => bail!("{other:?}"),
        }
    }))
}

#[test]
fn the_host_agrees_with_the_engine_envoy() -> Outcome {
    if envoy::may_be_skipped() {
        return Ok(());
    }
    let folder = TempDir::new().context("no folder")?;
    let module = folder.path().join("probe.wasm");
    fs::write(&module, probe::module()).context("no module")?;
    let listener = Listener {
        name: "probe".to_owned(),
        configuration: String::new(),
        vm_id: "probe".to_owned(),
        holds_bodies: false,
        secured: false,
        port: 0,
        cluster: None,
        discovery: None,
    };
    let envoy = Envoy::start(&Bootstrap { module, listeners: vec![listener], ..Bootstrap::default() })?;
    let connection = RefCell::new(Connection::open(envoy.listener("probe")?, Duration::from_secs(20))?);
    compare_host(HostVerifier::new(|request: &Request| connection.borrow_mut().send(request)))
}

/// Asks a verifier about everything that it knows; gives the number of signatures by algorithm.
fn compare(verifier: &dyn SignatureVerifier) -> Result<BTreeMap<Algorithm, usize>, Error> {
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
                Answer::Invalid
            };
            if found == Answer::Unsupported {
                break;
            }
            *asked.entry(group.algorithm).or_default() += 1;
            if found != wanted(&group, test) {
                failures.push(format!("{} {} ({}): {found:?}", group.file, test.number, test.comment));
            }
        }
    }
    ensure!(failures.is_empty(), "{} signatures\n{}", failures.len(), failures.join("\n"));
    Ok(asked)
}

/// Asks a host about everything that the filter would ask it.
fn compare_host(host: HostVerifier<impl Fn(&Request) -> Result<Response, Error>>) -> Outcome {
    let asked = compare(&host)?;
    let known =
        [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512, Algorithm::Es256, Algorithm::Es384, Algorithm::Es512];
    assert!(known.iter().all(|algorithm| asked.get(algorithm).is_some_and(|count| *count > 400)), "{asked:?}");
    for test in jws()? {
        let (found, wanted) = (judge(&test.key, &test.text, &host), judge(&test.key, &test.text, &PureRust));
        assert_eq!(found, wanted, "{} ({})", test.number, test.comment);
    }
    Ok(host.finish()?)
}

/// Whether a web signature is good, whatever is signed: what the vectors sign are no claims. The error says what was refused before the
/// signature was looked at.
fn judge(key: &Value, text: &str, verifier: &dyn SignatureVerifier) -> Result<bool, String> {
    let loaded = KeySet::from_jwks_value(&json!({ "keys": [key] })).map_err(|error| error.to_string())?;
    match UnverifiedToken::parse(text) {
        Ok(_) | Err(TokenError::Json(Segment::Payload, _) | TokenError::NotAnObject(Segment::Payload)) => {}
        Err(error) => return Err(error.to_string()),
    }
    let (message, signature) = text.rsplit_once('.').ok_or("no signature")?;
    let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|error| error.to_string());
    let header: Value = serde_json::from_slice(&decode(message.split('.').next().unwrap_or_default())?)
        .map_err(|error| error.to_string())?;
    let member = |name: &str| header.get(name).and_then(Value::as_str);
    let algorithm = member("alg").and_then(Algorithm::from_name).ok_or("no algorithm")?;
    let key = loaded.keys.fitting(member("kid"), algorithm).next().ok_or("no key fits")?;
    let signature = decode(signature)?;
    if signature.len() != key.signature_len() {
        return Ok(false);
    }
    let answer = match verifier.verify(algorithm, key, message.as_bytes(), &signature) {
        Answer::Unsupported => PureRust.verify(algorithm, key, message.as_bytes(), &signature),
        answer => answer,
    };
    Ok(answer == Answer::Valid)
}
