//! What a host says of a client certificate that it does not pass: its digest, its first
//! alternative names, and its subject as text.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::request::CertificateSummary;

/// Characters that are written with a backslash in front. Other bytes are two hexadecimal digits
/// after one.
const ESCAPED: &[u8] = b",+\"\\<>;# =";

/// A summary that cannot be read with certainty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

impl CertificateSummary<'_> {
    /// The `x5t#S256` of the certificate (RFC 8705 section 3.1). `None` if the digest is not the
    /// hexadecimal form of a SHA-256.
    pub(crate) fn thumbprint(&self) -> Option<String> {
        if self.digest.len() != 64 {
            return None;
        }
        let bytes: Option<Vec<u8>> = self
            .digest
            .chunks(2)
            .map(|pair| match *pair {
                [high, low] => byte(high, low),
                _ => None,
            })
            .collect();
        bytes.map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The common name; `None` when the subject has none, or an empty one. Of several it is the
    /// last one of the certificate, which is the first one of the text.
    ///
    /// # Errors
    /// The subject is not in the form of RFC 2253 as OpenSSL writes it, or the common name has
    /// other characters than those of printable ASCII: the text does not say how they were encoded.
    pub(crate) fn common_name(&self) -> Result<Option<String>, Unreadable> {
        let mut rest = self.subject;
        let mut found = None;
        while !rest.is_empty() {
            let attribute = Attribute::read(rest)?;
            if attribute.name == b"CN" && found.is_none() {
                found = Some(attribute.value.ok_or(Unreadable)?);
            }
            rest = attribute.rest;
        }
        let Some(name) = found.filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        if !name.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(Unreadable);
        }
        String::from_utf8(name).map(Some).map_err(|_| Unreadable)
    }
}

/// One attribute of a name, `TYPE=VALUE`.
struct Attribute<'a> {
    name: &'a [u8],
    /// `None` if it is given as its encoding (`#...`).
    value: Option<Vec<u8>>,
    /// What follows.
    rest: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// Reads one up to a comma or plus sign.
    fn read(text: &'a [u8]) -> Result<Self, Unreadable> {
        let is_equals = |byte: &u8| *byte == b'=';
        let mut halves = text.splitn(2, is_equals);
        let (Some(name), Some(mut rest)) = (halves.next(), halves.next()) else {
            return Err(Unreadable);
        };
        let is_type = |byte: &u8| byte.is_ascii_alphanumeric() || b".-".contains(byte);
        if name.is_empty() || !name.iter().all(is_type) {
            return Err(Unreadable);
        }
        let is_encoding = rest.first() == Some(&b'#');
        let mut value = Vec::new();
        loop {
            rest = match rest {
                [] => break,
                // A separator with nothing behind it ends nothing.
                [b',' | b'+'] => return Err(Unreadable),
                [b',' | b'+', next @ ..] => {
                    rest = next;
                    break;
                }
                [b'\\', escaped, next @ ..] if ESCAPED.contains(escaped) => {
                    value.push(*escaped);
                    next
                }
                [b'\\', high, low, next @ ..] => {
                    value.push(byte(*high, *low).ok_or(Unreadable)?);
                    next
                }
                [b'\\', ..] => return Err(Unreadable),
                [plain @ b' '..=b'~', next @ ..] => {
                    value.push(*plain);
                    next
                }
                // It writes other bytes as their digits.
                _ => return Err(Unreadable),
            };
        }
        Ok(Self {
            name,
            value: (!is_encoding).then_some(value),
            rest,
        })
    }
}

/// The byte of two hexadecimal digits.
fn byte(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    Some((digit(high)? << 4) | digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(subject: &[u8]) -> CertificateSummary<'_> {
        CertificateSummary {
            subject,
            ..CertificateSummary::default()
        }
    }

    #[test]
    fn the_common_name_is_read_exactly_or_not_at_all() {
        let rows: &[(&str, Result<Option<&str>, Unreadable>)] = &[
            ("", Ok(None)),
            ("CN=alice", Ok(Some("alice"))),
            ("CN=alice,O=Acme", Ok(Some("alice"))),
            ("O=Acme,CN=alice", Ok(Some("alice"))),
            ("O=Acme", Ok(None)),
            ("CN=", Ok(None)),
            ("CN=second,CN=first", Ok(Some("second"))),
            ("CN=,CN=first", Ok(None)),
            ("UID=7+CN=alice,C=DE", Ok(Some("alice"))),
            (r"O=Acme\, CN=root,CN=alice", Ok(Some("alice"))),
            (r"O=a\+CN=root,CN=alice", Ok(Some("alice"))),
            (r"O=a\\,CN=alice", Ok(Some("alice"))),
            (r"O=a\\\,CN=root", Ok(None)),
            (r"O=CN=root,CN=alice", Ok(Some("alice"))),
            (r#"CN=\#a \"b\"\ "#, Ok(Some(r#"#a "b" "#))),
            (r"CN=a\2Cb", Ok(Some("a,b"))),
            (r"O=J\C3\B6,CN=alice", Ok(Some("alice"))),
            ("1.2.3.4=#0C0141,CN=alice", Ok(Some("alice"))),
            ("xCN=root,CN=alice", Ok(Some("alice"))),
            ("cn=root", Ok(None)),
            // How these were encoded is not certain.
            (r"CN=J\C3\B6", Err(Unreadable)),
            (r"CN=root\00", Err(Unreadable)),
            ("CN=#0C0141", Err(Unreadable)),
            // These are no such text.
            ("alice", Err(Unreadable)),
            ("/CN=alice", Err(Unreadable)),
            ("CN=alice,", Err(Unreadable)),
            ("CN=alice, O=Acme", Err(Unreadable)),
            ("CN =alice", Err(Unreadable)),
            ("=alice", Err(Unreadable)),
            (r"CN=alice\", Err(Unreadable)),
            (r"CN=alice\x", Err(Unreadable)),
            (r"CN=alice\0", Err(Unreadable)),
            ("CN=alice,O=J\u{f6}", Err(Unreadable)),
            ("CN=alice\n", Err(Unreadable)),
        ];
        for (subject, expected) in rows {
            let name = of(subject.as_bytes()).common_name();
            assert_eq!(
                name,
                expected.map(|name| name.map(str::to_owned)),
                "{subject}"
            );
        }
    }

    #[test]
    fn the_digest_is_the_thumbprint() {
        let digest = "cfbddfa0a95d3363523365c3e1a0afd5aa415092f6339ffa1783986a6cb1078e";
        let short = digest.get(..62).unwrap_or_default();
        let long = format!("{digest}00");
        let wrong = digest.replace('c', "g");
        let rows = [
            (digest, Some("z73foKldM2NSM2XD4aCv1apBUJL2M5_6F4OYamyxB44")),
            (short, None),
            (&long, None),
            (&wrong, None),
            ("", None),
        ];
        for (digest, expected) in rows {
            let summary = CertificateSummary {
                digest: digest.as_bytes(),
                ..CertificateSummary::default()
            };
            assert_eq!(summary.thumbprint().as_deref(), expected, "{digest}");
        }
    }
}
