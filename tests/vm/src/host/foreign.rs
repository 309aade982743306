//! Foreign functions: `verify_signature` as Envoy has it, on aws-lc.

use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use prost::Message as _;

/// `envoy.source.extensions.common.wasm.VerifySignatureArguments`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Arguments {
    #[prost(string, tag = "1")]
    pub(crate) hash_function: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) public_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) clear_text: Vec<u8>,
}

/// `envoy.source.extensions.common.wasm.VerifySignatureResult`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Outcome {
    #[prost(bool, tag = "1")]
    pub(crate) result: bool,
    #[prost(string, tag = "2")]
    pub(crate) error: String,
}

/// Returns the result of a call; `None` if the argument is not a valid message.
pub(super) fn verify_signature(argument: &[u8]) -> Option<Vec<u8>> {
    let arguments = Arguments::decode(argument).ok()?;
    let result = verifies(&arguments);
    let error = if result {
        String::new()
    } else {
        "verification failed".to_owned()
    };
    Some(Outcome { result, error }.encode_to_vec())
}

fn verifies(arguments: &Arguments) -> bool {
    algorithms(&arguments.hash_function)
        .iter()
        .any(|algorithm| {
            let key = ParsedPublicKey::new(*algorithm, &arguments.public_key);
            key.is_ok_and(|key| {
                key.verify_sig(&arguments.clear_text, &arguments.signature)
                    .is_ok()
            })
        })
}

/// Verifies RSASSA-PKCS1-v1_5, or ECDSA with DER signatures: the type of the key decides.
fn algorithms(hash: &str) -> [&'static dyn VerificationAlgorithm; 4] {
    match hash {
        "sha384" => [
            &signature::RSA_PKCS1_2048_8192_SHA384,
            &signature::ECDSA_P256_SHA384_ASN1,
            &signature::ECDSA_P384_SHA384_ASN1,
            &signature::ECDSA_P521_SHA384_ASN1,
        ],
        "sha512" => [
            &signature::RSA_PKCS1_2048_8192_SHA512,
            &signature::ECDSA_P256_SHA512_ASN1,
            &signature::ECDSA_P384_SHA512_ASN1,
            &signature::ECDSA_P521_SHA512_ASN1,
        ],
        _ => [
            &signature::RSA_PKCS1_2048_8192_SHA256,
            &signature::ECDSA_P256_SHA256_ASN1,
            &signature::ECDSA_P384_SHA256_ASN1,
            &signature::ECDSA_P521_SHA256_ASN1,
        ],
    }
}

#[cfg(test)]
mod tests {
    use registry_auth_harness::key::TestKey;

    use super::*;

    fn ask(key: &str, algorithm: &str, hash: &str, text: &[u8]) -> bool {
        let key = TestKey::named(key).unwrap();
        let arguments = Arguments {
            hash_function: hash.to_owned(),
            public_key: key.spki_der().unwrap(),
            signature: key.sign(algorithm, b"text").unwrap(),
            clear_text: text.to_vec(),
        };
        let answer = verify_signature(&arguments.encode_to_vec()).unwrap();
        Outcome::decode(&*answer).unwrap().result
    }

    #[test]
    fn rsa_pkcs1_verifies_and_pss_does_not() {
        for (algorithm, hash) in [
            ("RS256", "sha256"),
            ("RS384", "sha384"),
            ("RS512", "sha512"),
        ] {
            assert!(ask("rs256", algorithm, hash, b"text"), "{algorithm}");
            assert!(!ask("rs256", algorithm, hash, b"texu"), "{algorithm}");
        }
        assert!(!ask("rs256", "PS256", "sha256", b"text"));
        assert!(!ask("eddsa", "EdDSA", "sha256", b"text"));
        // The signature of a JWS is `R || S`, but the host expects DER.
        assert!(!ask("es256", "ES256", "sha256", b"text"));
        assert_eq!(verify_signature(&[0xff]), None);
    }
}
