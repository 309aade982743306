//! What a route needs: actions on repositories, and the same as Docker scopes.

/// zot's method actions, the words of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Pull: manifests, blobs, tag lists, referrers.
    Read,
    /// Upload blobs, push a tag that does not exist.
    Create,
    /// Push a tag that exists.
    Update,
    /// Delete manifests, blobs, uploads.
    Delete,
}

impl Action {
    /// The word in policies and in `req.action`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// The action of a word, exactly as written in policies.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Read, Self::Create, Self::Update, Self::Delete].into_iter().find(|action| action.name() == name)
    }
}
