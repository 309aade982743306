//! The rules of a policy as they are read by people and by programs that ask who may do what.

use std::sync::Arc;

/// A rule: a grant of actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleView {
    /// The pattern of its repositories; none for `adminPolicy`, which is for all.
    pub pattern: Option<Arc<str>>,
    /// Its place below the pattern: `policies[0]`, `defaultPolicy`.
    pub place: String,
    /// Whom it names.
    pub names: Named,
    /// What it grants.
    pub actions: Vec<&'static str>,
    /// The texts of its conditions, which all have to be true.
    pub conditions: Vec<Arc<str>>,
}

/// Whom a rule names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// These users and groups.
    Some {
        /// Users.
        users: Vec<String>,
        /// Groups.
        groups: Vec<String>,
    },
    /// Everybody with a credential.
    Authenticated,
    /// Everybody.
    Anybody,
}
