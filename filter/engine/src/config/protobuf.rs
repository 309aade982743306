//! Recognises a serialized protobuf message where JSON text belongs, for a better error.

/// Wire type of a length-delimited field, the low three bits of its tag.
const LENGTH_DELIMITED: u64 = 2;

/// Returns true if `bytes` are a message that has length-delimited fields only, to its last byte
/// (Protocol Buffers, Encoding), as `google.protobuf.Struct`, `Value` (of a struct), `StringValue`
/// and `Any` have. A text could be one by chance, so JSON has to be tried first.
pub(super) fn is_message(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        match field(rest) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    !bytes.is_empty()
}

/// What follows the field that `bytes` begin with.
fn field(bytes: &[u8]) -> Option<&[u8]> {
    let (tag, rest) = varint(bytes)?;
    let (length, rest) = varint(rest)?;
    if tag & 7 != LENGTH_DELIMITED || tag >> 3 == 0 {
        return None;
    }
    rest.get(usize::try_from(length).ok()?..)
}

/// A number of at most 35 bits, base 128, least significant group first.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(index + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_from_text() {
        let long = [&[0x0a, 0x80, 0x01][..], &[b'x'; 128]].concat();
        let rows: [(&[u8], bool); 15] = [
            // {"http": {}} as a Struct.
            (b"\x0a\x0a\x0a\x04http\x12\x02\x2a\x00", true),
            // The same as a Value.
            (b"\x2a\x0c\x0a\x0a\x0a\x04http\x12\x02\x2a\x00", true),
            // A StringValue, an Any.
            (b"\x0a\x02{}", true),
            (b"\x0a\x04type\x12\x02\x0a\x00", true),
            (&long, true),
            (b"", false),
            (b"\x0a", false),
            (b"\x0a\x03{}", false),
            (b"\n{\n \"http\": {}\n}", false),
            (b"\n\n\n", false),
            (b"{\"http\": {}}", false),
            (b"http:\n  realm: x\n", false),
            (b"\"http\": {}", false),
            // A number in field 2; a length without end.
            (b"\x0a\x00\x10\x01", false),
            (b"\x0a\xff\xff\xff\xff\xff\xff", false),
        ];
        for (bytes, expected) in rows {
            assert_eq!(is_message(bytes), expected, "{}", bytes.escape_ascii());
        }
    }
}
