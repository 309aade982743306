//! The public key of an X.509 certificate. Nothing else of it is read, so nothing else is decoded.

use spki::SubjectPublicKeyInfoRef;
use spki::der::asn1::AnyRef;
use spki::der::{Decode, Header, Reader, Result, SliceReader, Tag, TagNumber};

/// What stands between the version and the key: serial number, signature, issuer, validity,
/// subject.
const BEFORE_KEY: usize = 5;

/// The `subjectPublicKeyInfo` of a DER `Certificate` (RFC 5280 section 4.1).
///
/// # Errors
/// When it is not a certificate by its outer form.
pub(crate) fn public_key(der: &[u8]) -> Result<SubjectPublicKeyInfoRef<'_>> {
    let mut reader = SliceReader::new(der)?;
    let key = reader.sequence(|certificate| -> Result<_> {
        let key = certificate.sequence(key_of_tbs)?;
        AnyRef::decode(certificate)?;
        AnyRef::decode(certificate)?;
        Ok(key)
    })?;
    reader.finish()?;
    Ok(key)
}

fn key_of_tbs<'a, R: Reader<'a>>(tbs: &mut R) -> Result<SubjectPublicKeyInfoRef<'a>> {
    let version = Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(0),
    };
    let skipped = if Header::peek(tbs)?.tag() == version {
        BEFORE_KEY + 1
    } else {
        BEFORE_KEY
    };
    for _ in 0..skipped {
        AnyRef::decode(tbs)?;
    }
    let key = SubjectPublicKeyInfoRef::decode(tbs)?;
    let extensions = tbs.remaining_len();
    tbs.read_slice(extensions)?;
    Ok(key)
}
