//! Which keys and algorithms a token is verified with.

use super::*;

#[test]
fn a_key_id_chooses_keys_by_its_rule() {
    use KeyIdRule::{IfPresent, Ignored, Required};
    use VerifyError::{BadSignature, MissingKeyId, UnknownKey};
    let (one, two) = (Signer::new(Algorithm::Es256), Signer::new(Algorithm::Es256));
    let keys = set(&[
        one.jwk(&json!({"kid":"one"})),
        two.jwk(&json!({"kid":"two"})),
        two.jwk(&json!({})),
    ]);
    let rows = [
        (IfPresent, json!({"kid":"one"}), Ok(())),
        (IfPresent, json!({"kid":"two"}), Err(BadSignature)),
        (IfPresent, json!({"kid":"three"}), Err(UnknownKey)),
        (IfPresent, json!({"kid":""}), Ok(())),
        (IfPresent, json!({"kid":"ONE"}), Err(UnknownKey)),
        (IfPresent, json!({}), Ok(())),
        (Required, json!({"kid":"one"}), Ok(())),
        (Required, json!({"kid":"two"}), Err(BadSignature)),
        (Required, json!({"kid":"three"}), Err(UnknownKey)),
        (Required, json!({"kid":""}), Err(MissingKeyId)),
        (Required, json!({}), Err(MissingKeyId)),
        (Ignored, json!({"kid":"three"}), Ok(())),
        (Ignored, json!({}), Ok(())),
    ];
    for (rule, header, result) in rows {
        let token = one.token(Algorithm::Es256, &header, &good_claims());
        let expected = Expected {
            key_id: rule,
            ..TRADITIONAL
        };
        assert_eq!(
            check(&token, &keys, &expected).map(drop),
            result,
            "{rule:?} {header}"
        );
    }
}

#[test]
fn all_keys_of_one_id_are_tried_and_eight_of_none() {
    let (signer, stranger) = (Signer::new(Algorithm::EdDsa), Signer::new(Algorithm::EdDsa));
    let strangers = |count: usize, more: &Value| vec![stranger.jwk(more); count];
    let named = signer.token(Algorithm::EdDsa, &json!({"kid":"k"}), &good_claims());
    let nameless = signer.token(Algorithm::EdDsa, &json!({}), &good_claims());
    let expected = Expected {
        key_id: KeyIdRule::IfPresent,
        ..TRADITIONAL
    };
    let rows = [
        (strangers(7, &json!({"kid":"k"})), &named, Ok(())),
        (strangers(40, &json!({"kid":"other"})), &named, Ok(())),
        (strangers(7, &json!({})), &nameless, Ok(())),
        (
            strangers(8, &json!({})),
            &nameless,
            Err(VerifyError::BadSignature),
        ),
    ];
    for (mut entries, token, result) in rows {
        entries.push(signer.jwk(&json!({"kid":"k"})));
        assert_eq!(check(token, &set(&entries), &expected).map(drop), result);
    }
    let other_kind = vec![Signer::new(Algorithm::Es256).jwk(&json!({})); 20];
    let mixed = [other_kind, vec![signer.jwk(&json!({}))]].concat();
    assert!(check(&nameless, &set(&mixed), &expected).is_ok());
}

#[test]
fn the_key_decides_the_algorithm() {
    use Algorithm::{EdDsa, Es256, Es384, Es512, Ps256, Rs256, Rs512};
    let rows = [
        (Rs256, json!({"alg":"RS256"}), Rs512),
        (Rs256, json!({"alg":"PS256"}), Rs256),
        (Rs256, json!({"alg":"RS256"}), Ps256),
        (Rs256, json!({}), Es256),
        (Rs256, json!({}), EdDsa),
        (Es256, json!({}), Rs256),
        (Es256, json!({}), Es384),
        (Es384, json!({}), Es256),
        (Es512, json!({}), Es384),
        (EdDsa, json!({}), Rs256),
        (EdDsa, json!({}), Es256),
    ];
    for (kind, jwk, claimed) in rows {
        let signer = Signer::new(kind);
        let keys = set(&[signer.jwk(&jwk)]);
        let token =
            UnverifiedToken::parse(&signer.token(claimed, &json!({}), &good_claims())).map(drop);
        assert_eq!(token, Ok(()), "{claimed}");
        let text = signer.token(claimed, &json!({}), &good_claims());
        // Even a verifier that agrees with everything is not asked.
        let verifier = Agreeable::default();
        let result = verify(
            &UnverifiedToken::parse(&text).unwrap(),
            &keys,
            &TRADITIONAL,
            now(),
            &verifier,
        );
        assert_eq!(
            result.map(drop),
            Err(VerifyError::NoFittingKey),
            "{kind} {jwk} {claimed}"
        );
        assert_eq!(verifier.0.get(), 0);
    }
}

#[test]
fn an_issuer_may_allow_fewer_algorithms() {
    let signer = Signer::new(Algorithm::Rs256);
    let token = signer.token(Algorithm::Ps256, &json!({}), &good_claims());
    let rows: [(&[Algorithm], _); 3] = [
        (&[Algorithm::Rs256], Err(VerifyError::AlgorithmNotAllowed)),
        (&[], Err(VerifyError::AlgorithmNotAllowed)),
        (&[Algorithm::Rs256, Algorithm::Ps256], Ok(())),
    ];
    for (allowed, result) in rows {
        let expected = Expected {
            algorithms: Some(allowed),
            ..TRADITIONAL
        };
        assert_eq!(
            check(&token, &signer.keys("k"), &expected).map(drop),
            result,
            "{allowed:?}"
        );
    }
}

#[test]
fn a_key_in_the_header_signs_for_nobody() {
    let (mine, theirs) = (Signer::new(Algorithm::Es256), Signer::new(Algorithm::Es256));
    let header = json!({"jwk":theirs.jwk(&json!({})),"kid":"k","jku":"https://evil/jwks","x5c":["AAAA"],"x5u":"https://evil"});
    let token = theirs.token(Algorithm::Es256, &header, &good_claims());
    assert_eq!(
        check(&token, &mine.keys("k"), &TRADITIONAL).map(drop),
        Err(VerifyError::BadSignature)
    );
    assert_eq!(
        check(&token, &KeySet::default(), &TRADITIONAL).map(drop),
        Err(VerifyError::NoFittingKey)
    );
}
