//! The caller, as policies see it.

use crate::cel::Document;

/// A caller: anonymous, or proven by a verified token.
#[derive(Clone, Debug)]
pub struct Identity {
    username: String,
    groups: Vec<String>,
    claims: Document,
}

impl Identity {
    /// The caller without credentials: user name empty, no groups, no claims.
    #[must_use]
    pub fn anonymous() -> Self {
        Self { username: String::new(), groups: Vec::new(), claims: Document::empty() }
    }

    /// For a verified token only; callers in this crate hold a `VerifiedToken`.
    pub(crate) const fn new(username: String, groups: Vec<String>, claims: Document) -> Self {
        Self { username, groups, claims }
    }

    /// The user name; empty for the anonymous caller and never otherwise.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Groups in the order in which the mapping gave them.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// All verified claims, in the form that CEL reads; none where no condition reads them.
    #[must_use]
    pub const fn claims(&self) -> &Document {
        &self.claims
    }

    /// Whether no credential was presented.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.username.is_empty()
    }
}
