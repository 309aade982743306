//! The query of a request target, decoded as registries decode it.

use std::borrow::Cow;

/// A raw query string; parameters are decoded when they are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    /// A query without its question mark.
    #[must_use]
    pub const fn new(raw: &'a str) -> Self {
        Self(raw)
    }

    /// Every value of a parameter, in order, with `+` and percent-escapes decoded in names and values.
    ///
    /// `;` separates nothing (as in Go since 1.17); to be safe a parameter is also found behind one.
    pub fn values(&self, name: &'static str) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        self.0
            .split(';')
            .flat_map(|part| form_urlencoded::parse(part.as_bytes()))
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value)
    }
}
