//! What a request is about, in few values: by them a host counts decisions. No value names a user
//! or a repository.

use strum::VariantArray;

use crate::access::{AccessSet, Action};
use crate::keys::source::SourceId;

/// What a request is about, as far as it was read: an [`Operation`] and a [`Provider`]. It is one
/// number, because every decision carries it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Topic(u32);

const OPERATION: u32 = 0xff;
const FIRST_SOURCE: u32 = 2;
/// The highest provider: sources above it are counted as one.
const LAST_PROVIDER: u32 = 0xffff;

impl Topic {
    /// Nothing was read.
    pub(crate) const NONE: Self = Self(0);

    /// Sets what is asked for.
    pub(crate) const fn set_operation(&mut self, operation: Operation) {
        self.0 = self.0 & !OPERATION | operation as u32;
    }

    /// Sets who vouches for the caller.
    pub(crate) fn set_provider(&mut self, provider: Provider) {
        let number = match provider {
            Provider::None => 0,
            Provider::Certificate => 1,
            Provider::Source(source) => u32::try_from(source.index())
                .unwrap_or(LAST_PROVIDER)
                .saturating_add(FIRST_SOURCE)
                .min(LAST_PROVIDER),
        };
        self.0 = self.0 & OPERATION | number << OPERATION.count_ones();
    }

    /// What is asked for.
    #[must_use]
    pub fn operation(self) -> Operation {
        let is_it = |operation: &&Operation| **operation as u32 == self.0 & OPERATION;
        let found = Operation::VARIANTS.iter().find(is_it);
        found.copied().unwrap_or_default()
    }

    /// Who vouches for the caller.
    #[must_use]
    pub fn provider(self) -> Provider {
        match self.0 >> OPERATION.count_ones() {
            0 => Provider::None,
            1 => Provider::Certificate,
            number => {
                let index = usize::try_from(number - FIRST_SOURCE).unwrap_or(usize::MAX);
                Provider::Source(SourceId::from_index(index))
            }
        }
    }

    /// A number of at most 24 bits that no other topic has.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }
}

/// What is asked for: an action of policies, or another kind of request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, VariantArray)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_what_was_set_last() {
        let sources = [0, 1, 65_533].map(|index| Provider::Source(SourceId::from_index(index)));
        let mut seen = Vec::new();
        let mut topic = Topic::NONE;
        for operation in Operation::VARIANTS {
            for provider in [Provider::None, Provider::Certificate]
                .iter()
                .chain(&sources)
            {
                topic.set_operation(*operation);
                topic.set_provider(*provider);
                assert_eq!(
                    (topic.operation(), topic.provider()),
                    (*operation, *provider)
                );
                assert!(topic.bits() < 1 << 24 && !seen.contains(&topic.bits()));
                seen.push(topic.bits());
            }
        }
        topic.set_provider(Provider::Source(SourceId::from_index(usize::MAX)));
        assert_eq!(topic.provider(), sources[2]);
    }
}
