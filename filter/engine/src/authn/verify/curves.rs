//! Signatures over curves for jwt-compact: ECDSA (RFC 7518 section 3.4) and Ed25519 (RFC 8037
//! section 3.1).

use std::borrow::Cow;
use std::convert::Infallible;
use std::marker::PhantomData;
use std::num::NonZeroUsize;

use jwt_compact::{Algorithm, AlgorithmSignature};
use p256::ecdsa::signature::{self, SignatureEncoding, Verifier};

/// ECDSA on P-256 with SHA-256, verifying only.
pub(super) type Es256 = Curve<p256::ecdsa::VerifyingKey, p256::ecdsa::Signature, 64>;
/// ECDSA on P-384 with SHA-384, verifying only.
pub(super) type Es384 = Curve<p384::ecdsa::VerifyingKey, p384::ecdsa::Signature, 96>;
/// ECDSA on P-521 with SHA-512, verifying only.
pub(super) type Es512 = Curve<p521::ecdsa::VerifyingKey, p521::ecdsa::Signature, 132>;
/// Ed25519, verifying only.
pub(super) type Ed25519 = Curve<ed25519_dalek::VerifyingKey, ed25519_dalek::Signature, 64>;

/// An algorithm with keys `K` and signatures `S` of `LENGTH` bytes.
pub(super) struct Curve<K, S, const LENGTH: usize>(PhantomData<(K, S)>);

impl<K, S, const LENGTH: usize> Curve<K, S, LENGTH> {
    /// The algorithm, which is nothing but its types.
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

/// Two concatenated numbers of the same length.
pub(super) struct Sides<S, const LENGTH: usize>(S);

impl<S, const LENGTH: usize> AlgorithmSignature for Sides<S, LENGTH>
where
    S: SignatureEncoding + for<'a> TryFrom<&'a [u8], Error = signature::Error>,
{
    const LENGTH: Option<NonZeroUsize> = NonZeroUsize::new(LENGTH);

    fn try_from_slice(slice: &[u8]) -> anyhow::Result<Self> {
        S::try_from(slice).map(Self).map_err(anyhow::Error::msg)
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.to_bytes().as_ref().to_vec())
    }
}

impl<K, S, const LENGTH: usize> Algorithm for Curve<K, S, LENGTH>
where
    K: Verifier<S>,
    S: SignatureEncoding + for<'a> TryFrom<&'a [u8], Error = signature::Error>,
{
    type SigningKey = Infallible;
    type VerifyingKey = K;
    type Signature = Sides<S, LENGTH>;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed("curve")
    }

    fn sign(&self, signing_key: &Infallible, _message: &[u8]) -> Self::Signature {
        match *signing_key {}
    }

    fn verify_signature(&self, signature: &Self::Signature, key: &K, message: &[u8]) -> bool {
        key.verify(message, &signature.0).is_ok()
    }
}
