//! Signatures over bytes: the trait for the host's implementation, and the implementation in Rust.

use jwt_compact::{Algorithm as Implementation, AlgorithmSignature as _};
use registry_auth_rsa::Hash;
use spki::der::Encode as _;
use spki::der::asn1::UintRef;

use super::curves::{Ed25519, Es256, Es384, Es512};
use super::rsa::Rsa;
use crate::keys::algorithm::Algorithm;
use crate::keys::{Material, PublicKey};

/// The result of verifying a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// The key made it.
    Valid,
    /// The key did not make it.
    Invalid,
    /// This verifier does not support the algorithm, or failed; another one has to verify.
    Unsupported,
}

/// Verifies signatures.
pub trait SignatureVerifier {
    /// Verifies the `signature` of `message` as it is in a token: for ECDSA that is r and s
    /// concatenated, each as long as the curve's order. Callers have checked that the key fits the
    /// algorithm and that the length is right.
    fn verify(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Verification;
}

/// The verifier in Rust, which is always available.
#[derive(Clone, Copy, Debug, Default)]
pub struct PureRust;

impl SignatureVerifier for PureRust {
    fn verify(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Verification {
        match (algorithm, key.material()) {
            (Algorithm::Rs256, Material::Rsa(key)) => {
                check(&Rsa::pkcs1(Hash::Sha256), key, message, signature)
            }
            (Algorithm::Rs384, Material::Rsa(key)) => {
                check(&Rsa::pkcs1(Hash::Sha384), key, message, signature)
            }
            (Algorithm::Rs512, Material::Rsa(key)) => {
                check(&Rsa::pkcs1(Hash::Sha512), key, message, signature)
            }
            (Algorithm::Ps256, Material::Rsa(key)) => {
                check(&Rsa::pss(Hash::Sha256), key, message, signature)
            }
            (Algorithm::Ps384, Material::Rsa(key)) => {
                check(&Rsa::pss(Hash::Sha384), key, message, signature)
            }
            (Algorithm::Ps512, Material::Rsa(key)) => {
                check(&Rsa::pss(Hash::Sha512), key, message, signature)
            }
            (Algorithm::Es256, Material::P256(key)) => {
                check(&Es256::new(), key, message, signature)
            }
            (Algorithm::Es384, Material::P384(key)) => {
                check(&Es384::new(), key, message, signature)
            }
            (Algorithm::Es512, Material::P521(key)) => {
                check(&Es512::new(), key, message, signature)
            }
            (Algorithm::EdDsa, Material::Ed25519(key)) => {
                check(&Ed25519::new(), key, message, signature)
            }
            // A key of another kind did not make it, whatever `alg` is.
            _ => Verification::Invalid,
        }
    }
}

fn check<A: Implementation>(
    algorithm: &A,
    key: &A::VerifyingKey,
    message: &[u8],
    signature: &[u8],
) -> Verification {
    // Some implementations rely on the length.
    if A::Signature::LENGTH.is_some_and(|length| length.get() != signature.len()) {
        return Verification::Invalid;
    }
    match A::Signature::try_from_slice(signature) {
        Ok(signature) if algorithm.verify_signature(&signature, key, message) => {
            Verification::Valid
        }
        _ => Verification::Invalid,
    }
}

/// An ECDSA signature as DER `ECDSA-Sig-Value` (RFC 3279 section 2.2.3), from r and s concatenated
/// as JWS has them (RFC 7518 section 3.4). `None` unless it is 64, 96 or 132 bytes long.
#[must_use]
pub fn ecdsa_signature_der(raw: &[u8]) -> Option<Vec<u8>> {
    if !matches!(raw.len(), 64 | 96 | 132) {
        return None;
    }
    let (r, s) = raw.split_at(raw.len() / 2);
    [UintRef::new(r).ok()?, UintRef::new(s).ok()?].to_der().ok()
}

#[cfg(test)]
mod tests;
