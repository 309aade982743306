//! How bad a finding is.

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The filter refuses the configuration, or every request that the place is about.
    Error,
    /// It loads, and lets in more than is meant.
    Danger,
    /// It loads, and something in it does not do what it looks like.
    Warning,
}

impl Level {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Danger => "danger",
            Self::Warning => "warning",
        }
    }
}
