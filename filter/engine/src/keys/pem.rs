//! A public key in PEM text (RFC 7468), read as leniently as Go's `encoding/pem`, which zot uses.

use spki::der::Decode as _;
use spki::der::asn1::AnyRef;

use super::error::KeyError;
use super::key::PublicKey;
use crate::x509::{self, Certificate};

const BEGIN: &str = "-----BEGIN ";
const END_OF_PRIVATE_LABEL: &str = "PRIVATE KEY-----";

/// Returns true if the text contains the start of a PEM block.
pub(super) fn is_likely(text: &str) -> bool {
    text.contains(BEGIN)
}

/// The key of the first block. Its label is ignored: the content is tried as certificate, then as
/// `SubjectPublicKeyInfo`, then as PKCS#1. Text before the block and blocks after it are ignored.
pub(super) fn read(text: &str) -> Result<PublicKey, KeyError> {
    if !is_likely(text) {
        return Err(KeyError::NoPem);
    }
    let block = pem::parse(tidy(text)).map_err(|_| {
        // An encrypted private key has headers that the reader does not accept as PEM.
        if text.contains(END_OF_PRIVATE_LABEL) {
            KeyError::PrivateKey
        } else {
            KeyError::MalformedPem
        }
    })?;
    match of_der(block.contents()) {
        Err(KeyError::NotAPublicKey) if block.tag().ends_with("PRIVATE KEY") => {
            Err(KeyError::PrivateKey)
        }
        result => result,
    }
}

/// One line each, without blanks around it and without empty lines. Line ends may be CRLF, or
/// written as `\n`, as they are when a PEM was pasted into JSON twice.
pub(super) fn tidy(text: &str) -> String {
    let text = text.replace("\\r", "").replace("\\n", "\n");
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n")
}

fn of_der(der: &[u8]) -> Result<PublicKey, KeyError> {
    if let Some(info) = Certificate::read(der).and_then(|found| found.public_key()) {
        return PublicKey::from_spki(&info);
    }
    if let Some(info) = AnyRef::from_der(der).ok().and_then(x509::public_key) {
        return PublicKey::from_spki(&info);
    }
    match pkcs1::RsaPublicKey::from_der(der) {
        Ok(key) => PublicKey::from_pkcs1(&key),
        Err(_) => Err(KeyError::NotAPublicKey),
    }
}
