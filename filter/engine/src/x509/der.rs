//! DER (ITU-T X.690) as far as certificates need it.

use spki::der::asn1::AnyRef;
use spki::der::{Decode as _, Reader as _, SliceReader, Tag, Tagged as _};

/// The elements of a SEQUENCE.
pub(crate) fn sequence(value: AnyRef<'_>) -> Option<Vec<AnyRef<'_>>> {
    if value.tag() == Tag::Sequence {
        items(value.value())
    } else {
        None
    }
}

/// All elements of a sequence of DER values; nothing may be left over.
pub(crate) fn items(der: &[u8]) -> Option<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(der).ok()?;
    let mut items = Vec::new();
    while !reader.is_finished() {
        items.push(AnyRef::decode(&mut reader).ok()?);
    }
    Some(items)
}
