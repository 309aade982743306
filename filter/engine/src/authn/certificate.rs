//! A client certificate, read for the names of its subject (RFC 5280). The host has verified it:
//! nothing is verified here.

use sha2::{Digest as _, Sha256};
use spki::der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use spki::der::{Tag, TagNumber, Tagged as _};

use super::der::{items, sequence};
use super::distinguished_name::DistinguishedName;
use crate::time::UnixTime;

/// `subjectAltName` (RFC 5280 section 4.2.1.6), the content of its object identifier.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// A certificate as it was presented: its DER.
pub(crate) struct PresentedCertificate(Vec<u8>);

impl PresentedCertificate {
    /// Reads the PEM text of one certificate; hosts give it as it is, or percent-encoded.
    pub(crate) fn of_pem(text: &[u8]) -> Option<Self> {
        let decoded: Vec<u8> = percent_encoding::percent_decode(text).collect();
        let block = pem::parse(decoded)
            .ok()
            .filter(|block| block.tag() == "CERTIFICATE")?;
        Some(Self(block.into_contents()))
    }

    /// SHA-256 of the DER.
    pub(crate) fn thumbprint(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }

    /// Parses the certificate. `None` for anything that is not a complete certificate.
    pub(crate) fn read(&self) -> Option<Certificate<'_>> {
        let [certificate] = *items(&self.0)? else {
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
        let [_, _, _, validity, subject, _, ref rest @ ..] = *fields else {
            return None;
        };
        let [_, not_after] = *sequence(validity)? else {
            return None;
        };
        let mut names = Vec::new();
        if let Some(extensions) = rest
            .iter()
            .find(|field| field.tag() == context(TagNumber(3), true))
        {
            names = alternative_names(*extensions)?;
        }
        Some(Certificate {
            subject: DistinguishedName::read(subject)?,
            names,
            not_after: time(not_after)?,
        })
    }
}

/// The names in a certificate, and when it expires.
pub(crate) struct Certificate<'a> {
    /// `subject`.
    pub(crate) subject: DistinguishedName<'a>,
    names: Vec<AnyRef<'a>>,
    /// `notAfter`, the last moment at which it is valid.
    pub(crate) not_after: UnixTime,
}

/// A form of `GeneralName` that is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameForm {
    /// `rfc822Name`.
    Email,
    /// `dNSName`.
    Dns,
    /// `uniformResourceIdentifier`.
    Uri,
}

impl<'a> Certificate<'a> {
    /// The alternative name of that form at `index`, counted within the form, as it is encoded.
    pub(crate) fn name(&self, form: NameForm, index: usize) -> Option<&'a [u8]> {
        let number = match form {
            NameForm::Email => TagNumber(1),
            NameForm::Dns => TagNumber(2),
            NameForm::Uri => TagNumber(6),
        };
        self.names
            .iter()
            .filter(|name| name.tag() == context(number, false))
            .nth(index)
            .map(|name| name.value())
    }
}

/// The names of `subjectAltName`. A certificate with two of these extensions is invalid.
fn alternative_names(extensions: AnyRef<'_>) -> Option<Vec<AnyRef<'_>>> {
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

const fn context(number: TagNumber, constructed: bool) -> Tag {
    Tag::ContextSpecific {
        constructed,
        number,
    }
}

#[cfg(test)]
mod tests;
