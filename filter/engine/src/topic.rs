//! What a request is about, in few values: by them a host counts decisions. No value names a user
//! or a repository.

use crate::access::{AccessSet, Action};
use crate::keys::source::SourceId;

/// What a request is about, as far as it was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Topic {
    /// What is asked for.
    pub operation: Operation,
    /// Who vouches for the caller.
    pub provider: Provider,
}

impl Topic {
    /// Nothing was read.
    pub(crate) const NONE: Self = Self {
        operation: Operation::Unknown,
        provider: Provider::None,
    };
}

/// What is asked for: an action of policies, or another kind of request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Operation {
    /// Nothing that exists: the path, or its method, is refused.
    #[default]
    Unknown,
    /// A public path.
    Public,
    /// A page of the login service, or its API.
    Page,
    /// `GET /v2/`
    Ping,
    /// An extension of the registry.
    Extension,
    /// The list of repositories.
    Catalog,
    /// A token.
    Token,
    /// The action `read`.
    Read,
    /// The action `create`, without a tag.
    Create,
    /// A tag is set: `create` or `update`.
    Push,
    /// The action `delete`.
    Delete,
}

/// Who vouches for the caller. For a token that is refused: who would have to, by what the token
/// says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Provider {
    /// Nobody: the caller is anonymous, or nobody knows the credential.
    #[default]
    None,
    /// The authority of the client certificate.
    Certificate,
    /// Whose keys verify the token.
    Source(SourceId),
}

impl Operation {
    /// What a route that needs this is for.
    pub(crate) fn of(access: &AccessSet<'_>) -> Self {
        match access {
            AccessSet::Nothing => Self::Public,
            AccessSet::Credential => Self::Ping,
            AccessSet::Identity => Self::Extension,
            AccessSet::Catalog => Self::Catalog,
            AccessSet::Tags(_) => Self::Push,
            AccessSet::Mount(..) => Self::Create,
            AccessSet::Checks(checks) => match checks.first().map(|check| check.action) {
                Some(Action::Read) => Self::Read,
                Some(Action::Create) => Self::Create,
                Some(Action::Update) => Self::Push,
                Some(Action::Delete) => Self::Delete,
                None => Self::Unknown,
            },
        }
    }

    /// The name, empty where nothing that exists is asked for.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Public => "public",
            Self::Page => "page",
            Self::Ping => "ping",
            Self::Extension => "extension",
            Self::Catalog => "catalog",
            Self::Token => "token",
            Self::Read => "read",
            Self::Create => "create",
            Self::Push => "push",
            Self::Delete => "delete",
        }
    }
}
