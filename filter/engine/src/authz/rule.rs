//! What is asked of a policy, and the result.

use std::fmt;
use std::sync::Arc;

use crate::access::Action;

/// What is asked for: one action on one repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission<'a> {
    /// The action.
    pub action: Action,
    /// The repository's name.
    pub repository: &'a str,
    /// Tag or digest of a manifest; empty for everything else.
    pub reference: &'a str,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A rule grants it.
    Granted(Rule),
    /// No rule does.
    Refused {
        /// The message of the last condition that was false.
        message: Option<Arc<str>>,
    },
}

impl Decision {
    /// Returns true if it was granted.
    #[must_use]
    pub const fn is_granted(&self) -> bool {
        matches!(self, Self::Granted(_))
    }
}

/// The part of the configuration that granted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The pattern that decided; none for the admin policy.
    pub pattern: Option<Arc<str>>,
    /// Which part of its group.
    pub clause: Clause,
    /// Its `name` in the configuration.
    pub name: Option<Arc<str>>,
}

/// A rule, as the code that considers it knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label<'a> {
    pub(crate) clause: Clause,
    pub(crate) name: Option<&'a Arc<str>>,
}

/// A rule's place with its name, if it has one: `policies[0] "releases"`.
#[must_use]
pub fn named(place: &str, name: Option<&str>) -> String {
    name.map_or_else(|| place.to_owned(), |name| format!("{place} \"{name}\""))
}

impl Label<'_> {
    pub(crate) const fn of(clause: Clause) -> Self {
        Self { clause, name: None }
    }

    /// The rule, for a pattern.
    pub(crate) fn rule(self, pattern: Option<Arc<str>>) -> Rule {
        Rule {
            pattern,
            clause: self.clause,
            name: self.name.cloned(),
        }
    }
}

/// A part of a pattern's group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clause {
    /// `policies[i]`.
    Entry(usize),
    /// `defaultPolicy`.
    Default,
    /// `anonymousPolicy`.
    Anonymous,
    /// `adminPolicy`.
    Admin,
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(pattern) = &self.pattern {
            write!(formatter, "repositories[\"{pattern}\"].")?;
        }
        self.clause.fmt(formatter)
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(index) => write!(formatter, "policies[{index}]"),
            Self::Default => formatter.write_str("defaultPolicy"),
            Self::Anonymous => formatter.write_str("anonymousPolicy"),
            Self::Admin => formatter.write_str("adminPolicy"),
        }
    }
}
