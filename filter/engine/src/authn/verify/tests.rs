mod choice;
mod dates;
mod host;

use std::cell::Cell;

use serde_json::{Value, json};

use super::*;
use crate::authn::test_signer::Signer;

const NOW: i64 = 1_800_000_000;
/// The same.
const SECONDS: f64 = 1_800_000_000.0;

fn now() -> UnixTime {
    UnixTime::from_secs(NOW)
}

fn audiences() -> Vec<String> {
    vec!["registry".to_owned(), "other".to_owned()]
}

fn oidc(audiences: &[String]) -> Expected<'_> {
    Expected {
        kind: TokenKind::Oidc,
        issuer: Some("https://issuer"),
        audiences,
        clock_skew: Duration::ZERO,
        key_id: KeyIdRule::IfPresent,
        algorithms: None,
    }
}

const TRADITIONAL: Expected<'static> = Expected {
    kind: TokenKind::Traditional,
    issuer: None,
    audiences: &[],
    clock_skew: Duration::ZERO,
    key_id: KeyIdRule::Ignored,
    algorithms: None,
};

fn good_claims() -> Value {
    json!({"iss":"https://issuer","sub":"me","aud":"registry","exp":NOW + 600,"iat":NOW - 5})
}

/// The good claims with some of them changed, or left out where the change is the text `absent`.
fn claims(changes: &Value) -> Value {
    let mut claims = good_claims();
    for (name, value) in changes.as_object().unwrap() {
        if value == "absent" {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

/// Says yes to everything, and counts how often it is asked.
#[derive(Default)]
struct Agreeable(Cell<usize>);

impl SignatureVerifier for Agreeable {
    fn verify(&self, _: Algorithm, _: &PublicKey, _: &[u8], _: &[u8]) -> Verification {
        self.0.set(self.0.get() + 1);
        Verification::Valid
    }
}

/// Always gives the same answer.
struct Fixed(Verification);

impl SignatureVerifier for Fixed {
    fn verify(&self, _: Algorithm, _: &PublicKey, _: &[u8], _: &[u8]) -> Verification {
        self.0
    }
}

fn check(
    token: &str,
    keys: &KeySet,
    expected: &Expected<'_>,
) -> Result<VerifiedToken, VerifyError> {
    verify(
        &UnverifiedToken::parse(token).unwrap(),
        keys,
        expected,
        now(),
        &PureRust,
    )
}

fn set(keys: &[Value]) -> KeySet {
    KeySet::from_jwks_value(&json!({ "keys": keys }))
        .unwrap()
        .keys
}

/// Runs a table of changed claims against a good signature.
fn table(expected: &Expected<'_>, rows: &[(Value, Result<(), VerifyError>)]) {
    let signer = Signer::new(Algorithm::EdDsa);
    let keys = signer.keys("k");
    for (changes, result) in rows {
        let token = signer.token(Algorithm::EdDsa, &json!({"kid":"k"}), &claims(changes));
        assert_eq!(
            check(&token, &keys, expected).map(drop),
            *result,
            "{changes} {expected:?}"
        );
    }
}

#[test]
fn every_algorithm_goes_round() {
    let audiences = audiences();
    for algorithm in Algorithm::ALL.iter().copied() {
        let signer = Signer::new(algorithm);
        let token = signer.token(algorithm, &json!({"kid":"k","typ":"JWT"}), &good_claims());
        for keys in [
            signer.keys("k"),
            set(&[signer.jwk(&json!({"kid":"k","alg":algorithm.name()}))]),
        ] {
            let verified = check(&token, &keys, &oidc(&audiences)).unwrap();
            assert_eq!(verified.algorithm(), algorithm);
            assert_eq!(verified.key_id(), Some("k"));
            assert_eq!(verified.claims().subject(), Ok(Some("me")));
            assert_eq!(verified.expires(), UnixTime::from_secs(NOW + 600));
            assert_eq!(format!("{verified:?}"), "VerifiedToken([redacted])");
        }
        let stranger = Signer::new(algorithm).keys("k");
        assert_eq!(
            check(&token, &stranger, &oidc(&audiences)).map(drop),
            Err(VerifyError::BadSignature),
            "{algorithm}"
        );
    }
}

#[test]
fn an_oidc_token_must_say_who_for_whom_and_how_long() {
    use VerifyError::{
        Expired, IssuedInFuture, MissingClaim, NotYetValid, WrongAudience, WrongClaimType,
        WrongIssuer,
    };
    let audiences = audiences();
    let rows = [
        (json!({}), Ok(())),
        (json!({"iss":"absent"}), Err(MissingClaim("iss"))),
        (json!({"sub":"absent"}), Err(MissingClaim("sub"))),
        (json!({"sub":""}), Err(MissingClaim("sub"))),
        (json!({"aud":"absent"}), Err(MissingClaim("aud"))),
        (json!({"exp":"absent"}), Err(MissingClaim("exp"))),
        (json!({"iat":"absent"}), Err(MissingClaim("iat"))),
        (
            json!({"iss":["https://issuer"]}),
            Err(WrongClaimType("iss")),
        ),
        (json!({"iss":null}), Err(WrongClaimType("iss"))),
        (json!({"sub":7}), Err(WrongClaimType("sub"))),
        (json!({"aud":["registry",7]}), Err(WrongClaimType("aud"))),
        (
            json!({"exp":(NOW + 600).to_string()}),
            Err(WrongClaimType("exp")),
        ),
        (json!({"exp":null}), Err(WrongClaimType("exp"))),
        (json!({"exp":true}), Err(WrongClaimType("exp"))),
        (json!({"iat":NOW.to_string()}), Err(WrongClaimType("iat"))),
        (json!({"nbf":"0"}), Err(WrongClaimType("nbf"))),
        (json!({"iss":"https://issuer/"}), Err(WrongIssuer)),
        (json!({"iss":"https://issuer.evil"}), Err(WrongIssuer)),
        (json!({"iss":"HTTPS://ISSUER"}), Err(WrongIssuer)),
        (json!({"iss":""}), Err(WrongIssuer)),
        (json!({"aud":"other"}), Ok(())),
        (json!({"aud":["nobody","registry"]}), Ok(())),
        (json!({"aud":"nobody"}), Err(WrongAudience)),
        (json!({"aud":"registry "}), Err(WrongAudience)),
        (json!({"aud":"Registry"}), Err(WrongAudience)),
        (json!({"aud":[]}), Err(WrongAudience)),
        (json!({"aud":12345}), Err(WrongAudience)),
        (json!({"aud":{"registry":true}}), Err(WrongAudience)),
        (json!({"aud":null}), Err(WrongAudience)),
        (json!({"exp":NOW + 1}), Ok(())),
        (json!({"exp":NOW}), Err(Expired)),
        (json!({"exp":NOW - 1}), Err(Expired)),
        (json!({"exp":0}), Err(Expired)),
        (json!({"exp":-1}), Err(Expired)),
        (json!({"exp":9e15}), Ok(())),
        (json!({"exp":1e300}), Err(WrongClaimType("exp"))),
        (json!({"exp":-1e300}), Err(WrongClaimType("exp"))),
        (json!({"exp":SECONDS + 0.5}), Ok(())),
        (json!({"exp":SECONDS + 0.0001}), Err(Expired)),
        (json!({"nbf":NOW}), Ok(())),
        (json!({"nbf":NOW + 300}), Ok(())),
        (json!({"nbf":NOW + 301}), Err(NotYetValid)),
        (json!({"nbf":SECONDS + 300.0001}), Err(NotYetValid)),
        (json!({"nbf":1e300}), Err(WrongClaimType("nbf"))),
        (json!({"iat":NOW + 300}), Ok(())),
        (json!({"iat":NOW + 301}), Err(IssuedInFuture)),
        (json!({"iat":SECONDS + 300.0001}), Err(IssuedInFuture)),
        (json!({"iat":1e300}), Err(WrongClaimType("iat"))),
        (json!({"iat":0}), Ok(())),
    ];
    table(&oidc(&audiences), &rows);
}

#[test]
fn a_traditional_token_must_say_how_long() {
    use VerifyError::{Expired, IssuedInFuture, MissingClaim, NotYetValid, WrongClaimType};
    let rows = [
        (json!({}), Ok(())),
        (
            json!({"iss":"absent","sub":"absent","aud":"absent","iat":"absent"}),
            Ok(()),
        ),
        (json!({"iss":"anybody","aud":"anything"}), Ok(())),
        (json!({"exp":"absent"}), Err(MissingClaim("exp"))),
        (json!({"exp":"9999999999"}), Err(WrongClaimType("exp"))),
        (json!({"sub":7}), Err(WrongClaimType("sub"))),
        (json!({"iss":7}), Err(WrongClaimType("iss"))),
        (json!({"aud":[7]}), Err(WrongClaimType("aud"))),
        (json!({"exp":NOW}), Err(Expired)),
        (json!({"nbf":NOW}), Ok(())),
        (json!({"nbf":NOW + 1}), Err(NotYetValid)),
        (json!({"iat":NOW}), Ok(())),
        (json!({"iat":NOW + 1}), Err(IssuedInFuture)),
        (json!({"iat":f64::from(i32::MAX)}), Err(IssuedInFuture)),
        (json!({"iat":[NOW]}), Err(WrongClaimType("iat"))),
    ];
    table(&TRADITIONAL, &rows);
}

#[test]
fn issuer_and_audience_of_a_traditional_token_count_when_configured() {
    use VerifyError::{MissingClaim, WrongAudience, WrongIssuer};
    let audiences = audiences();
    let expected = Expected {
        issuer: Some("https://issuer"),
        audiences: &audiences,
        ..TRADITIONAL
    };
    let rows = [
        (json!({}), Ok(())),
        (json!({"iss":"absent"}), Err(MissingClaim("iss"))),
        (json!({"aud":"absent"}), Err(MissingClaim("aud"))),
        (json!({"iss":"another"}), Err(WrongIssuer)),
        (json!({"aud":"another"}), Err(WrongAudience)),
        (json!({"aud":7}), Err(WrongAudience)),
    ];
    table(&expected, &rows);
}

#[test]
fn an_oidc_provider_may_skip_the_issuer_but_never_the_audience() {
    let audiences = audiences();
    let rows = [
        (json!({"iss":"another"}), Ok(())),
        (
            json!({"iss":"absent"}),
            Err(VerifyError::MissingClaim("iss")),
        ),
        (json!({"aud":"another"}), Err(VerifyError::WrongAudience)),
    ];
    table(
        &Expected {
            issuer: None,
            ..oidc(&audiences)
        },
        &rows,
    );
    table(&oidc(&[]), &[(json!({}), Err(VerifyError::WrongAudience))]);
}

#[test]
fn google_alone_may_leave_the_scheme_out() {
    let audiences = audiences();
    let rows = |result: Result<(), VerifyError>| {
        [
            (json!({"iss":"https://accounts.google.com"}), Ok(())),
            (json!({"iss":"accounts.google.com"}), result),
            (
                json!({"iss":"accounts.google.com.evil"}),
                Err(VerifyError::WrongIssuer),
            ),
            (json!({"iss":"issuer"}), Err(VerifyError::WrongIssuer)),
        ]
    };
    let google = Some("https://accounts.google.com");
    table(
        &Expected {
            issuer: google,
            ..oidc(&audiences)
        },
        &rows(Ok(())),
    );
    table(
        &Expected {
            issuer: google,
            ..TRADITIONAL
        },
        &rows(Err(VerifyError::WrongIssuer)),
    );
    table(
        &oidc(&audiences),
        &[(json!({"iss":"issuer"}), Err(VerifyError::WrongIssuer))],
    );
}

#[test]
fn claims_are_checked_before_any_signature() {
    let signer = Signer::new(Algorithm::EdDsa);
    let (keys, verifier) = (signer.keys("k"), Agreeable::default());
    for changes in [
        json!({"exp":1}),
        json!({"exp":"absent"}),
        json!({"nbf":NOW + 1}),
        json!({"iat":NOW + 1}),
        json!({"sub":7}),
    ] {
        let token = signer.token(
            Algorithm::EdDsa,
            &json!({"kid":"unknown"}),
            &claims(&changes),
        );
        let token = UnverifiedToken::parse(&token).unwrap();
        let expected = Expected {
            key_id: KeyIdRule::IfPresent,
            ..TRADITIONAL
        };
        let error = verify(&token, &keys, &expected, now(), &verifier).unwrap_err();
        assert_ne!(error, VerifyError::UnknownKey, "{changes}");
    }
    assert_eq!(verifier.0.get(), 0);
}

#[test]
fn both_names_of_eddsa_mean_the_same_wherever_they_stand() {
    let signer = Signer::new(Algorithm::EdDsa);
    for in_key in [
        json!({"kid":"k"}),
        json!({"kid":"k","alg":"EdDSA"}),
        json!({"kid":"k","alg":"Ed25519"}),
    ] {
        let keys = set(&[signer.jwk(&in_key)]);
        for in_token in ["EdDSA", "Ed25519"] {
            let header = json!({"alg":in_token,"kid":"k"}).to_string();
            let token = signer.token_of(Algorithm::EdDsa, &header, &good_claims().to_string());
            assert_eq!(
                check(&token, &keys, &TRADITIONAL).map(drop),
                Ok(()),
                "{in_key} {in_token}"
            );
        }
    }
    // The name of the curve does not make another key one of it.
    let other = Signer::new(Algorithm::Es256);
    let token = other.token_of(
        Algorithm::Es256,
        r#"{"alg":"Ed25519","kid":"k"}"#,
        &good_claims().to_string(),
    );
    assert_eq!(
        check(&token, &other.keys("k"), &TRADITIONAL).map(drop),
        Err(VerifyError::NoFittingKey)
    );
}
