//! A client certificate, read for the names of its subject (RFC 5280). The host has verified it:
//! nothing is verified here.

use sha2::{Digest as _, Sha256};
use spki::der::asn1::AnyRef;
use spki::der::{TagNumber, Tagged as _};

use super::distinguished_name::DistinguishedName;
use crate::time::UnixTime;
use crate::x509::{self, context};

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
        let certificate = x509::Certificate::read(&self.0)?;
        Some(Certificate {
            subject: DistinguishedName::read(certificate.subject)?,
            names: certificate.alternative_names()?,
            not_after: certificate.not_after()?,
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

#[cfg(test)]
mod tests;
