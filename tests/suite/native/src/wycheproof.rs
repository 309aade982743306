//! The engine's verifier on every signature of project Wycheproof.

use std::collections::BTreeMap;

use registry_auth_cases::Outcome;
use registry_auth_cases::signatures::{compare, judge};
use registry_auth_cases::wycheproof::{Judgement, groups, jws};
use registry_auth_engine::authn::verify::PureRust;
use registry_auth_engine::keys::KeyError;
use registry_auth_engine::keys::algorithm::Algorithm;

/// Why a key is not taken, and how many groups of signatures go with it.
const KEYS: [(KeyError, usize); 2] = [
    // Brainpool, secp160, secp192, secp224; and secp256k1, whose algorithm ES256K is not supported.
    (KeyError::UnsupportedCurve, 2002),
    // Ed448; and `id-RSASSA-PSS` with its own parameters, which a JWK cannot have.
    (KeyError::UnsupportedType, 172),
];

/// Web signatures that are valid and refused, and why.
const STRICTER: [(&[usize], &str); 4] = [
    (
        &[1, 348, 352, 357, 358, 359, 372, 373, 376, 377],
        "HMAC: a secret that can verify can sign",
    ),
    (
        &[259, 264, 268, 272, 320, 325],
        "nothing is signed: a token has claims",
    ),
    (&[346, 350], "PS384, with a key whose `alg` is PS256"),
    (
        &[347, 351],
        "a key whose `alg` is ES521, which there is not",
    ),
];

#[test]
fn the_engine_agrees_with_wycheproof() -> Outcome {
    let mut refused = BTreeMap::<String, usize>::new();
    for group in groups()? {
        if let Err(why) = &group.key {
            *refused.entry(why.to_string()).or_default() += 1;
        }
    }
    assert_eq!(
        refused,
        KEYS.iter()
            .map(|(why, groups)| (why.to_string(), *groups))
            .collect()
    );
    let asked = compare(&PureRust)?;
    assert!(
        asked.len() == Algorithm::ALL.len() && asked.values().all(|count| *count > 80),
        "{asked:?}"
    );
    Ok(())
}

#[test]
fn a_web_signature_comes_out_as_wycheproof_says() -> Outcome {
    for test in jws()? {
        let is_good = judge(&test.key, &test.text, &PureRust) == Ok(true);
        let stricter = STRICTER
            .iter()
            .find(|(numbers, _)| numbers.contains(&test.number));
        let wanted = test.result == Judgement::Valid && stricter.is_none();
        assert_eq!(
            is_good, wanted,
            "{} ({}) {stricter:?}",
            test.number, test.comment
        );
    }
    Ok(())
}
