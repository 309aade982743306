//! The rules of a policy as they are read by people and by programs that ask who may do what.

use std::sync::Arc;

use registry_auth_cel::Members;

use super::action::Actions;
use super::condition::Conditions;
use super::pattern::Component;
use super::rule::{Label, named};

/// A pattern, for programs that compare policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternView {
    /// The pattern as written, in lower case.
    pub text: Arc<str>,
    /// Stars, question marks, classes and alternatives in it.
    pub wildcards: usize,
    /// True if it contains `${username}`.
    pub is_template: bool,
    /// The sequences of components that it stands for; none if no name can match it.
    pub sequences: Vec<Vec<Component>>,
}

/// A rule: a grant of actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleView {
    /// The pattern of its repositories; none for `adminPolicy`, which is for all.
    pub pattern: Option<Arc<str>>,
    /// Its place below the pattern: `policies[0]`, `defaultPolicy`.
    pub place: String,
    /// Its `name` in the configuration.
    pub name: Option<Arc<str>>,
    /// Whom it names.
    pub names: Named,
    /// What it grants.
    pub actions: Vec<&'static str>,
    /// The texts of its conditions, which all have to be true.
    pub conditions: Vec<Arc<str>>,
    /// The members of `req` that its conditions may read.
    pub reads: Members,
    /// The claims that its conditions may read.
    pub claims: Members,
}

impl RuleView {
    pub(super) fn of(
        pattern: Option<Arc<str>>,
        label: Label<'_>,
        names: Named,
        actions: Actions,
        conditions: &Conditions,
    ) -> Self {
        let mut claims = Members::default();
        conditions.add_claims_read(&mut claims);
        Self {
            pattern,
            place: label.clause.to_string(),
            name: label.name.cloned(),
            names,
            actions: actions.names(),
            conditions: conditions.sources(),
            reads: conditions.members_read(),
            claims,
        }
    }

    /// Its place below the pattern, with its name.
    #[must_use]
    pub fn label(&self) -> String {
        named(&self.place, self.name.as_deref())
    }
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
