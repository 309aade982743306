//! Signature verification by the host, where the host has it and passes a self-test at start.
//!
//! Envoy's foreign function `verify_signature` takes a protobuf message: hash name (1), public key
//! as DER `SubjectPublicKeyInfo` (2), signature (3), text (4); the answer's field 1 says whether it
//! is valid. It knows RSASSA-PKCS1-v1_5 and ECDSA with DER signatures.

use registry_auth_engine::authn::verify::{SignatureVerifier, Verification, ecdsa_signature_der};
use registry_auth_engine::keys::PublicKey;
use registry_auth_engine::keys::algorithm::Algorithm;

use crate::host;

const FUNCTION: &str = "verify_signature";
const VALID: [u8; 2] = [0x08, 0x01];

/// The text under the signatures of the self-test.
const TEXT: &[u8] = b"registry-auth self-test";
const RSA_KEY: &[u8] = include_bytes!("selftest/rsa-2048.spki.der");
const RSA_SIGNATURE: &[u8] = include_bytes!("selftest/rsa-2048-sha256.sig");
const P256_KEY: &[u8] = include_bytes!("selftest/p256.spki.der");
const P256_SIGNATURE: &[u8] = include_bytes!("selftest/p256-sha256.sig");

/// What the host passed the self-test for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostVerifier {
    rsa: bool,
    ecdsa: bool,
}

impl HostVerifier {
    /// Trusts the host with a kind of key only if it accepts a good signature and refuses a bad
    /// one. A host that is not known to be Envoy is not asked: an unknown function may be fatal
    /// there.
    pub(crate) fn self_test() -> Self {
        if !host::is_envoy() {
            return Self {
                rsa: false,
                ecdsa: false,
            };
        }
        Self {
            rsa: works(RSA_KEY, RSA_SIGNATURE),
            ecdsa: works(P256_KEY, P256_SIGNATURE),
        }
    }

    /// For the log.
    pub(crate) const fn describe(self) -> &'static str {
        match (self.rsa, self.ecdsa) {
            (true, true) => "RSA and ECDSA by the host",
            (true, false) => "RSA by the host",
            (false, true) => "ECDSA by the host",
            (false, false) => "in the module",
        }
    }
}

impl SignatureVerifier for HostVerifier {
    fn verify(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Verification {
        let hash = match algorithm {
            Algorithm::Rs256 | Algorithm::Es256 => "sha256",
            Algorithm::Rs384 | Algorithm::Es384 => "sha384",
            Algorithm::Rs512 | Algorithm::Es512 => "sha512",
            Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512 | Algorithm::EdDsa => {
                return Verification::Unsupported;
            }
        };
        let valid = match algorithm {
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 if self.rsa => {
                ask(hash, key.spki_der(), signature, message)
            }
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 if self.ecdsa => {
                let Some(signature) = ecdsa_signature_der(signature) else {
                    return Verification::Invalid;
                };
                ask(hash, key.spki_der(), &signature, message)
            }
            _ => return Verification::Unsupported,
        };
        match valid {
            Some(true) => Verification::Valid,
            Some(false) => Verification::Invalid,
            None => Verification::Unsupported,
        }
    }
}

fn works(key: &[u8], signature: &[u8]) -> bool {
    let other_text = b"registry-auth self-tesu";
    ask("sha256", key, signature, TEXT) == Some(true)
        && ask("sha256", key, signature, other_text) == Some(false)
}

/// Returns `None` when the host has no such function or could not answer.
fn ask(hash: &str, key: &[u8], signature: &[u8], text: &[u8]) -> Option<bool> {
    let mut argument =
        Vec::with_capacity(hash.len() + key.len() + signature.len() + text.len() + 24);
    for (number, field) in [(1, hash.as_bytes()), (2, key), (3, signature), (4, text)] {
        argument.push(number << 3 | 2);
        varint(field.len(), &mut argument);
        argument.extend_from_slice(field);
    }
    host::foreign(FUNCTION, &argument).map(|answer| answer.starts_with(&VALID))
}

fn varint(mut number: usize, out: &mut Vec<u8>) {
    while number > 0x7f {
        out.push(0x80 | u8::try_from(number & 0x7f).unwrap_or_default());
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or_default());
}
