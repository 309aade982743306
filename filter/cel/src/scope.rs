//! The variables of an expression.

/// Which variables an expression may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Claim mappings: `claims` and `vars`.
    Claims,
    /// Policy conditions: `req`.
    Conditions,
}

impl Scope {
    pub(super) const fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Claims => &["claims", "vars"],
            Self::Conditions => &["req"],
        }
    }

    /// The variable that holds the document, whatever loop it is used in.
    pub(super) const fn root(self) -> &'static str {
        match self {
            Self::Claims => ".claims",
            Self::Conditions => ".req",
        }
    }

    /// The variable that holds what the expression is about.
    pub(super) const fn document(self) -> &'static [&'static str] {
        match self {
            Self::Claims => &["claims"],
            Self::Conditions => &["req"],
        }
    }

    /// Where the claims of the caller are.
    pub(super) const fn claims(self) -> &'static [&'static str] {
        match self {
            Self::Claims => &["claims"],
            Self::Conditions => &["req", "claims"],
        }
    }
}
