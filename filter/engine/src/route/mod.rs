//! Parses the raw `:path` and the method by the grammar of the OCI distribution spec, from the
//! right, before anything else.
//!
//! Two segments at the end name the endpoint; what is before them must be a repository name. Read
//! from the left, a repository with a component called `blobs` would be checked under one name and
//! served under another.

mod config;
mod digest;
mod login;
mod method;
mod mount;
mod payload;
mod query;
mod repository;

pub use config::RouteConfig;
pub use digest::Digest;
pub use login::{LOGIN_PATHS, LOGIN_PREFIX, LoginRoute};
pub use method::Method;
pub use mount::{Mount, without_mount};
pub use payload::Payload;
pub use query::Query;
pub use repository::Repository;

use registry_auth_bytes::Target;
use registry_auth_bytes::name::is_tag;

use crate::reason::Reason;

/// The most `tag=` parameters that one push may carry (zot's limit).
pub const MAX_TAGS: usize = 46;

/// What a manifest is addressed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference<'a> {
    /// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
    Tag(&'a str),
    /// `algorithm:encoded`.
    Digest(Digest),
}

impl Reference<'_> {
    /// The reference as policies see it in `req.reference`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Tag(tag) => tag,
            Self::Digest(digest) => digest.as_str(),
        }
    }
}

/// A parsed request: endpoint, names and method, all valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// `GET /v2/`.
    Base,
    /// `GET /v2/_catalog`, with its query.
    Catalog(Query<'a>),
    /// `GET /v2/NAME/tags/list`.
    Tags(Repository<'a>),
    /// Pull of `/v2/NAME/manifests/REFERENCE`.
    PullManifest(Repository<'a>, Reference<'a>),
    /// `PUT /v2/NAME/manifests/REFERENCE`, and the tags of `?tag=`.
    PushManifest(Repository<'a>, Reference<'a>, Vec<String>),
    /// `DELETE /v2/NAME/manifests/REFERENCE`.
    DeleteManifest(Repository<'a>, Reference<'a>),
    /// Pull of `/v2/NAME/blobs/DIGEST`.
    PullBlob(Repository<'a>),
    /// `DELETE /v2/NAME/blobs/DIGEST`.
    DeleteBlob(Repository<'a>),
    /// `POST /v2/NAME/blobs/uploads/`.
    StartUpload(Repository<'a>, Mount),
    /// GET or HEAD of an upload session.
    UploadStatus(Repository<'a>),
    /// PATCH or PUT of an upload session.
    ContinueUpload(Repository<'a>),
    /// DELETE of an upload session.
    CancelUpload(Repository<'a>),
    /// `GET /v2/NAME/referrers/DIGEST`.
    Referrers(Repository<'a>),
    /// zot's extension routes, when they are switched on.
    Extension,
    /// GET or POST of the token endpoint.
    Token,
    /// Pages and API of the login service, where people log in.
    Login(LoginRoute),
    /// A path that the operator declared public.
    Public,
}

impl<'a> Route<'a> {
    /// Parses method and raw path (query included).
    ///
    /// # Errors
    /// `NotFound` for paths that are not an endpoint or could be read differently upstream,
    /// `NameInvalid`, `TagInvalid`, `DigestInvalid` for an endpoint with a malformed name or
    /// reference, `MethodNotAllowed` for an endpoint that has no such method.
    pub fn parse(method: &[u8], target: &'a [u8], routes: &RouteConfig) -> Result<Self, Reason> {
        let target = Target::read(target).ok_or(Reason::NotFound)?;
        let (path, name) = (target.path, method);
        let method = Method::from_bytes(method);
        if routes.token_endpoint.as_deref() == Some(path) {
            return if matches!(method, Method::Get | Method::Post) {
                Ok(Self::Token)
            } else {
                Err(Reason::MethodNotAllowed)
            };
        }
        match path.strip_prefix("/v2") {
            Some("" | "/") => method.read_or_405(Self::Base),
            Some(rest) if rest.starts_with('/') => Self::under_v2(method, rest, &target, routes),
            _ => match LoginRoute::of(path).filter(|_| routes.login) {
                Some(login) if LoginRoute::takes(name) => Ok(Self::Login(login)),
                Some(_) => Err(Reason::MethodNotAllowed),
                None if routes.is_public(path) => method.read_or_405(Self::Public),
                None => Err(Reason::NotFound),
            },
        }
    }

    /// The methods that a target has, as `Allow` lists them.
    #[must_use]
    pub fn methods(target: &[u8], routes: &RouteConfig) -> String {
        let has = |method: &&str| Route::parse(method.as_bytes(), target, routes).is_ok();
        let methods: Vec<_> = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"]
            .into_iter()
            .filter(has)
            .collect();
        methods.join(", ")
    }

    /// `rest` is the path behind `/v2`, from its slash on.
    fn under_v2(
        method: Method,
        rest: &'a str,
        target: &Target<'a>,
        routes: &RouteConfig,
    ) -> Result<Self, Reason> {
        let query = &Query::new(target.query);
        if rest == "/_catalog" {
            return if method == Method::Get {
                Ok(Self::Catalog(*query))
            } else {
                Err(Reason::MethodNotAllowed)
            };
        }
        if rest.starts_with("/_zot/") || rest.starts_with("/_oci/ext/") {
            return match method {
                _ if !routes.extensions || rest.contains('%') => Err(Reason::NotFound),
                // TRACE among them, which would show what the upstream is sent.
                Method::Other => Err(Reason::MethodNotAllowed),
                _ => Ok(Self::Extension),
            };
        }
        let (name, kind, leaf) = target.last_two("/v2".len()).ok_or(Reason::NotFound)?;
        match (kind, leaf) {
            ("uploads", session) => Self::upload(method, name, session, query),
            (_, "") => Err(Reason::NotFound),
            ("tags", "list") => method.read_or_405(Self::Tags(Repository::parse(name)?)),
            ("manifests", reference) => {
                Self::manifest(method, Repository::parse(name)?, reference, query)
            }
            ("blobs", digest) => Self::blob(method, Repository::parse(name)?, digest),
            ("referrers", digest) => {
                let repository = Repository::parse(name)?;
                Digest::parse(digest)?;
                method.read_or_405(Self::Referrers(repository))
            }
            _ => Err(Reason::NotFound),
        }
    }

    fn manifest(
        method: Method,
        name: Repository<'a>,
        reference: &'a str,
        query: &Query<'_>,
    ) -> Result<Self, Reason> {
        let reference = parse_reference(reference)?;
        match method {
            Method::Get | Method::Head => Ok(Self::PullManifest(name, reference)),
            Method::Put => Ok(Self::PushManifest(name, reference, tags_of(query)?)),
            Method::Delete => Ok(Self::DeleteManifest(name, reference)),
            Method::Post | Method::Patch | Method::Other => Err(Reason::MethodNotAllowed),
        }
    }

    fn blob(method: Method, name: Repository<'a>, digest: &str) -> Result<Self, Reason> {
        Digest::parse(digest)?;
        match method {
            Method::Get | Method::Head => Ok(Self::PullBlob(name)),
            Method::Delete => Ok(Self::DeleteBlob(name)),
            Method::Put | Method::Post | Method::Patch | Method::Other => {
                Err(Reason::MethodNotAllowed)
            }
        }
    }

    fn upload(
        method: Method,
        name: &'a str,
        session: &str,
        query: &Query<'_>,
    ) -> Result<Self, Reason> {
        let name = Repository::parse(name.strip_suffix("/blobs").ok_or(Reason::NotFound)?)?;
        if session.contains('%') {
            return Err(Reason::NotFound);
        }
        match (method, session.is_empty()) {
            (Method::Post, true) => Ok(Self::StartUpload(name, Mount::read(query)?)),
            (Method::Get | Method::Head, false) => Ok(Self::UploadStatus(name)),
            (Method::Patch | Method::Put, false) => Ok(Self::ContinueUpload(name)),
            (Method::Delete, false) => Ok(Self::CancelUpload(name)),
            _ => Err(Reason::MethodNotAllowed),
        }
    }

    /// The repository that the path names, if it names one.
    #[must_use]
    pub const fn repository(&self) -> Option<&Repository<'a>> {
        match self {
            Self::Base
            | Self::Catalog(_)
            | Self::Extension
            | Self::Token
            | Self::Login(_)
            | Self::Public => None,
            Self::Tags(name)
            | Self::PullManifest(name, _)
            | Self::PushManifest(name, _, _)
            | Self::DeleteManifest(name, _)
            | Self::PullBlob(name)
            | Self::DeleteBlob(name)
            | Self::StartUpload(name, _)
            | Self::UploadStatus(name)
            | Self::ContinueUpload(name)
            | Self::CancelUpload(name)
            | Self::Referrers(name) => Some(name),
        }
    }
}

/// Returns true if a raw `:path` is `/v2` or below it, well-formed or not.
#[must_use]
pub fn is_registry_target(target: &[u8]) -> bool {
    target
        .strip_prefix(b"/v2")
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'/' | b'?')))
}

fn parse_reference(text: &str) -> Result<Reference<'_>, Reason> {
    if is_tag(text) {
        return Ok(Reference::Tag(text));
    }
    if text.contains(':') || text.contains('%') {
        Digest::parse(text).map(Reference::Digest)
    } else {
        Err(Reason::TagInvalid)
    }
}

/// Trimmed and without repetition, empty ones left out, as zot reads them of a push by digest; an
/// invalid one refuses the request, since a registry that reads it otherwise would set a tag that
/// the policy was not asked about. Of a push by tag they are read too: how a registry uses them
/// there is not known.
fn tags_of(query: &Query<'_>) -> Result<Vec<String>, Reason> {
    let mut tags: Vec<String> = Vec::new();
    for (count, value) in query.values_as_any_server_reads("tag").enumerate() {
        let tag = value.trim();
        if count >= MAX_TAGS || !(tag.is_empty() || is_tag(tag)) {
            return Err(Reason::TagInvalid);
        }
        if !tag.is_empty() && !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    Ok(tags)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
