//! Questions to the registry: what is asked, and what follows from a response.
//!
//! A `404` says that a tag is missing, and a `200` that it exists, only if the registry itself says
//! so. A virtual host that does not know the name, a proxy in between or a web server answer with
//! the same statuses, and their answers must not choose between `create` and `update`.

use registry_auth_bytes::fields::Fields;
use serde_json::Value;

use crate::catalog::{Listing, UpstreamPage};
use crate::facts::{Gathered, TagAnswer, TagName};
use crate::scope::{Scope, ScopeAction};

/// Registries choose a manifest by what a client accepts, and some reply 404 to one that accepts
/// too little.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, */*";
/// The prefix of media types of manifests.
const MANIFEST_TYPES: [&str; 2] = [
    "application/vnd.oci.image.",
    "application/vnd.docker.distribution.manifest.",
];

/// Something that only the registry knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The existence of a tag.
    Tag(TagName),
    /// The existence of a registry: a 404 for this tag is no evidence of it.
    Registry(TagName),
    /// The next page of the catalog.
    Catalog(Listing),
}

/// A request without body that asks a question. The host adds where it goes to, and a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuestionRequest {
    /// `:method`.
    pub method: &'static str,
    /// `:path`.
    pub target: String,
    /// `accept`.
    pub accept: &'static str,
}

/// The response, as the host got it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuestionResponse {
    /// The header fields, `:status` among them.
    pub headers: Fields,
    /// The body, where [`Question::reads_body`] says that it is needed.
    pub body: Vec<u8>,
}

impl Question {
    /// How many bytes of text it holds.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Tag(name) | Self::Registry(name) => name.repository.len() + name.tag.len(),
            Self::Catalog(listing) => listing.size(),
        }
    }

    /// What to send.
    #[must_use]
    pub fn request(&self) -> QuestionRequest {
        let (method, target, accept) = match self {
            Self::Tag(TagName { repository, tag }) => (
                "HEAD",
                format!("/v2/{repository}/manifests/{tag}"),
                MANIFESTS,
            ),
            Self::Registry(_) => ("GET", "/v2/".to_owned(), "*/*"),
            Self::Catalog(listing) => ("GET", listing.target(), "application/json"),
        };
        QuestionRequest {
            method,
            target,
            accept,
        }
    }

    /// What a registry that wants tokens has to grant for it.
    #[must_use]
    pub fn scope(&self) -> Scope {
        match self {
            Self::Tag(name) | Self::Registry(name) => {
                Scope::Repository(name.repository.clone(), vec![ScopeAction::Pull])
            }
            Self::Catalog(_) => Scope::Catalog,
        }
    }

    /// Returns true if the result is in the body.
    #[must_use]
    pub const fn reads_body(&self) -> bool {
        matches!(self, Self::Catalog(_))
    }

    /// Records what follows from the response. Returns the question that has to be asked next if it
    /// is not conclusive.
    #[must_use]
    pub fn answer(self, response: QuestionResponse, gathered: &mut Gathered) -> Option<Self> {
        let status = response.status();
        match self {
            Self::Tag(name) => match status {
                200 if response.is_manifest() => tag(name, TagAnswer::Exists, gathered),
                404 if response.is_of_registry() => tag(name, TagAnswer::Missing, gathered),
                // Not every registry marks its errors (zot does not), and a response to HEAD has no
                // body that would.
                404 => Some(Self::Registry(name)),
                _ => tag(name, TagAnswer::Unknown, gathered),
            },
            Self::Registry(name) => {
                let answer = if matches!(status, 200 | 401) {
                    TagAnswer::Missing
                } else {
                    TagAnswer::Unknown
                };
                tag(name, answer, gathered)
            }
            Self::Catalog(listing) => {
                gathered.catalog = Some((listing, response.into_page(status)));
                None
            }
        }
    }

    /// Records that there is no response.
    pub fn fail(self, gathered: &mut Gathered) {
        match self {
            Self::Tag(name) | Self::Registry(name) => {
                gathered.tags.push((name, TagAnswer::Unknown));
            }
            Self::Catalog(listing) => gathered.catalog = Some((listing, UpstreamPage::default())),
        }
    }
}

fn tag(name: TagName, answer: TagAnswer, gathered: &mut Gathered) -> Option<Question> {
    gathered.tags.push((name, answer));
    None
}

impl QuestionResponse {
    /// The status; 0 if it has none.
    fn status(&self) -> u16 {
        let status = self
            .headers
            .first(":status")
            .and_then(|status| std::str::from_utf8(status).ok());
        status.and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// Returns true if the header of Docker's registry API is there, which all versions of
    /// Distribution send.
    fn is_of_registry(&self) -> bool {
        let version = self.text("docker-distribution-api-version");
        version
            .split_ascii_whitespace()
            .any(|version| version == "registry/2.0")
    }

    /// Returns true for the manifest that was asked for, and false for the page of some web server
    /// (OCI distribution spec, "Checking if content exists in the registry").
    fn is_manifest(&self) -> bool {
        let media_type = self.text("content-type");
        self.is_of_registry()
            || self.text("docker-content-digest").contains(':')
            || MANIFEST_TYPES
                .iter()
                .any(|prefix| media_type.starts_with(prefix))
    }

    /// Returns true if the body is an error of a registry (OCI distribution spec, "Error Codes").
    fn is_registry_error(&self) -> bool {
        let body: Option<Value> = serde_json::from_slice(&self.body).ok();
        body.is_some_and(|body| body.pointer("/errors/0/code").is_some_and(Value::is_string))
    }

    /// The page of a catalog. That there is no catalog is also something that only the registry can
    /// say.
    fn into_page(self, status: u16) -> UpstreamPage {
        if status != 200 && !self.is_of_registry() && !self.is_registry_error() {
            return UpstreamPage::default();
        }
        UpstreamPage {
            status,
            link: self.headers.first("link").map(<[u8]>::to_vec),
            body: self.body,
        }
    }

    fn text(&self, name: &str) -> &str {
        self.headers
            .first(name)
            .and_then(|value| std::str::from_utf8(value).ok())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
