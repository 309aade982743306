//! `application/x-www-form-urlencoded`, strictly: ambiguous input is refused.

use std::borrow::Cow;

use crate::reason::Reason;

/// Name and value.
pub(super) type Parameter<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The parameters of a query or a form, in order.
///
/// # Errors
/// `MalformedRequest` for a byte that is not visible ASCII, an invalid escape, or text that is not
/// UTF-8.
pub(super) fn parameters(text: &[u8]) -> Result<Vec<Parameter<'_>>, Reason> {
    if !text.iter().all(u8::is_ascii_graphic)
        || !text.split(|byte| *byte == b'%').skip(1).all(is_escape)
    {
        return Err(Reason::MalformedRequest);
    }
    let pairs: Vec<_> = form_urlencoded::parse(text).collect();
    // The decoder writes this character for invalid UTF-8; no valid parameter has it.
    let is_text = |text: &str| !text.contains(char::REPLACEMENT_CHARACTER);
    if pairs
        .iter()
        .all(|(name, value)| is_text(name) && is_text(value))
    {
        Ok(pairs)
    } else {
        Err(Reason::MalformedRequest)
    }
}

/// Returns true if the text behind a percent sign begins with two hexadecimal digits.
fn is_escape(behind: &[u8]) -> bool {
    matches!(behind, [first, second, ..] if first.is_ascii_hexdigit() && second.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_whole_or_not_at_all() {
        type Row<'a> = (&'a [u8], Option<&'a [(&'a str, &'a str)]>);
        let rows: [Row<'_>; 18] = [
            (b"", Some(&[])),
            (b"a=1&b=2", Some(&[("a", "1"), ("b", "2")])),
            (b"a=1&a=2", Some(&[("a", "1"), ("a", "2")])),
            (b"a+b=c%20d%2B", Some(&[("a b", "c d+")])),
            (b"a", Some(&[("a", "")])),
            (b"a=b=c", Some(&[("a", "b=c")])),
            (b"&&a=1&", Some(&[("a", "1")])),
            (b"a=%C3%A9", Some(&[("a", "\u{e9}")])),
            (b"a;b=1", Some(&[("a;b", "1")])),
            (b"a=%", None),
            (b"a=%4", None),
            (b"a=%g0", None),
            (b"a=%%41", None),
            (b"a=%ff", None),
            (b"a=\xff", None),
            (b"a b=1", None),
            (b"a=1\n", None),
            (b"a=\0", None),
        ];
        for (text, wanted) in rows {
            let read = parameters(text).ok();
            let read = read
                .as_ref()
                .map(|pairs| pairs.iter().map(|(a, b)| (&**a, &**b)).collect::<Vec<_>>());
            assert_eq!(read.as_deref(), wanted, "{}", String::from_utf8_lossy(text));
        }
    }
}
