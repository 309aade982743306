//! The text of a token, kept for comparison: prefixes that tokens of one issuer have in common are
//! stored once.

use std::sync::Arc;

use registry_auth_bytes::is_same;

/// Bytes at the start of a text that it may share with others: the header of a token, and often its
/// audience.
const SHARED: usize = 128;

/// Different prefixes that are known at a time; an issuer has one or two for each of its keys.
const MAX_PREFIXES: usize = 32;

type SharedPrefix = Arc<[u8; SHARED]>;

/// A text in two parts; a text that is shorter than [`SHARED`] has no prefix.
pub(super) struct Text {
    prefix: Option<SharedPrefix>,
    /// It was the first with its prefix, whose bytes are counted for it.
    is_first: bool,
    rest: Box<[u8]>,
}

impl Text {
    /// Returns the bytes that were allocated for this text.
    pub(super) const fn bytes(&self) -> usize {
        self.rest.len() + if self.is_first { SHARED } else { 0 }
    }

    /// Returns true if it is the same text.
    pub(super) fn is(&self, text: &[u8]) -> bool {
        match (&self.prefix, text.split_first_chunk::<SHARED>()) {
            (Some(known), Some((prefix, rest))) => {
                is_same(&self.rest, rest) && is_same(&**known, prefix)
            }
            (None, None) => is_same(&self.rest, text),
            _ => false,
        }
    }
}

/// The prefixes of the last texts.
#[derive(Default)]
pub(super) struct SharedPrefixes(Vec<SharedPrefix>);

impl SharedPrefixes {
    /// Keeps a text; its prefix only if none of those known is the same.
    pub(super) fn keep(&mut self, text: &[u8]) -> Text {
        let Some((prefix, rest)) = text.split_first_chunk::<SHARED>() else {
            return Text {
                prefix: None,
                is_first: false,
                rest: text.into(),
            };
        };
        let known = self
            .0
            .iter()
            .find(|known| is_same(&***known, prefix))
            .map(Arc::clone);
        let is_first = known.is_none();
        Text {
            prefix: Some(known.unwrap_or_else(|| self.add(prefix))),
            is_first,
            rest: rest.into(),
        }
    }

    fn add(&mut self, prefix: &[u8; SHARED]) -> SharedPrefix {
        if self.0.len() >= MAX_PREFIXES {
            self.0.clear();
        }
        let new = Arc::new(*prefix);
        self.0.push(Arc::clone(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_itself_and_nothing_else() {
        let letters: Vec<u8> = (0..200).map(|number| b'a' + number % 26).collect();
        let mut prefixes = SharedPrefixes::default();
        for length in [
            0,
            1,
            15,
            16,
            63,
            64,
            65,
            SHARED - 1,
            SHARED,
            SHARED + 1,
            200,
        ] {
            let text = &letters[..length];
            let kept = prefixes.keep(text);
            assert!(kept.is(text), "{length}");
            assert!(
                !kept.is(&[text, b"x"].concat()) && !kept.is(&[b"x", text].concat()),
                "{length}"
            );
            for place in 0..length {
                let mut other = text.to_vec();
                other[place] = b'X';
                assert!(
                    !kept.is(&other) && !kept.is(&text[..place]),
                    "{length} bytes, {place}"
                );
            }
        }
    }

    #[test]
    fn a_prefix_is_there_once_and_few_are_known() {
        let mut prefixes = SharedPrefixes::default();
        let text = |start: usize, end: &str| format!("{start:0SHARED$}{end}").into_bytes();
        let (one, two) = (
            prefixes.keep(&text(1, "one")),
            prefixes.keep(&text(1, "two")),
        );
        assert_eq!(
            (one.bytes(), two.bytes()),
            (SHARED + 3, 3),
            "whoever is first pays"
        );
        assert!(Arc::ptr_eq(&one.prefix.unwrap(), &two.prefix.unwrap()));
        let many: Vec<_> = (0..3 * MAX_PREFIXES)
            .map(|start| prefixes.keep(&text(start, "end")))
            .collect();
        assert!(prefixes.0.len() <= MAX_PREFIXES);
        assert!(
            many.iter()
                .enumerate()
                .all(|(start, kept)| kept.is(&text(start, "end")))
        );
    }
}
