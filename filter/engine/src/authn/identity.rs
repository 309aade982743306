//! The caller, as policies see it.

use registry_auth_cel::Document;

/// A caller: anonymous, or an authenticated user.
///
/// A caller without a name is anonymous, whatever it presented: a token without `sub` is a
/// credential, but names no user.
#[derive(Clone, Debug)]
pub enum Identity {
    /// User name empty, no groups, no claims.
    Anonymous,
    /// A user with a name.
    Authenticated(User),
}

/// An authenticated user. The name is never empty.
#[derive(Clone, Debug)]
pub struct User {
    name: String,
    groups: Vec<String>,
    claims: Document,
}

impl User {
    /// For verified tokens and certificates only; `None` for an empty name.
    pub(crate) fn new(name: String, groups: Vec<String>, claims: Document) -> Option<Self> {
        (!name.is_empty()).then_some(Self {
            name,
            groups,
            claims,
        })
    }

    /// The user name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
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
}

impl Identity {
    /// The identity of `user`, anonymous for `None`.
    pub(crate) fn of(user: Option<User>) -> Self {
        user.map_or(Self::Anonymous, Self::Authenticated)
    }

    /// The user; `None` for the anonymous caller.
    #[must_use]
    pub const fn user(&self) -> Option<&User> {
        match self {
            Self::Anonymous => None,
            Self::Authenticated(user) => Some(user),
        }
    }

    /// The user name; empty for the anonymous caller and never otherwise.
    #[must_use]
    pub fn username(&self) -> &str {
        self.user().map_or("", User::name)
    }

    /// The groups of the user; none for the anonymous caller.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        self.user().map_or(&[], User::groups)
    }

    /// The claims of the user; none for the anonymous caller.
    #[must_use]
    pub fn claims(&self) -> &Document {
        const NONE: &Document = &Document::empty();
        self.user().map_or(NONE, User::claims)
    }

    /// Returns true for the caller without a name.
    #[must_use]
    pub const fn is_anonymous(&self) -> bool {
        matches!(self, Self::Anonymous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_without_a_name_is_anonymous_and_has_nothing() {
        let identity = |name: &str| {
            Identity::of(User::new(
                name.to_owned(),
                vec!["g".to_owned()],
                Document::empty(),
            ))
        };
        let nobody = identity("");
        assert!(
            nobody.is_anonymous() && nobody.username().is_empty() && nobody.groups().is_empty()
        );
        for name in ["alice", " ", "anonymous", "\0"] {
            let somebody = identity(name);
            assert!(!somebody.is_anonymous(), "{name:?}");
            assert_eq!(
                (somebody.username(), somebody.groups()),
                (name, &["g".to_owned()][..])
            );
        }
    }
}
