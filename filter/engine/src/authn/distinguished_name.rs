//! A distinguished name as policies write it: the text that Go's `pkix.Name.String` gives, because
//! zot compares that one.

use std::fmt::Write as _;

use spki::ObjectIdentifier;
use spki::der::asn1::AnyRef;
use spki::der::{Tag, Tagged as _};

use crate::x509::{items, sequence};

/// `id-at` attributes by their last arc, in the order of the text.
const NAMED: [(u8, &str); 9] = [
    (5, "SERIALNUMBER"),
    (COMMON_NAME, "CN"),
    (11, "OU"),
    (10, "O"),
    (17, "POSTALCODE"),
    (9, "STREET"),
    (7, "L"),
    (8, "ST"),
    (6, "C"),
];
const COMMON_NAME: u8 = 3;
/// Of these only the last one counts.
const SINGLE: [u8; 2] = [5, COMMON_NAME];

/// The attributes of a name in their order.
pub(crate) struct DistinguishedName<'a>(Vec<(AnyRef<'a>, AnyRef<'a>)>);

impl<'a> DistinguishedName<'a> {
    /// Reads a `Name` (RFC 5280 section 4.1.2.4).
    pub(super) fn read(name: AnyRef<'a>) -> Option<Self> {
        let mut attributes = Vec::new();
        for relative in sequence(name)? {
            for attribute in items(relative.value())? {
                let [id, value] = *sequence(attribute)? else {
                    return None;
                };
                attributes.push((id, value));
            }
        }
        Some(Self(attributes))
    }

    /// The common name; absent when it is empty or not text.
    pub(crate) fn common_name(&self) -> Option<&'a str> {
        self.values(COMMON_NAME)
            .last()
            .copied()
            .flatten()
            .filter(|name| !name.is_empty())
    }

    /// The whole name; absent when part of it is not text.
    pub(crate) fn text(&self) -> Option<String> {
        let mut text = String::new();
        for (arc, label) in NAMED {
            let mut values = self.values(arc);
            if SINGLE.contains(&arc) {
                values = values
                    .pop()
                    .filter(|value| *value != Some(""))
                    .into_iter()
                    .collect();
            }
            for (index, value) in values.into_iter().enumerate() {
                if !text.is_empty() {
                    text.push(if index == 0 { ',' } else { '+' });
                }
                text.push_str(label);
                text.push('=');
                escape(value?, &mut text);
            }
        }
        for (id, value) in self
            .0
            .iter()
            .rev()
            .filter(|(id, _)| !NAMED.iter().any(|(arc, _)| is_named(*id, *arc)))
        {
            if !text.is_empty() {
                text.push(',');
            }
            let id = ObjectIdentifier::from_bytes(id.value()).ok()?;
            write!(text, "{id}=#").ok()?;
            encode(text_of(*value)?, &mut text);
        }
        Some(text)
    }

    fn values(&self, arc: u8) -> Vec<Option<&'a str>> {
        self.0
            .iter()
            .filter(|(id, _)| is_named(*id, arc))
            .map(|(_, value)| text_of(*value))
            .collect()
    }
}

/// Returns true if an object identifier is `id-at` with this last arc.
fn is_named(id: AnyRef<'_>, arc: u8) -> bool {
    id.value() == [0x55, 0x04, arc]
}

/// The kinds of `DirectoryString` that are in use; the old ones have no certain meaning.
fn text_of(value: AnyRef<'_>) -> Option<&str> {
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString => {
            std::str::from_utf8(value.value()).ok()
        }
        _ => None,
    }
}

/// RFC 4514 section 2.4, as far as Go follows it.
fn escape(value: &str, text: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (index, character) in value.chars().enumerate() {
        let special = match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            ' ' => index == 0 || index == last,
            '#' => index == 0,
            _ => false,
        };
        if special {
            text.push('\\');
        }
        text.push(character);
    }
}

/// The DER of a string in hexadecimal, with the type that Go chooses for it.
fn encode(value: &str, text: &mut String) {
    let printable = |byte: u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte);
    let mut der = vec![if value.bytes().all(printable) {
        0x13
    } else {
        0x0c
    }];
    let length = value.len().to_be_bytes();
    if let Ok(short @ 0..=0x7f) = u8::try_from(value.len()) {
        der.push(short);
    } else {
        let zeros = length.iter().take_while(|byte| **byte == 0).count();
        der.extend(u8::try_from(length.len() - zeros).map(|count| 0x80 | count));
        der.extend(length.iter().skip(zeros));
    }
    for byte in der.iter().chain(value.as_bytes()) {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
}
