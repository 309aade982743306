//! An envelope in header fields, for an intake whose host hands over no request bodies while the
//! head waits.
//!
//! A piece is `NUMBER/COUNT:TEXT`: its number from 1, how many there are, and a part of the
//! envelope. Each is a field [`FIELD`]. Proxies may change the order of fields, and join those of
//! one name with commas (RFC 9110 section 5.3); no envelope has a comma, so both are undone here.

/// The name of the fields.
pub const FIELD: &str = "x-registry-auth-envelope";

/// The longest part of an envelope in one piece, in bytes: with name and numbers a field stays
/// below the 8 KiB that many proxies allow for one.
pub const MAX_PIECE: usize = 8000;

/// The most pieces of an envelope.
pub const MAX_PIECES: usize = 32;

/// The largest envelope in header fields, in bytes: proxies allow 60 KiB for all fields together
/// (Envoy's default), and the proof of the request is among them.
pub const MAX_TOGETHER: usize = 48 * 1024;

/// Why an envelope cannot be put into pieces, or pieces are not an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PiecesError {
    /// Longer than [`MAX_TOGETHER`].
    #[error("the envelope is larger than 48 KiB, more than header fields carry")]
    TooLarge,
    /// More than [`MAX_PIECES`].
    #[error("the envelope is in more than 32 pieces")]
    TooMany,
    /// A piece is longer than [`MAX_PIECE`].
    #[error("a piece of the envelope is longer than 8000 bytes")]
    PieceTooLong,
    /// Not of the form of a piece.
    #[error("a piece of the envelope is not `NUMBER/COUNT:TEXT`")]
    Malformed,
    /// Pieces of one envelope have one count.
    #[error("the pieces of the envelope have different counts")]
    Mixed,
    /// Two pieces have this number.
    #[error("piece {0} of the envelope came twice")]
    Duplicate(usize),
    /// No piece has this number.
    #[error("piece {0} of the envelope is missing")]
    Missing(usize),
}

/// Puts an envelope into pieces, the values of as many fields.
///
/// # Errors
/// [`PiecesError::TooLarge`]
pub fn split(envelope: &str) -> Result<Vec<String>, PiecesError> {
    if envelope.len() > MAX_TOGETHER {
        return Err(PiecesError::TooLarge);
    }
    let texts = envelope.as_bytes().chunks(MAX_PIECE);
    let count = texts.len();
    Ok(texts
        .zip(1..)
        .map(|(text, number)| format!("{number}/{count}:{}", String::from_utf8_lossy(text)))
        .collect())
}

/// Puts the pieces in the values of fields together again; `None` if there are no fields.
///
/// # Errors
/// Anything but each piece of one envelope once: see [`PiecesError`].
pub fn join<'a>(fields: impl Iterator<Item = &'a [u8]>) -> Result<Option<Vec<u8>>, PiecesError> {
    let mut texts: Vec<Option<&[u8]>> = Vec::new();
    let mut together = 0;
    for piece in fields.flat_map(|field| field.split(|byte| *byte == b',')) {
        let Piece {
            number,
            count,
            text,
        } = Piece::read(piece.trim_ascii())?;
        if texts.is_empty() {
            texts.resize(count, None);
        } else if texts.len() != count {
            return Err(PiecesError::Mixed);
        }
        let place = number
            .checked_sub(1)
            .and_then(|index| texts.get_mut(index))
            .ok_or(PiecesError::Malformed)?;
        if place.replace(text).is_some() {
            return Err(PiecesError::Duplicate(number));
        }
        together += text.len();
        if together > MAX_TOGETHER {
            return Err(PiecesError::TooLarge);
        }
    }
    let mut envelope = Vec::with_capacity(together);
    for (text, number) in texts.iter().zip(1..) {
        envelope.extend_from_slice(text.ok_or(PiecesError::Missing(number))?);
    }
    Ok((!texts.is_empty()).then_some(envelope))
}

struct Piece<'a> {
    number: usize,
    count: usize,
    text: &'a [u8],
}

impl<'a> Piece<'a> {
    fn read(piece: &'a [u8]) -> Result<Self, PiecesError> {
        let (numbers, text) = split_at(piece, b':').ok_or(PiecesError::Malformed)?;
        let (number, count) = split_at(numbers, b'/').ok_or(PiecesError::Malformed)?;
        let (number, count) = (decimal(number)?, decimal(count)?);
        if count > MAX_PIECES {
            Err(PiecesError::TooMany)
        } else if number == 0 || number > count || text.is_empty() {
            Err(PiecesError::Malformed)
        } else if text.len() > MAX_PIECE {
            Err(PiecesError::PieceTooLong)
        } else {
            Ok(Self {
                number,
                count,
                text,
            })
        }
    }
}

/// The bytes before the first `separator`, and those behind it.
fn split_at(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let index = bytes.iter().position(|byte| *byte == separator)?;
    let (before, behind) = bytes.split_at_checked(index)?;
    Some((before, behind.split_first()?.1))
}

/// A number in its only spelling: without sign and leading zeros.
fn decimal(digits: &[u8]) -> Result<usize, PiecesError> {
    let is_plain = digits.iter().all(u8::is_ascii_digit) && digits.first() != Some(&b'0');
    std::str::from_utf8(digits)
        .ok()
        .filter(|_| is_plain)
        .and_then(|digits| digits.parse().ok())
        .ok_or(PiecesError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(fields: &[&str]) -> Result<Option<String>, PiecesError> {
        let joined = join(fields.iter().map(|field| field.as_bytes()))?;
        Ok(joined.map(|bytes| String::from_utf8(bytes).unwrap()))
    }

    #[test]
    fn pieces_in_any_order_and_joined_are_the_envelope_again() {
        for length in [1, MAX_PIECE, MAX_PIECE + 1, 3 * MAX_PIECE, MAX_TOGETHER] {
            let envelope: String = ('a'..='z').cycle().take(length).collect();
            let mut pieces = split(&envelope).unwrap();
            assert_eq!(pieces.len(), length.div_ceil(MAX_PIECE), "{length}");
            let longest = pieces.iter().map(String::len).max().unwrap();
            assert!(FIELD.len() + 2 + longest < 8192, "{longest}");
            let expected = Ok(Some(envelope));
            let fields =
                |pieces: &[String]| joined(&pieces.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(fields(&pieces), expected, "{length}");
            assert_eq!(joined(&[&pieces.join(",")]), expected, "{length}, joined");
            pieces.reverse();
            assert_eq!(fields(&pieces), expected, "{length}, in reverse");
            assert_eq!(joined(&[&pieces.join(" ,\t")]), expected, "{length}, both");
        }
        assert_eq!(
            split(&"a".repeat(MAX_TOGETHER + 1)),
            Err(PiecesError::TooLarge)
        );
    }

    #[test]
    fn anything_but_each_piece_once_is_refused() {
        let long = format!("1/1:{}", "a".repeat(MAX_PIECE + 1));
        let many: Vec<String> = (1..=32)
            .map(|number| format!("{number}/32:{}", "a".repeat(MAX_PIECE)))
            .collect();
        let rows: [(&[&str], Result<Option<&str>, PiecesError>); 27] = [
            (&[], Ok(None)),
            (&["1/1:a"], Ok(Some("a"))),
            (&["1/1:a:b/c"], Ok(Some("a:b/c"))),
            (&["2/2:b", "1/2:a"], Ok(Some("ab"))),
            (&["2/2:b"], Err(PiecesError::Missing(1))),
            (&["1/3:a", "3/3:c"], Err(PiecesError::Missing(2))),
            (&["1/2:a", "1/2:a"], Err(PiecesError::Duplicate(1))),
            (&["1/1:a", "1/1:b"], Err(PiecesError::Duplicate(1))),
            (&["1/1:a,1/1:a"], Err(PiecesError::Duplicate(1))),
            (&["1/2:a", "2/3:b"], Err(PiecesError::Mixed)),
            (&["1/1:a", "1/2:a"], Err(PiecesError::Mixed)),
            (&["1/33:a"], Err(PiecesError::TooMany)),
            (&["1/18446744073709551615:a"], Err(PiecesError::TooMany)),
            (&["1/18446744073709551616:a"], Err(PiecesError::Malformed)),
            (&["0/1:a"], Err(PiecesError::Malformed)),
            (&["2/1:a"], Err(PiecesError::Malformed)),
            (&["1/0:a"], Err(PiecesError::Malformed)),
            (&["01/1:a"], Err(PiecesError::Malformed)),
            (&["+1/1:a"], Err(PiecesError::Malformed)),
            (&["1/1:"], Err(PiecesError::Malformed)),
            (&["1/1"], Err(PiecesError::Malformed)),
            (&["1:a"], Err(PiecesError::Malformed)),
            (&["/:a"], Err(PiecesError::Malformed)),
            (&[""], Err(PiecesError::Malformed)),
            (&["1/1:a,"], Err(PiecesError::Malformed)),
            (
                &["eyJhbGciOiJIUzI1NiJ9.e30.AA"],
                Err(PiecesError::Malformed),
            ),
            (&[&long], Err(PiecesError::PieceTooLong)),
        ];
        for (fields, expected) in rows {
            let found = joined(fields);
            let expected = expected.map(|text| text.map(str::to_owned));
            assert_eq!(found, expected, "{fields:?}");
        }
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(joined(&many), Err(PiecesError::TooLarge));
    }
}
