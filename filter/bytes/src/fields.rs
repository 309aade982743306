//! Header fields in one buffer, as proxies hand them over.
//!
//! First how many there are, then the sizes of each name and value, then names and values, with a
//! NUL behind each; all numbers are 32 bits, little-endian.

use std::fmt;
use std::ops::Range;

/// Bytes of a number.
const NUMBER: usize = 4;

/// Header fields that are whole: pseudo header fields among them, repeated ones as often as they
/// were sent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

/// Where a field is in the buffer: its name, a NUL, its value.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    start: usize,
    name: usize,
    end: usize,
}

impl Fields {
    /// Takes a buffer; an empty one has no fields. `None` if it ends early, or its sizes contradict
    /// its bytes.
    #[must_use]
    pub fn parse(bytes: Vec<u8>) -> Option<Self> {
        let Some((count, rest)) = bytes.split_first_chunk::<NUMBER>() else {
            return bytes.is_empty().then(Self::default);
        };
        let count = number(*count);
        let (sizes, _) = rest.as_chunks::<NUMBER>();
        let (sizes, _) = sizes.as_chunks::<2>();
        let sizes = sizes.get(..count)?;
        let mut places = Vec::with_capacity(count);
        let mut start = NUMBER + 2 * NUMBER * count;
        for [name, value] in sizes {
            let name = number(*name);
            let separator = start.checked_add(name)?;
            let end = separator.checked_add(1)?.checked_add(number(*value))?;
            if bytes.get(separator) != Some(&0) || bytes.get(end) != Some(&0) {
                return None;
            }
            places.push(Place { start, name, end });
            start = end + 1;
        }
        Some(Self { bytes, places })
    }

    /// The first value of a field; `name` in any case.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.places
            .iter()
            .find(|place| self.is(place, name))
            .map(|place| self.value(place))
    }

    /// Every value of a field, in order; `name` in any case.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.places
            .iter()
            .filter(|place| self.is(place, name))
            .map(|place| self.value(place))
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.places
            .iter()
            .map(|place| (self.name(place), self.value(place)))
    }

    /// The same fields, with the values of those only whose name `keeps` names.
    #[must_use]
    pub fn keeping(&self, keeps: impl Fn(&[u8]) -> bool) -> Self {
        let mut kept = Self::default();
        for (name, value) in self.iter() {
            let start = kept.bytes.len();
            kept.bytes.extend_from_slice(name);
            kept.bytes.push(0);
            kept.bytes
                .extend_from_slice(if keeps(name) { value } else { &[] });
            kept.places.push(Place {
                start,
                name: name.len(),
                end: kept.bytes.len(),
            });
            kept.bytes.push(0);
        }
        kept.bytes.shrink_to_fit();
        kept
    }

    /// How many bytes of memory they take.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.capacity() + self.places.capacity() * size_of::<Place>()
    }

    /// Places, names and values of the fields whose names have one of these lengths
    /// ([`length_bit`]), in order.
    pub fn of_lengths(&self, lengths: u64) -> impl Iterator<Item = (usize, (&[u8], &[u8]))> {
        let places = self
            .places
            .iter()
            .enumerate()
            .filter(move |(_, place)| lengths & length_bit(place.name) != 0);
        places.map(|(index, place)| (index, (self.name(place), self.value(place))))
    }

    /// Names and values of some fields, in order.
    pub fn within(&self, range: Range<usize>) -> impl Iterator<Item = (&[u8], &[u8])> {
        let places = self.places.get(range).unwrap_or_default();
        places
            .iter()
            .map(|place| (self.name(place), self.value(place)))
    }

    fn is(&self, place: &Place, name: &str) -> bool {
        // Most proxies write names in lower case; reading each character twice is expensive.
        let name = name.as_bytes();
        place.name == name.len() && {
            let here = self.name(place);
            here == name || here.eq_ignore_ascii_case(name)
        }
    }

    // INVARIANT: `parse` has seen that every place is inside the buffer, so no sum here overflows.
    fn name(&self, place: &Place) -> &[u8] {
        self.bytes
            .get(place.start..place.start + place.name)
            .unwrap_or_default()
    }

    fn value(&self, place: &Place) -> &[u8] {
        self.bytes
            .get(place.start + place.name + 1..place.end)
            .unwrap_or_default()
    }
}

/// Values may be secrets.
impl fmt::Debug for Fields {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_list()
            .entries(self.iter().map(|(name, _)| String::from_utf8_lossy(name)))
            .finish()
    }
}

/// The bit of a length in a set of lengths. Those that are too long for a set of 64 have one
/// together.
#[must_use]
pub const fn length_bit(length: usize) -> u64 {
    1 << if length < 63 { length } else { 63 }
}

/// The buffer of these fields.
#[must_use]
pub fn write(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let size = fields
        .iter()
        .map(|(name, value)| name.len() + value.len() + 2 + 2 * NUMBER)
        .sum::<usize>();
    let mut bytes = Vec::with_capacity(NUMBER + size);
    bytes.extend(length(fields.len()));
    for (name, value) in fields {
        bytes.extend(length(name.len()));
        bytes.extend(length(value.len()));
    }
    for (name, value) in fields {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(value);
        bytes.push(0);
    }
    bytes
}

const fn number(bytes: [u8; NUMBER]) -> usize {
    u32::from_le_bytes(bytes) as usize
}

/// A length that does not fit in 32 bits becomes the largest: no buffer has it, so a reader fails.
fn length(length: usize) -> [u8; NUMBER] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SENT: [(&str, &[u8]); 4] = [
        (":path", b"/v2/"),
        ("Authorization", b"Bearer a"),
        ("x-empty", b""),
        ("authorization", b"\xff\0b"),
    ];

    #[test]
    fn fields_are_found_by_name_in_any_case_and_in_order() {
        let fields = Fields::parse(write(&SENT)).unwrap();
        assert_eq!(fields.first(":path"), Some(&b"/v2/"[..]));
        assert_eq!(
            fields.all("authorization").collect::<Vec<_>>(),
            [&b"Bearer a"[..], b"\xff\0b"]
        );
        assert_eq!(fields.first("X-Empty"), Some(&b""[..]));
        assert_eq!(fields.first("x-empt"), None);
        assert_eq!(fields.iter().count(), SENT.len());
        assert_eq!(
            fields.within(1..3).collect::<Vec<_>>(),
            fields.iter().skip(1).take(2).collect::<Vec<_>>()
        );
        let lengths = length_bit(5) | length_bit(13);
        assert_eq!(
            fields
                .of_lengths(lengths)
                .map(|(index, _)| index)
                .collect::<Vec<_>>(),
            [0, 1, 3]
        );
        assert_eq!(length_bit(63), length_bit(1000));
        assert_eq!(
            (fields.within(4..4).count(), fields.within(3..5).count()),
            (0, 0)
        );
        assert_eq!(Fields::parse(Vec::new()), Some(Fields::default()));
        assert_eq!(Fields::default().iter().count(), 0);
    }

    #[test]
    fn names_stay_when_their_values_are_not_kept() {
        let sent = Fields::parse(write(&SENT)).unwrap();
        let kept =
            sent.keeping(|name| name == b":path" || name.eq_ignore_ascii_case(b"authorization"));
        assert_eq!(
            kept.iter().collect::<Vec<_>>(),
            SENT.map(|(name, value)| (name.as_bytes(), value))
        );
        let kept = sent.keeping(|name| name == b":path");
        assert_eq!(kept.first(":path"), Some(&b"/v2/"[..]));
        assert_eq!(
            kept.all("authorization").collect::<Vec<_>>(),
            [&b""[..], b""]
        );
        let long = Fields::parse(write(&[("x-long", &vec![b'a'; 90_000])])).unwrap();
        assert!(long.size() > 90_000 && long.keeping(|_| false).size() < 500);
    }

    #[test]
    fn a_buffer_that_ends_early_has_no_fields() {
        let whole = write(&SENT);
        for size in 1..whole.len() {
            assert_eq!(
                Fields::parse(whole[..size].to_vec()),
                None,
                "{size} of {} bytes",
                whole.len()
            );
        }
    }

    #[test]
    fn sizes_that_contradict_the_bytes_are_refused() {
        let of = |numbers: &[u32], data: &[u8]| {
            let numbers = numbers.iter().flat_map(|number| number.to_le_bytes());
            Fields::parse(numbers.chain(data.iter().copied()).collect())
        };
        assert!(of(&[1, 1, 1], b"a\0b\0").is_some());
        for (numbers, data) in [
            (&[1, 1, 2][..], &b"a\0b\0"[..]),
            (&[1, 2, 1], b"a\0b\0"),
            (&[2, 1, 1], b"a\0b\0"),
            (&[1, 1, 1], b"a\0bx"),
            (&[1, 1, 1], b"axb\0"),
            (&[1, u32::MAX, u32::MAX], b"a\0b\0"),
            (&[u32::MAX, 1, 1], b"a\0b\0"),
            (&[1], b""),
        ] {
            assert_eq!(of(numbers, data), None, "{numbers:?} {data:?}");
        }
    }

    #[test]
    fn no_value_is_shown_for_debugging() {
        assert_eq!(
            format!("{:?}", Fields::parse(write(&SENT[..2])).unwrap()),
            r#"[":path", "Authorization"]"#
        );
    }

    proptest! {
        #[test]
        fn no_buffer_of_a_host_panics(bytes in proptest::collection::vec(prop_oneof![0..4_u8, any::<u8>()], 0..64)) {
            if let Some(fields) = Fields::parse(bytes) {
                prop_assert!(fields.iter().all(|(name, _)| fields.first(&String::from_utf8_lossy(name)).is_some() || !name.is_ascii()));
            }
        }

        #[test]
        fn fields_come_back_as_they_were_written(
            sent in proptest::collection::vec(("[ -~]{0,8}", proptest::collection::vec(any::<u8>(), 0..8)), 0..8)
        ) {
            let sent: Vec<(&str, &[u8])> = sent.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
            let fields = Fields::parse(write(&sent)).unwrap();
            let read: Vec<_> = fields.iter().collect();
            let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_bytes(), *value)).collect();
            prop_assert_eq!(read, sent);
        }
    }
}
