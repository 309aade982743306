//! RSA signatures for jwt-compact (RFC 7518 sections 3.3 and 3.5).

use std::borrow::Cow;
use std::convert::Infallible;
use std::num::NonZeroUsize;

use jwt_compact::{Algorithm, AlgorithmSignature};
use registry_auth_rsa::{Hash, Padding, PublicKey};

/// RSASSA with a hash and a padding, verifying only.
pub(super) struct Rsa {
    padding: Padding,
    hash: Hash,
}

impl Rsa {
    /// RS256 and its like.
    pub(super) const fn pkcs1(hash: Hash) -> Self {
        let padding = Padding::Pkcs1;
        Self { padding, hash }
    }

    /// PS256 and its like.
    pub(super) const fn pss(hash: Hash) -> Self {
        let padding = Padding::Pss;
        Self { padding, hash }
    }
}

/// A number as long as the modulus.
pub(super) struct Octets(Vec<u8>);

impl AlgorithmSignature for Octets {
    const LENGTH: Option<NonZeroUsize> = None;

    fn try_from_slice(slice: &[u8]) -> anyhow::Result<Self> {
        Ok(Self(slice.to_vec()))
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.0)
    }
}

impl Algorithm for Rsa {
    type SigningKey = Infallible;
    type VerifyingKey = PublicKey;
    type Signature = Octets;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed("RSA")
    }

    fn sign(&self, signing_key: &Infallible, _message: &[u8]) -> Octets {
        match *signing_key {}
    }

    fn verify_signature(&self, signature: &Octets, key: &PublicKey, message: &[u8]) -> bool {
        key.verifies(self.padding, self.hash, message, &signature.0)
    }
}
