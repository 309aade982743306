//! Numbers in digits of [`BITS`] bits, the lowest first.

/// Bits of a digit. A column of a product of two numbers of `n` digits, reduced as it grows, adds up `2 * n` products of two digits:
/// with 27 bits those of [`MAX_DIGITS`] digits are below 2^64.
pub(crate) const BITS: usize = 27;

/// The lowest digit of a number.
pub(crate) const MASK: u64 = (1 << BITS) - 1;

/// Digits of the largest number: 8192 bits and two more.
pub(crate) const MAX_DIGITS: usize = (8192_usize + 2).div_ceil(BITS);

const _: () = assert!(
    (MAX_DIGITS as u64) < (1 << (63 - 2 * BITS)),
    "a column of products may be too large"
);

/// Digits of a number that was written big-endian, `count` of them; `None` if it needs more. Octets have room for a few bits more than the
/// digits of a modulus that is as long: if they were cut, one signature could be written in several ways.
pub(crate) fn from_bytes(bytes: &[u8], count: usize) -> Option<Vec<u32>> {
    let mut digits = Vec::with_capacity(count);
    let (mut window, mut bits) = (0_u64, 0);
    for &byte in bytes.iter().rev() {
        window |= u64::from(byte) << bits;
        bits += 8;
        if bits >= BITS {
            digits.push(low(window));
            window >>= BITS;
            bits -= BITS;
        }
    }
    digits.push(low(window));
    let fits = digits.iter().skip(count).all(|&digit| digit == 0);
    digits.resize(count, 0);
    fits.then_some(digits)
}

/// The number big-endian in `length` bytes; `None` if it needs more.
pub(crate) fn to_bytes(digits: &[u32], length: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length + 4);
    let (mut window, mut bits) = (0_u64, 0);
    for &digit in digits {
        window |= u64::from(digit) << bits;
        bits += BITS;
        while bits >= 8 {
            bytes.push(u8::try_from(window & 0xff).unwrap_or_default());
            window >>= 8;
            bits -= 8;
        }
    }
    bytes.push(u8::try_from(window & 0xff).unwrap_or_default());
    let fits = bytes.iter().skip(length).all(|&byte| byte == 0);
    bytes.resize(length, 0);
    bytes.reverse();
    fits.then_some(bytes)
}

/// The lowest digit of a sum.
pub(crate) fn low(sum: u64) -> u32 {
    // It has 27 bits.
    u32::try_from(sum & MASK).unwrap_or_default()
}

/// Returns true if `one` is less than `other`; both have the same number of digits.
pub(crate) fn is_less(one: &[u32], other: &[u32]) -> bool {
    one.iter().rev().lt(other.iter().rev())
}

/// Subtracts `other`, which is not more and has the same number of digits.
pub(crate) fn subtract(number: &mut [u32], other: &[u32]) {
    let mut borrow = 0;
    for (digit, &other) in number.iter_mut().zip(other) {
        // One of the next digit is lent, and taken back there if it was not needed.
        let difference = u64::from(*digit) + MASK + 1 - u64::from(other) - borrow;
        *digit = low(difference);
        borrow = 1 - (difference >> BITS);
    }
}

/// Doubles a number that is less than half of what its digits can hold.
pub(crate) fn double(number: &mut [u32]) {
    let mut carry = 0;
    for digit in number {
        let sum = 2 * u64::from(*digit) + carry;
        *digit = low(sum);
        carry = sum >> BITS;
    }
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_come_back(bytes in proptest::collection::vec(any::<u8>(), 1..80)) {
            let digits = from_bytes(&bytes, (bytes.len() * 8).div_ceil(BITS)).unwrap();
            prop_assert_eq!(to_bytes(&digits, bytes.len()), Some(bytes.clone()));
            let longer = to_bytes(&digits, bytes.len() + 3).unwrap();
            prop_assert_eq!(BigUint::from_bytes_be(&longer), BigUint::from_bytes_be(&bytes));
            let fits = bytes[0] == 0;
            prop_assert_eq!(to_bytes(&digits, bytes.len() - 1).is_some(), fits);
        }

        #[test]
        fn differences_and_doubles(one in proptest::collection::vec(any::<u8>(), 40), other in proptest::collection::vec(any::<u8>(), 40)) {
            let count = (40_usize * 8 + 1).div_ceil(BITS);
            let number = |digits: &[u32]| BigUint::from_bytes_be(&to_bytes(digits, 42).unwrap());
            let [mut large, mut small] = [one, other].map(|bytes| from_bytes(&bytes, count).unwrap());
            prop_assert_eq!(is_less(&large, &small), number(&large) < number(&small));
            if is_less(&large, &small) {
                std::mem::swap(&mut large, &mut small);
            }
            let difference = number(&large) - number(&small);
            subtract(&mut large, &small);
            prop_assert_eq!(number(&large), difference.clone());
            double(&mut large);
            prop_assert_eq!(number(&large), difference * 2_u32);
        }
    }
}
