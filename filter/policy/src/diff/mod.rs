//! What a new policy gives and takes, compared with an old one.
//!
//! Names of repositories are compared as automata over the patterns of both policies, so that the
//! result holds for every name, and callers by how rules can name them. Each difference has a
//! witness, a caller and a name about which the engine has decided differently. Conditions and
//! claim mappings are compared as texts: what they decide is seen in a replay.
//!
//! ```text
//!  cel       texts of expressions
//!  settings  what is configured besides rules
//!  words     names of one component            alphabet  components as letters
//!  tree      the patterns of both policies     order     which of them decides
//!  explore   names for which they decide       rights    what rules give to whom
//!  patterns  the patterns of two policies      witness   questions to the engines
//!  region    what decides for some names         verdict   what has happened to one right
//!  merged    differences by lines                compare   finds them
//!  show      the same as text
//! ```

mod alphabet;
mod cel;
mod compare;
mod explore;
mod merged;
mod order;
mod patterns;
mod region;
mod rights;
pub mod settings;
pub mod show;
mod tree;
mod verdict;
mod witness;
mod words;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod scale;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

use registry_auth_engine::access::Action;
use registry_auth_engine::config::raw::Document;
use registry_auth_engine::engine::Engine;
use serde_json::Value;

/// A configuration, compiled and as it is written.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// The document.
    pub document: &'a Document,
    /// As it was written, with the sections of people that the filter does not read; null if that is
    /// not known.
    pub written: &'a Value,
}

/// What has happened to a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The new policy gives it.
    Added,
    /// The new policy does not give it any more.
    Removed,
    /// Its conditions are others: they are not compared. True if it may be given to more callers,
    /// and to fewer.
    Changed {
        /// More may have it.
        may_add: bool,
        /// Fewer may have it.
        may_remove: bool,
    },
}

/// Whose right it is. There may be others who share it: a right of everybody is not said of users
/// again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Also without a credential.
    Anybody,
    /// Everybody with a credential.
    Authenticated,
    /// The user after whom a part of the repository is named, by `${username}`.
    Username,
    /// A user.
    User(String),
    /// A user with the groups of `accessControl.groups`.
    Configured(String),
    /// A user, if it is in a group.
    UserInGroup(String, String),
    /// The users of a group.
    Group(String),
    /// The user after whom a part of the repository is named, if it is in a group.
    Member(String),
}

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What has happened.
    pub kind: Kind,
    /// To whom.
    pub who: Who,
    /// What they may do now, or could.
    pub actions: BTreeSet<Action>,
    /// The pattern of the repositories, or `adminPolicy`.
    pub pattern: String,
    /// How another pattern matters, in words.
    pub because: Option<String>,
    /// The conditions of the right that is given or taken, in words.
    pub conditions: Option<String>,
    /// Somebody for whom the two policies decide differently, and about what.
    pub witness: Option<Witness>,
}

/// Somebody who gets something by one policy and not by the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// The user name; nobody if absent.
    pub user: Option<String>,
    /// The groups.
    pub groups: Vec<String>,
    /// What is done.
    pub action: Action,
    /// In which repository.
    pub repository: String,
}

/// Why two policies are not compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiffError {
    /// It would take too much time or memory.
    #[error(
        "the patterns of these policies overlap too much to be compared within the limits of this command: change less at a time, or write fewer patterns with wildcards in front of names"
    )]
    TooLarge,
    /// There are too many differences to be read.
    #[error("there are more than {0} differences: change less at a time")]
    TooMany(usize),
    /// The engine does not decide what was found.
    #[error(
        "internal error: the engine does not confirm that `{0}` is decided differently; please report it"
    )]
    Unconfirmed(String),
}

/// The automata are too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TooLarge;

impl From<TooLarge> for DiffError {
    fn from(_: TooLarge) -> Self {
        Self::TooLarge
    }
}

impl Kind {
    /// Returns true if somebody may get more.
    #[must_use]
    pub const fn adds(self) -> bool {
        match self {
            Self::Added => true,
            Self::Removed => false,
            Self::Changed { may_add, .. } => may_add,
        }
    }

    /// Returns true if somebody may get less.
    #[must_use]
    pub const fn removes(self) -> bool {
        match self {
            Self::Added => false,
            Self::Removed => true,
            Self::Changed { may_remove, .. } => may_remove,
        }
    }

    /// The word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed { .. } => "changed",
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anybody => formatter.write_str("anybody"),
            Self::Authenticated => formatter.write_str("everybody with a credential"),
            Self::Username => formatter.write_str("the user named by ${username}"),
            Self::User(name) => write!(formatter, "user {name}"),
            Self::Configured(name) => write!(formatter, "user {name} by accessControl.groups"),
            Self::UserInGroup(user, group) => write!(formatter, "user {user} in group {group}"),
            Self::Group(name) => write!(formatter, "group {name}"),
            Self::Member(name) => {
                write!(
                    formatter,
                    "the user named by ${{username}}, in group {name}"
                )
            }
        }
    }
}

/// Compares what two configurations let whom do.
///
/// # Errors
/// The patterns overlap too much, or there are too many differences.
pub fn compare(old: Side<'_>, new: Side<'_>) -> Result<Vec<Difference>, DiffError> {
    compare::differences([old, new])
}
