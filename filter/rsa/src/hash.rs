//! The hash functions of signatures, and the mask of PSS.

use sha2::{Digest, Sha256, Sha384, Sha512};

/// The hash function of an algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// The DER of `DigestInfo` up to the hash (RFC 8017 section 9.2, note 1).
const SHA256: [u8; 19] =
    *b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
const SHA384: [u8; 19] =
    *b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30";
const SHA512: [u8; 19] =
    *b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40";

impl Hash {
    /// The hash of the parts as one text.
    pub(crate) fn of(self, parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Sha256 => digest::<Sha256>(parts),
            Self::Sha384 => digest::<Sha384>(parts),
            Self::Sha512 => digest::<Sha512>(parts),
        }
    }

    /// What precedes the hash in a `DigestInfo`.
    pub(crate) const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Sha256 => &SHA256,
            Self::Sha384 => &SHA384,
            Self::Sha512 => &SHA512,
        }
    }

    /// `MGF1` of a seed, as the bytes of a text xored with it (RFC 8017 appendix B.2.1).
    pub(crate) fn mask(self, seed: &[u8], text: &[u8]) -> Vec<u8> {
        let mask = (0_u32..).flat_map(|counter| self.of(&[seed, &counter.to_be_bytes()]));
        text.iter()
            .zip(mask)
            .map(|(byte, mask)| byte ^ mask)
            .collect()
    }
}

fn digest<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
    let mut digest = D::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().to_vec()
}
