//! X.509 certificates (RFC 5280 section 4.1): the only reader of them. Nothing is verified here:
//! the author of the configuration vouches for the one, the host has verified the other.

mod der;

use spki::SubjectPublicKeyInfoRef;
use spki::der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use spki::der::{Tag, TagNumber, Tagged as _};

use crate::time::UnixTime;
pub(crate) use der::{items, sequence};

/// `subjectAltName` (RFC 5280 section 4.2.1.6), the content of its object identifier.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// A certificate that is whole by its outer form. What is inside a field is read when it is asked
/// for.
pub(crate) struct Certificate<'a> {
    validity: AnyRef<'a>,
    /// `subject`, a `Name`.
    pub(crate) subject: AnyRef<'a>,
    public_key: AnyRef<'a>,
    extensions: Option<AnyRef<'a>>,
}

impl<'a> Certificate<'a> {
    /// Reads the DER of one certificate; `None` if it is cut off, has another form, or is followed
    /// by anything.
    pub(crate) fn read(der: &'a [u8]) -> Option<Self> {
        let [certificate] = *items(der)? else {
            return None;
        };
        let [signed, _, _] = *sequence(certificate)? else {
            return None;
        };
        let mut fields = sequence(signed)?;
        if fields.first()?.tag() == context(TagNumber(0), true) {
            fields.remove(0);
        }
        // Serial number, signature, issuer, validity, subject, key; then unique ids and extensions,
        // each with its own tag.
        let [_, _, _, validity, subject, public_key, ref rest @ ..] = *fields else {
            return None;
        };
        let extensions = rest
            .iter()
            .find(|field| field.tag() == context(TagNumber(3), true));
        Some(Self {
            validity,
            subject,
            public_key,
            extensions: extensions.copied(),
        })
    }

    /// `subjectPublicKeyInfo`; `None` if it is malformed.
    pub(crate) fn public_key(&self) -> Option<SubjectPublicKeyInfoRef<'a>> {
        public_key(self.public_key)
    }

    /// `notAfter`, the last moment at which it is valid; `None` if it is malformed or before 1970.
    pub(crate) fn not_after(&self) -> Option<UnixTime> {
        let [_, not_after] = *sequence(self.validity)? else {
            return None;
        };
        time(not_after)
    }

    /// The names of `subjectAltName`, each a `GeneralName`; none without that extension. `None` if
    /// the extensions are malformed. A certificate with two of these extensions is invalid.
    pub(crate) fn alternative_names(&self) -> Option<Vec<AnyRef<'a>>> {
        let Some(extensions) = self.extensions else {
            return Some(Vec::new());
        };
        let [list] = *items(extensions.value())? else {
            return None;
        };
        let mut found = None;
        for extension in sequence(list)? {
            let parts = sequence(extension)?;
            let (Some(id), Some(value)) = (parts.first(), parts.last()) else {
                return None;
            };
            if id.value() == SUBJECT_ALT_NAME {
                let [names] = *items(value.value())? else {
                    return None;
                };
                if found.replace(sequence(names)?).is_some() {
                    return None;
                }
            }
        }
        Some(found.unwrap_or_default())
    }
}

/// A `SubjectPublicKeyInfo`; `None` if it is malformed. It is borrowed: an owned one takes memory
/// for whatever length its DER claims.
pub(crate) fn public_key(value: AnyRef<'_>) -> Option<SubjectPublicKeyInfoRef<'_>> {
    value.decode_as().ok()
}

/// `Time` (RFC 5280 section 4.1.2.5): always with seconds and `Z`; `None` before 1970 too.
fn time(value: AnyRef<'_>) -> Option<UnixTime> {
    let since = match value.tag() {
        Tag::UtcTime => value.decode_as::<UtcTime>().ok()?.to_unix_duration(),
        Tag::GeneralizedTime => value
            .decode_as::<GeneralizedTime>()
            .ok()?
            .to_unix_duration(),
        _ => return None,
    };
    Some(UnixTime::from_secs(i64::try_from(since.as_secs()).ok()?))
}

/// The context-specific tag with a number.
pub(crate) const fn context(number: TagNumber, constructed: bool) -> Tag {
    Tag::ContextSpecific {
        constructed,
        number,
    }
}

#[cfg(test)]
mod tests;
