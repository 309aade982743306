//! What the host knows when a decision is made, and what it has to fetch for one.

mod now;

use crate::catalog::{Listing, UpstreamPage};
use crate::keys::source::{KeyRing, SourceId};
use crate::login::{LoginAnswer, LoginQuestion};

pub use now::{MARGIN, Now};

/// Everything that a decision reads besides the request.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The keys that are held.
    pub keys: &'a KeyRing,
    /// What was fetched for this request.
    pub gathered: &'a Gathered,
    /// Now.
    pub now: Now,
}

/// A fact that the host has to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Keys of a source.
    Keys {
        /// Whose keys.
        source: SourceId,
        /// What is not held.
        missing: Missing,
    },
    /// The existence of a tag upstream.
    Tag(TagName),
    /// A page of the upstream's catalog, under [`Listing::target`].
    Catalog(Listing),
    /// The request's body.
    Body,
    /// What the login service says of a user name and a secret. The host adds the address of the
    /// client.
    Login(LoginQuestion),
    /// The exact time, where [`Facts::now`] is a recent one.
    Time,
}

/// What is not held of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Any key.
    Keys,
    /// A key with the id that the token names.
    Key,
}

/// What the host fetched for one request because the engine needed it. A failure is recorded too:
/// nothing is needed twice.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// The results of fetching the keys of sources; of several for one source, the last applies.
    pub keys: Vec<(SourceId, KeysAnswer)>,
    /// Tags whose existence upstream was asked for.
    pub tags: Vec<(TagName, TagAnswer)>,
    /// The page that a listing waited for.
    pub catalog: Option<(Listing, UpstreamPage)>,
    /// The request's body.
    pub body: Option<RequestBody>,
    /// What the login service says of the credential.
    pub login: Option<LoginAnswer>,
}

/// The result of fetching the keys of a source because of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysAnswer {
    /// The keys that are held were asked for after the request came: a key that is not among them
    /// does not exist.
    Current,
    /// They did not arrive in time. Nothing is known about a key that is not held.
    Unavailable,
}

/// A tag of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagName {
    /// The repository.
    pub repository: String,
    /// The tag.
    pub tag: String,
}

/// The existence of a tag upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagAnswer {
    /// It exists: a push overwrites it.
    Exists,
    /// It does not exist: a push creates it.
    Missing,
    /// The question failed; the stricter of both cases decides.
    Unknown,
}

/// A request body that the engine asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestBody {
    /// All of it.
    Whole(Vec<u8>),
    /// It is longer than [`MAX_BODY`].
    TooLong,
    /// It did not come in time.
    Late,
    /// The host does not hand bodies over while headers wait.
    NotRead,
}

/// The most that is read of a request's body (zot's limit for token requests).
pub const MAX_BODY: usize = 64 * 1024;

impl Gathered {
    /// How many bytes of text it holds.
    #[must_use]
    pub fn size(&self) -> usize {
        let tags = self
            .tags
            .iter()
            .map(|(name, _)| name.repository.len() + name.tag.len());
        let page = |page: &UpstreamPage| page.body.len() + page.link.as_ref().map_or(0, Vec::len);
        let catalog = self
            .catalog
            .as_ref()
            .map_or(0, |(listing, upstream)| listing.size() + page(upstream));
        let body = match &self.body {
            Some(RequestBody::Whole(body)) => body.len(),
            Some(RequestBody::TooLong | RequestBody::Late | RequestBody::NotRead) | None => 0,
        };
        let login = match &self.login {
            Some(LoginAnswer::Token(token)) => token.len(),
            Some(_) | None => 0,
        };
        tags.sum::<usize>() + catalog + body + login
    }

    /// Returns the result of fetching the keys of a source.
    pub(crate) fn keys_of(&self, source: SourceId) -> Option<KeysAnswer> {
        self.keys
            .iter()
            .rev()
            .find(|(known, _)| *known == source)
            .map(|(_, answer)| *answer)
    }

    /// Returns what is known about a tag.
    pub(crate) fn tag(&self, repository: &str, tag: &str) -> Option<TagAnswer> {
        let known = self
            .tags
            .iter()
            .find(|(name, _)| name.repository == repository && name.tag == tag);
        known.map(|(_, answer)| *answer)
    }
}
