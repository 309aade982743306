//! The text of an API key: `zak_` and 32 hexadecimal digits, as zot makes it.

use zeroize::Zeroizing;

use crate::random::{self, NoRandomBytes};
use crate::secret::Secret;

const PREFIX: &str = "zak_";
/// Hexadecimal digits after it.
const DIGITS: usize = 32;

/// Returns the digits of an API key; `None` for any other text.
#[must_use]
pub fn digits_of(secret: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(secret).ok()?;
    let digits = text.strip_prefix(PREFIX)?;
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (digits.len() == DIGITS && digits.bytes().all(is_digit)).then_some(digits)
}

/// Returns true for a text that is an API key, and so no password (D21).
#[must_use]
pub fn is_key_text(secret: &[u8]) -> bool {
    digits_of(secret).is_some()
}

/// Makes a key.
pub(super) fn new_key() -> Result<Secret, NoRandomBytes> {
    let bytes = Zeroizing::new(random::bytes::<16>()?);
    let mut text = Vec::with_capacity(PREFIX.len() + DIGITS);
    text.extend_from_slice(PREFIX.as_bytes());
    text.extend(bytes.iter().flat_map(|byte| hexadecimal(*byte)));
    Ok(Secret::new(text))
}

/// Makes a random UUID (RFC 9562 section 5.4).
pub(super) fn new_uuid() -> Result<String, NoRandomBytes> {
    let mut bytes = random::bytes::<16>()?;
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
    *version = *version & 0x0f | 0x40;
    *variant = *variant & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.extend(hexadecimal(byte).map(char::from));
    }
    Ok(text)
}

fn hexadecimal(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|nibble| match nibble {
        0..=9 => b'0' + nibble,
        _ => b'a' + (nibble - 10),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_form_is_a_key() {
        let digits = "8397d3bc1c6c4cc0b11f8ad5e1294f26";
        let rows = [
            (format!("zak_{digits}"), true),
            (digits.to_owned(), false),
            (format!("zak_zak_{digits}"), false),
            (format!("ZAK_{digits}"), false),
            (format!("zak_{}", digits.to_uppercase()), false),
            (format!("zak_{digits}0"), false),
            (format!("zak_{digits} "), false),
            ("zak_".to_owned(), false),
            (format!("zak_{}", "g".repeat(32)), false),
        ];
        for (text, expected) in rows {
            assert_eq!(is_key_text(text.as_bytes()), expected, "{text}");
        }
        assert!(!is_key_text(b"zak_\xff"));
    }

    #[test]
    fn what_is_made_has_the_form() {
        let keys = [new_key().unwrap(), new_key().unwrap()];
        assert!(keys.iter().all(|key| is_key_text(key.expose())));
        assert_ne!(keys[0].expose(), keys[1].expose());
        let uuid = new_uuid().unwrap();
        let form = uuid.replace(|digit: char| digit.is_ascii_hexdigit(), "x");
        assert_eq!(form, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&uuid.as_bytes()[19]), "{uuid}");
    }
}
