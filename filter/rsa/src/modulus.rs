//! Arithmetic modulo an odd number, by Montgomery's method.

use crate::digits::{self, BITS, MASK};

/// An odd modulus `n` with what depends on it alone.
///
/// With `k` digits, `R` is 2^(27 k), at least `4 n`: sums of products need no comparison with `n` between, since a product of two numbers
/// below `2 n` is below `2 n` again.
#[derive(Clone)]
pub(crate) struct Modulus {
    /// `n`.
    digits: Vec<u32>,
    /// `-1 / n` modulo a digit.
    inverse: u64,
    /// `R * R` modulo `n`.
    square: Vec<u32>,
}

impl Modulus {
    /// A modulus of `bits` bits, written big-endian: odd, and its highest bit is set.
    pub(crate) fn new(bytes: &[u8], bits: usize) -> Self {
        // There are more bits in them than it has.
        let digits = digits::from_bytes(bytes, (bits + 2).div_ceil(BITS)).unwrap_or_default();
        let lowest = digits.first().copied().unwrap_or_default();
        let mut modulus = Self {
            inverse: negated_inverse(u64::from(lowest)),
            square: Vec::new(),
            digits,
        };
        modulus.square = modulus.square_of_r(bits);
        modulus
    }

    /// Returns `base^exponent`, below `n`; the base is below `n` and has as many digits, the exponent is odd.
    pub(crate) fn power(&self, base: &[u32], exponent: u64) -> Vec<u32> {
        let mut columns = vec![0; 2 * self.digits.len()];
        let factor = self.product(base, &self.square, &mut columns);
        let mut power = factor.clone();
        let bits = u64::BITS - exponent.leading_zeros();
        for bit in (0..bits.saturating_sub(1)).rev() {
            power = self.product(&power, &power, &mut columns);
            // The last factor is one without `R`, and takes that of the power away.
            if bit == 0 {
                return self.reduced(self.product(&power, base, &mut columns));
            }
            if exponent >> bit & 1 == 1 {
                power = self.product(&power, &factor, &mut columns);
            }
        }
        base.to_vec()
    }

    /// Returns true if a number of as many digits is below the modulus.
    pub(crate) fn is_above(&self, number: &[u32]) -> bool {
        digits::is_less(number, &self.digits)
    }

    /// How many digits it has.
    pub(crate) const fn len(&self) -> usize {
        self.digits.len()
    }

    /// `one * other / R` modulo `n`, below `2 n`; `columns` is room for it.
    fn product(&self, one: &[u32], other: &[u32], columns: &mut [u64]) -> Vec<u32> {
        columns.fill(0);
        let (pairs, last) = one.as_chunks::<2>();
        for (row, pair) in pairs.iter().enumerate() {
            if let Some(columns) = columns.get_mut(2 * row..) {
                self.add_rows(pair.map(u64::from), other, columns);
            }
        }
        if let ([last], Some(columns)) = (last, columns.get_mut(2 * pairs.len()..)) {
            self.add_row(u64::from(*last), other, columns);
        }
        let mut carry = 0;
        let upper = columns.iter().skip(self.digits.len());
        upper
            .map(|column| {
                let sum = column.wrapping_add(carry);
                carry = sum >> BITS;
                digits::low(sum)
            })
            .collect()
    }

    /// Adds `digit * other`, and as many moduli as make the lowest digit 0.
    fn add_row(&self, digit: u64, other: &[u32], columns: &mut [u64]) {
        let lowest = columns.first().copied().unwrap_or_default();
        let first = other.first().copied().unwrap_or_default();
        let moduli = self.moduli(sum(lowest, [(digit, first)]));
        for (column, (&other, &modulus)) in columns.iter_mut().zip(other.iter().zip(&self.digits)) {
            *column = sum(*column, [(digit, other), (moduli, modulus)]);
        }
        if let [lowest, next, ..] = columns {
            *next = next.wrapping_add(*lowest >> BITS);
        }
    }

    /// The same for two digits at once: each column is read and written once for both.
    fn add_rows(&self, [low, high]: [u64; 2], other: &[u32], columns: &mut [u64]) {
        let ([one, two, ..], [first, second, ..], [modulus, next, ..]) =
            (&mut *columns, other, &*self.digits)
        else {
            return;
        };
        let lowest = sum(*one, [(low, *first)]);
        let low_moduli = self.moduli(lowest);
        let carry = sum(lowest, [(low_moduli, *modulus)]) >> BITS;
        let products = [(low, *second), (low_moduli, *next), (high, *first)];
        let lowest = sum(two.wrapping_add(carry), products);
        let high_moduli = self.moduli(lowest);
        let carry = sum(lowest, [(high_moduli, *modulus)]) >> BITS;
        let [_, _, columns @ ..] = columns else {
            return;
        };
        if let Some(column) = columns.first_mut() {
            *column = column.wrapping_add(carry);
        }
        let digits = other.array_windows().zip(self.digits.array_windows());
        for (column, ([before, other], [modulus_before, modulus])) in
            columns.iter_mut().zip(digits.skip(1))
        {
            let products = [
                (low, *other),
                (low_moduli, *modulus),
                (high, *before),
                (high_moduli, *modulus_before),
            ];
            *column = sum(*column, products);
        }
        if let (Some(column), Some(other), Some(modulus)) = (
            columns.get_mut(self.digits.len() - 2),
            other.last(),
            self.digits.last(),
        ) {
            *column = sum(*column, [(high, *other), (high_moduli, *modulus)]);
        }
    }

    /// How many moduli make the lowest digit of `lowest` 0.
    const fn moduli(&self, lowest: u64) -> u64 {
        lowest.wrapping_mul(self.inverse) & MASK
    }

    /// A number below `2 n`, below `n`.
    fn reduced(&self, mut number: Vec<u32>) -> Vec<u32> {
        if !self.is_above(&number) {
            digits::subtract(&mut number, &self.digits);
        }
        number
    }

    /// `R * R` modulo `n`, from `R`, which is `n` subtracted from the power of two above it and doubled: squares and doubles of `2^i R` give
    /// `2^(27 k) R`.
    fn square_of_r(&self, bits: usize) -> Vec<u32> {
        let exponent = BITS * self.digits.len();
        let mut power = self.above(bits);
        for _ in bits..exponent {
            self.double(&mut power);
        }
        let mut columns = vec![0; 2 * self.digits.len()];
        for bit in (0..usize::BITS - exponent.leading_zeros()).rev() {
            power = self.reduced(self.product(&power, &power, &mut columns));
            if exponent >> bit & 1 == 1 {
                self.double(&mut power);
            }
        }
        power
    }

    /// `2^bits - n`.
    fn above(&self, bits: usize) -> Vec<u32> {
        let mut power = vec![0; self.digits.len()];
        if let Some(digit) = power.get_mut(bits / BITS) {
            *digit = 1 << (bits % BITS);
        }
        digits::subtract(&mut power, &self.digits);
        power
    }

    /// Doubles a number below `n`, modulo `n`.
    fn double(&self, number: &mut [u32]) {
        digits::double(number);
        if !self.is_above(number) {
            digits::subtract(number, &self.digits);
        }
    }
}

/// Adds products of two digits. None of it wraps ([`BITS`]); said so, it costs no check.
#[inline]
fn sum<const N: usize>(start: u64, products: [(u64, u32); N]) -> u64 {
    let product = |(one, other): (u64, u32)| one.wrapping_mul(u64::from(other));
    products
        .into_iter()
        .map(product)
        .fold(start, u64::wrapping_add)
}

/// `-1 / odd` modulo a digit. Each step doubles the number of right bits, of which an odd number is its own inverse in three.
fn negated_inverse(odd: u64) -> u64 {
    let mut inverse = odd;
    for _ in 0..4 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
    }
    inverse.wrapping_neg() & MASK
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;
    use proptest::prelude::*;

    use super::*;

    fn power(modulus: &BigUint, base: &BigUint, exponent: u64) -> BigUint {
        let bits = usize::try_from(modulus.bits()).unwrap();
        let ours = Modulus::new(&modulus.to_bytes_be(), bits);
        let base = digits::from_bytes(&base.to_bytes_be(), ours.len()).unwrap();
        assert!(ours.is_above(&base));
        let power = ours.power(&base, exponent);
        assert!(ours.is_above(&power));
        BigUint::from_bytes_be(&digits::to_bytes(&power, bits.div_ceil(8)).unwrap())
    }

    proptest! {
        #[test]
        fn powers_are_those_of_another_library(
            bits in 2..1200_usize,
            modulus in proptest::collection::vec(any::<u8>(), 150),
            base in proptest::collection::vec(any::<u8>(), 150),
            exponent in prop_oneof![Just(3), Just(17), Just(65537), 1..1_u64 << 33],
        ) {
            let exponent = exponent | 1;
            let mut modulus = BigUint::from_bytes_be(&modulus) % (BigUint::from(1_u8) << bits);
            modulus.set_bit(0, true);
            modulus.set_bit(u64::try_from(bits - 1).unwrap(), true);
            let base = BigUint::from_bytes_be(&base) % &modulus;
            prop_assert_eq!(power(&modulus, &base, exponent), base.modpow(&BigUint::from(exponent), &modulus));
        }
    }

    #[test]
    fn the_largest_numbers_of_each_size_are_exact() {
        // All digits of modulus and base are as large as they can be: so are the columns.
        for bits in [2048, 2049, 3072, 4096, 8191, 8192] {
            let modulus = (BigUint::from(1_u8) << bits) - 1_u8;
            let small = [1_u8, 0].map(BigUint::from);
            let large: [BigUint; 3] = [&modulus - 1_u8, &modulus - 2_u8, &modulus >> 1];
            for base in large.into_iter().chain(small) {
                let expected = base.modpow(&BigUint::from(65537_u32), &modulus);
                assert_eq!(power(&modulus, &base, 65537), expected, "{bits}");
            }
            let smallest = (BigUint::from(1_u8) << (bits - 1)) + 1_u8;
            let base: BigUint = &smallest - 2_u8;
            let expected = base.modpow(&BigUint::from(65537_u32), &smallest);
            assert_eq!(power(&smallest, &base, 65537), expected, "{bits}");
        }
    }
}
