//! Makes certificates for tests, without a valid signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// One DER element, at most 64 KiB long.
pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head = match content.len() {
        0..0x80 => vec![tag, low],
        0x80..0x100 => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [head.as_slice(), content].concat()
}

/// One attribute of a distinguished name.
pub(crate) fn attribute(id: &[u8], value: &[u8]) -> Vec<u8> {
    tlv(0x31, &tlv(0x30, &[tlv(0x06, id), value.to_vec()].concat()))
}

/// An extension with alternative names: context tags and texts.
pub(crate) fn names(names: &[(u8, &str)]) -> Vec<u8> {
    let names: Vec<u8> = names
        .iter()
        .flat_map(|(tag, name)| tlv(*tag, name.as_bytes()))
        .collect();
    tlv(
        0x30,
        &[
            tlv(0x06, &[0x55, 0x1d, 0x11]),
            tlv(0x04, &tlv(0x30, &names)),
        ]
        .concat(),
    )
}

/// A certificate that is good until 2049, from the attributes of its subject and its extensions.
pub(crate) fn certificate(subject: &[u8], extensions: &[u8]) -> Vec<u8> {
    let empty = tlv(0x30, &[]);
    let validity = [tlv(0x17, b"700101000000Z"), tlv(0x17, b"491231235959Z")].concat();
    let signed = [
        tlv(0xa0, &tlv(0x02, &[2])),
        tlv(0x02, &[1]),
        empty.clone(),
        empty.clone(),
        tlv(0x30, &validity),
        tlv(0x30, subject),
        empty.clone(),
        tlv(0xa3, &tlv(0x30, extensions)),
    ];
    tlv(
        0x30,
        &[tlv(0x30, &signed.concat()), empty, tlv(0x03, &[0])].concat(),
    )
}

/// Its PEM text.
pub(crate) fn pem(der: &[u8]) -> String {
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        STANDARD.encode(der)
    )
}
