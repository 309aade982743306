//! What the host verifies, and what is left to the engine.

use super::*;

#[test]
fn what_the_host_cannot_do_is_done_here_and_nothing_else() {
    let signer = Signer::new(Algorithm::Ps256);
    let (keys, stranger) = (signer.keys("k"), Signer::new(Algorithm::Ps256).keys("k"));
    let text = signer.token(Algorithm::Ps256, &json!({}), &good_claims());
    let token = UnverifiedToken::parse(&text).unwrap();
    let rows = [
        (Verification::Unsupported, &keys, Ok(())),
        (
            Verification::Unsupported,
            &stranger,
            Err(VerifyError::BadSignature),
        ),
        (Verification::Invalid, &keys, Err(VerifyError::BadSignature)),
        (Verification::Valid, &stranger, Ok(())),
    ];
    for (answer, keys, result) in rows {
        assert_eq!(
            verify(&token, keys, &TRADITIONAL, now(), &Fixed(answer)).map(drop),
            result,
            "{answer:?}"
        );
    }
}

#[test]
fn a_signature_of_the_wrong_length_is_not_shown_to_the_host() {
    use base64::Engine as _;
    let signer = Signer::new(Algorithm::Es256);
    let text = signer.token(Algorithm::Es256, &json!({}), &good_claims());
    let (message, signature) = text.rsplit_once('.').unwrap();
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let raw = engine.decode(signature).unwrap();
    let der = ecdsa_signature_der(&raw).unwrap();
    for signature in [&raw[..63], &[raw.as_slice(), &[0]].concat(), &der, &[1]] {
        let token = format!("{message}.{}", engine.encode(signature));
        let (token, verifier) = (
            UnverifiedToken::parse(&token).unwrap(),
            Agreeable::default(),
        );
        let result = verify(&token, &signer.keys("k"), &TRADITIONAL, now(), &verifier);
        assert_eq!(
            (result.map(drop), verifier.0.get()),
            (Err(VerifyError::BadSignature), 0)
        );
    }
}
