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

    /// Every value of a parameter, in order, with `+` and percent-escapes decoded in names and
    /// values.
    ///
    /// `;` separates nothing (as in Go since 1.17); to be safe a parameter is also found behind
    /// one.
    pub fn values(&self, name: &'static str) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        self.0
            .split(';')
            .flat_map(|part| form_urlencoded::parse(part.as_bytes()))
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value)
    }

    /// The same for every name that [some server may read][is_read_as] as this parameter.
    pub(super) fn values_as_any_server_reads(
        &self,
        name: &'static str,
    ) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        self.0
            .split(';')
            .flat_map(|part| form_urlencoded::parse(part.as_bytes()))
            .filter(move |(key, _)| is_read_as(key, name))
            .map(|(_, value)| value)
    }
}

/// Returns true if some server may take a decoded parameter name for `name`, which is in lower
/// case: ASP.NET compares without case, PHP and Rails read `name[]` as `name` and leave out blanks
/// before it.
pub(super) fn is_read_as(key: &str, name: &str) -> bool {
    let key = key.split(['[', '\0']).next().unwrap_or_default();
    key.trim_matches(|symbol: char| symbol.is_whitespace() || symbol.is_control())
        .eq_ignore_ascii_case(name)
}
