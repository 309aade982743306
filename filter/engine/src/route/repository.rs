//! Repository names.

use std::fmt;

use registry_auth_bytes::name::is_repository;

use crate::reason::Reason;

/// The longest repository name, in characters (OCI distribution spec, "Pulling manifests").
const MAX_LENGTH: usize = 255;

/// A repository name that has passed the grammar
/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*` of the OCI
/// distribution spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Repository<'a>(&'a str);

impl<'a> Repository<'a> {
    /// The repository of a path part that begins with a slash.
    pub(super) fn parse(part: &'a str) -> Result<Self, Reason> {
        Self::parse_name(part.strip_prefix('/').ok_or(Reason::NotFound)?)
    }

    /// Checks a name.
    ///
    /// # Errors
    /// `NotFound` for a percent-escape, which proxy and registry may read differently; otherwise
    /// `NameInvalid`.
    pub fn parse_name(name: &'a str) -> Result<Self, Reason> {
        if name.len() <= MAX_LENGTH && is_repository(name.as_bytes()) {
            Ok(Self(name))
        } else {
            Err(if name.contains('%') {
                Reason::NotFound
            } else {
                Reason::NameInvalid
            })
        }
    }

    /// The name.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.0
    }
}

impl fmt::Display for Repository<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}
