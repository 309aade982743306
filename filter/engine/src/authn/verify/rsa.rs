//! RSA signatures for jwt-compact (RFC 7518 sections 3.3 and 3.5).

use std::borrow::Cow;
use std::convert::Infallible;
use std::marker::PhantomData;
use std::num::NonZeroUsize;

use jwt_compact::{Algorithm, AlgorithmSignature};
use rsa::sha2::digest::FixedOutputReset;
use rsa::sha2::digest::const_oid::AssociatedOid;
use rsa::{Pkcs1v15Sign, Pss, PublicKey};
use sha2::Digest;

/// RSASSA with a hash and a padding, verifying only.
pub(super) struct Rsa<H> {
    padding: Padding,
    hash: PhantomData<H>,
}

enum Padding {
    Pkcs1,
    /// The salt is as long as the hash.
    Pss,
}

impl<H> Rsa<H> {
    /// RS256 and its like.
    pub(super) const fn pkcs1() -> Self {
        Self {
            padding: Padding::Pkcs1,
            hash: PhantomData,
        }
    }

    /// PS256 and its like.
    pub(super) const fn pss() -> Self {
        Self {
            padding: Padding::Pss,
            hash: PhantomData,
        }
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

impl<H: Digest + FixedOutputReset + AssociatedOid> Algorithm for Rsa<H> {
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
        let hashed = H::digest(message);
        let verified = match self.padding {
            Padding::Pkcs1 => key.verify(Pkcs1v15Sign::new::<H>(), &hashed, &signature.0),
            Padding::Pss => {
                key.verify(Pss::<H>::new_with_salt(hashed.len()), &hashed, &signature.0)
            }
        };
        verified.is_ok()
    }
}
