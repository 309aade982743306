//! When a token is valid.

use super::*;

#[test]
fn clock_skew_moves_every_date() {
    use VerifyError::{Expired, IssuedInFuture, NotYetValid};
    let audiences = audiences();
    let minute = Duration::from_mins(1);
    let rows = [
        (json!({"exp":NOW - 59}), Ok(())),
        (json!({"exp":NOW - 60}), Err(Expired)),
        (json!({"nbf":NOW + 60}), Ok(())),
        (json!({"nbf":NOW + 61}), Err(NotYetValid)),
        (json!({"iat":NOW + 60}), Ok(())),
        (json!({"iat":NOW + 61}), Err(IssuedInFuture)),
    ];
    table(
        &Expected {
            clock_skew: minute,
            ..TRADITIONAL
        },
        &rows,
    );
    let rows = [
        (json!({"nbf":NOW + 300}), Ok(())),
        (json!({"nbf":NOW + 301}), Err(NotYetValid)),
        (json!({"iat":NOW + 360}), Ok(())),
        (json!({"iat":NOW + 361}), Err(IssuedInFuture)),
    ];
    table(
        &Expected {
            clock_skew: minute,
            ..oidc(&audiences)
        },
        &rows,
    );
    let rows = [
        (json!({"nbf":NOW + 600}), Ok(())),
        (json!({"nbf":NOW + 601}), Err(NotYetValid)),
    ];
    table(
        &Expected {
            clock_skew: minute * 10,
            ..oidc(&audiences)
        },
        &rows,
    );
    let signer = Signer::new(Algorithm::EdDsa);
    let token = signer.token(Algorithm::EdDsa, &json!({}), &good_claims());
    let expected = Expected {
        clock_skew: minute,
        ..TRADITIONAL
    };
    assert_eq!(
        check(&token, &signer.keys("k"), &expected)
            .unwrap()
            .expires(),
        UnixTime::from_secs(NOW + 660)
    );
}

#[test]
fn the_token_is_refused_from_the_moment_it_says_on() {
    let signer = Signer::new(Algorithm::EdDsa);
    let token = signer.token(
        Algorithm::EdDsa,
        &json!({}),
        &claims(&json!({"exp":1_800_000_000.5})),
    );
    let (token, keys) = (UnverifiedToken::parse(&token).unwrap(), signer.keys("k"));
    let at = |time| verify(&token, &keys, &TRADITIONAL, time, &PureRust);
    let end = at(now()).unwrap().expires();
    assert!(at(UnixTime::from_millis(end.millis() - 1)).is_ok());
    assert_eq!(at(end).map(drop), Err(VerifyError::Expired));
}
