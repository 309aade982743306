//! A public key, and signatures under it.

use std::fmt;
use std::sync::OnceLock;

use crate::digits;
use crate::encoding;
use crate::hash::Hash;
use crate::modulus::Modulus;

const MIN_RSA_BITS: usize = 2048;
const MAX_RSA_BITS: usize = 8192;
/// The largest public exponent. Greater ones are not in use, and each bit costs a multiplication.
const MAX_EXPONENT: u64 = (1 << 33) - 1;

/// An RSA public key (RFC 8017 section 3.1) of 2048 to 8192 bits.
#[derive(Clone)]
pub struct PublicKey {
    /// Big-endian, without leading zeros.
    modulus: Box<[u8]>,
    bits: usize,
    exponent: u64,
    /// From the first signature on: where the host verifies, most keys never need it, and it costs as much as a signature.
    arithmetic: OnceLock<Modulus>,
}

/// Why two numbers are no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidKey {
    /// The modulus has less than 2048 bits.
    TooShort,
    /// The modulus has more than 8192 bits.
    TooLong,
    /// Modulus or exponent is even, or the exponent is 1 or above 2^33.
    Malformed,
}

/// How a message is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// RSASSA-PKCS1-v1_5 (section 8.2).
    Pkcs1,
    /// RSASSA-PSS with MGF1 and a salt as long as the hash (section 8.1; RFC 7518 section 3.5).
    Pss,
}

impl PublicKey {
    /// A key from modulus and exponent, big-endian; leading zeros are ignored.
    ///
    /// # Errors
    /// See [`InvalidKey`].
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, InvalidKey> {
        let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
        let bits = bits(modulus);
        if bits > MAX_RSA_BITS {
            return Err(InvalidKey::TooLong);
        }
        if bits < MIN_RSA_BITS {
            return Err(InvalidKey::TooShort);
        }
        let exponent = number(exponent).ok_or(InvalidKey::Malformed)?;
        let is_odd = modulus.last().is_some_and(|last| last & 1 == 1);
        if !is_odd || exponent & 1 == 0 || !(3..=MAX_EXPONENT).contains(&exponent) {
            return Err(InvalidKey::Malformed);
        }
        Ok(Self {
            arithmetic: OnceLock::new(),
            modulus: modulus.into(),
            bits,
            exponent,
        })
    }

    /// The modulus, big-endian, without leading zeros.
    #[must_use]
    pub const fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The public exponent, big-endian, without leading zeros.
    #[must_use]
    pub fn exponent(&self) -> Vec<u8> {
        without_zeros(&self.exponent.to_be_bytes()).to_vec()
    }

    /// Octets of the modulus and of each signature.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.modulus.len()
    }

    /// Returns true if the owner of the key signed `message`.
    #[must_use]
    pub fn verifies(&self, padding: Padding, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        match padding {
            Padding::Pkcs1 => {
                // Section 8.2.2: the encoding is unique, so the two are compared.
                let expected = encoding::pkcs1(hash, message, self.size());
                let encoded = self.encoded(signature, self.size());
                encoded.is_some() && encoded == expected
            }
            Padding::Pss => {
                // Section 8.1.2 step 2c: it may take an octet less than the modulus.
                let bits = self.bits - 1;
                let encoded = self.encoded(signature, bits.div_ceil(8));
                encoded.is_some_and(|encoded| encoding::is_pss(hash, message, &encoded, bits))
            }
        }
    }

    /// `RSAVP1` (section 5.2.2) of a signature as long as the modulus, in `length` octets; `None` if there is none.
    fn encoded(&self, signature: &[u8], length: usize) -> Option<Vec<u8>> {
        if signature.len() != self.size() {
            return None;
        }
        let modulus = || Modulus::new(&self.modulus, self.bits);
        let arithmetic = self.arithmetic.get_or_init(modulus);
        let signature = digits::from_bytes(signature, arithmetic.len())?;
        if !arithmetic.is_above(&signature) {
            return None;
        }
        digits::to_bytes(&arithmetic.power(&signature, self.exponent), length)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({} bits)", self.bits)
    }
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// Bits of a number without leading zeros.
fn bits(bytes: &[u8]) -> usize {
    let unused = bytes
        .first()
        .map_or(0, |first| first.leading_zeros() as usize);
    8 * bytes.len() - unused
}

fn number(bytes: &[u8]) -> Option<u64> {
    let mut number = [0; 8];
    let start = number.len().checked_sub(bytes.len())?;
    number.get_mut(start..)?.copy_from_slice(bytes);
    Some(u64::from_be_bytes(number))
}

#[cfg(test)]
mod tests;
