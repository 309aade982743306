//! Asking the registry itself: whether a tag exists, what its catalog holds.

use std::time::Duration;

use registry_auth::catalog::{Listing, UpstreamPage};
use registry_auth::facts::{Gathered, TagAnswer, TagName};
use registry_auth::token_endpoint::scope::{Scope, ScopeAction};

use crate::head::Head;
use crate::host::{self, HostError};

const TAG_TIMEOUT: Duration = Duration::from_millis(2_500);
const PAGE_TIMEOUT: Duration = Duration::from_secs(20);
/// The most that is read of a page: a thousand names of greatest length, and room.
const MAX_PAGE: usize = 1024 * 1024;
/// Registries tell manifests apart by what a client accepts, and some answer 404 to one that accepts too little.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, */*";

/// A question that the engine has.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    /// Whether a tag exists.
    Tag(TagName),
    /// The next page of the catalog.
    Catalog(Listing),
}

/// The registry, as the proxy knows it.
pub(crate) struct Upstream {
    /// The proxy's name for it.
    pub(crate) cluster: String,
    /// `Authorization` for it.
    pub(crate) authorization: Option<String>,
}

impl Upstream {
    /// Asks with the configured `Authorization`, or else with `own`; the answer comes to the effective context under the returned
    /// number.
    pub(crate) fn ask(&self, question: &Question, head: &Head, own: Option<&str>) -> Result<u32, HostError> {
        let (method, target, accept, timeout) = match question {
            Question::Tag(TagName { repository, tag }) => {
                ("HEAD", format!("/v2/{repository}/manifests/{tag}"), MANIFESTS, TAG_TIMEOUT)
            }
            Question::Catalog(listing) => ("GET", listing.target(), "application/json", PAGE_TIMEOUT),
        };
        let authority = std::str::from_utf8(head.authority()).unwrap_or_default();
        let mut headers = vec![
            (":method", method),
            (":path", &target),
            (":authority", if authority.is_empty() { &self.cluster } else { authority }),
            ("accept", accept),
            ("user-agent", "registry-auth"),
        ];
        if let Some(value) = self.authorization.as_deref().or(own) {
            headers.push(("authorization", value));
        }
        host::call(&self.cluster, &headers, timeout)
    }
}

impl Question {
    /// What it needs of a registry that wants tokens.
    pub(crate) fn scope(&self) -> Scope {
        match self {
            Self::Tag(name) => Scope::Repository(name.repository.clone(), vec![ScopeAction::Pull]),
            Self::Catalog(_) => Scope::Catalog,
        }
    }

    /// Reads the answer of the effective context's callout. Whatever is wrong with it is an answer too.
    pub(crate) fn read(self, body_size: usize, gathered: &mut Gathered) {
        let Ok(headers) = host::callout_headers() else { return self.fail(gathered) };
        let status = headers.first(":status").and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
        let status = status.unwrap_or(0);
        match self {
            Self::Tag(name) => gathered.tags.push((
                name,
                match status {
                    200 => TagAnswer::Exists,
                    404 => TagAnswer::Missing,
                    _ => TagAnswer::Unknown,
                },
            )),
            Self::Catalog(listing) => {
                let body = if body_size > MAX_PAGE { None } else { host::callout_body(MAX_PAGE).ok() };
                let page =
                    body.map(|body| UpstreamPage { status, link: headers.first("link").map(<[u8]>::to_vec), body });
                gathered.catalog = Some((listing, page.unwrap_or_default()));
            }
        }
    }

    /// There is no answer.
    pub(crate) fn fail(self, gathered: &mut Gathered) {
        match self {
            Self::Tag(name) => gathered.tags.push((name, TagAnswer::Unknown)),
            Self::Catalog(listing) => gathered.catalog = Some((listing, UpstreamPage::default())),
        }
    }
}
