//! Long texts, compared.

/// Returns true if both are the same. Block by block: `==` is the C library's `memcmp`, which takes
/// single bytes in WebAssembly.
#[must_use]
pub fn is_same(one: &[u8], other: &[u8]) -> bool {
    let ((one, one_end), (other, other_end)) = (one.as_chunks::<64>(), other.as_chunks::<64>());
    one.len() == other.len()
        && one
            .iter()
            .zip(other)
            .all(|(one, other)| is_same_block(one, other))
        && is_same_end(one_end, other_end)
}

/// Without a branch for each word.
#[inline]
fn is_same_block(one: &[u8; 64], other: &[u8; 64]) -> bool {
    let ([a1, b1, c1, d1], [a2, b2, c2, d2]) = (one.as_chunks::<16>().0, other.as_chunks::<16>().0)
    else {
        return false;
    };
    let differs =
        |one: &[u8; 16], other: &[u8; 16]| u128::from_ne_bytes(*one) ^ u128::from_ne_bytes(*other);
    differs(a1, a2) | differs(b1, b2) | differs(c1, c2) | differs(d1, d2) == 0
}

fn is_same_end(one: &[u8], other: &[u8]) -> bool {
    let ((one, one_end), (other, other_end)) = (one.as_chunks::<16>(), other.as_chunks::<16>());
    let word = |(one, other): (&[u8; 16], &[u8; 16])| {
        u128::from_ne_bytes(*one) == u128::from_ne_bytes(*other)
    };
    one.len() == other.len() && one.iter().zip(other).all(word) && one_end == other_end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_itself_and_nothing_else() {
        let letters: Vec<u8> = (0..200).map(|number| b'a' + number % 26).collect();
        for length in [0, 1, 15, 16, 17, 63, 64, 65, 80, 127, 128, 200] {
            let text = &letters[..length];
            let copy: Vec<u8> = text.to_vec();
            assert!(is_same(text, &copy), "{length}");
            assert!(!is_same(text, &[text, b"x"].concat()), "{length}");
            for place in 0..length {
                let mut other = text.to_vec();
                other[place] = b'X';
                assert!(!is_same(text, &other), "{length} bytes, {place}");
                assert!(!is_same(text, &text[..place]), "{length} bytes, {place}");
            }
        }
    }
}
