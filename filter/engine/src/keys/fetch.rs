//! How the keys of an issuer are fetched: discovery, unless the address of the JWKS is configured,
//! then the JWKS (`OpenID` Connect Discovery 1.0 section 4). Decisions only: the host sends the
//! requests.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::algorithm::Algorithm;
use super::cache::refresh_after;
use super::discovery::{Discovery, DiscoveryError, WELL_KNOWN};
use super::{KeySet, KeysError, MAX_TEXT, Skipped};
use crate::url::{BaseUrl, HttpUrl};

/// Header fields of each request, besides those of the connection.
pub const HEADERS: [(&str, &str); 2] = [
    ("accept", "application/json, application/jwk-set+json"),
    ("user-agent", "registry-auth"),
];

/// A document of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// The discovery document, which names the address of the JWKS.
    Discovery,
    /// The JWKS.
    Keys,
}

/// A GET request for a document, with [`HEADERS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRequest {
    /// What is asked for.
    pub document: Document,
    /// Where it is.
    pub url: HttpUrl,
}

impl KeyRequest {
    /// For the discovery document of an issuer.
    #[must_use]
    pub fn discovery(issuer: &BaseUrl) -> Self {
        Self {
            document: Document::Discovery,
            url: issuer.join(WELL_KNOWN),
        }
    }

    /// For the JWKS at an address.
    #[must_use]
    pub const fn keys(url: HttpUrl) -> Self {
        Self {
            document: Document::Keys,
            url,
        }
    }
}

/// A fetch that waits for the response to its request.
#[derive(Clone, Debug)]
pub struct KeyFetch {
    issuer: String,
    request: KeyRequest,
    algorithms: Option<Arc<[Algorithm]>>,
}

/// The head of a response.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// The status; absent if there is no response, in time or at all.
    pub status: Option<u16>,
    /// The bytes of the body.
    pub length: usize,
    /// The header field `Cache-Control`.
    pub cache_control: Option<&'a [u8]>,
}

/// A fetch whose response has a head that is accepted; its body is next.
#[derive(Debug)]
pub struct KeyResponse {
    fetch: KeyFetch,
    refresh_after: Duration,
}

/// What follows from a response.
#[derive(Debug)]
pub enum Step {
    /// The fetch goes on with the next request.
    Next(KeyFetch),
    /// The fetch is complete.
    Done(FetchedJwks),
}

/// The keys of an issuer.
#[derive(Debug)]
pub struct FetchedJwks {
    /// The keys.
    pub keys: KeySet,
    /// The algorithms that the discovery document announced, if it was asked for.
    pub algorithms: Option<Arc<[Algorithm]>>,
    /// The entries that were left out.
    pub skipped: Vec<Skipped>,
    /// How long after now to fetch the keys again, by `Cache-Control` of the JWKS.
    pub refresh_after: Duration,
}

/// Why a fetch has failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFetchError {
    /// The response cannot be used.
    #[error("fetching {document} failed: {error}")]
    Response {
        /// What was asked for.
        document: Document,
        /// What is wrong with the response.
        error: ResponseError,
    },
    /// The discovery document is invalid.
    #[error("{0}")]
    Discovery(#[from] DiscoveryError),
    /// The JWKS is invalid, or has no usable key.
    #[error("the JWKS of the issuer cannot be used: {0}")]
    Keys(#[from] KeysError),
}

/// Why a response cannot be used, whatever its body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// There is none.
    #[error("no response in time, or no connection")]
    Missing,
    /// A redirect. It is not followed: `jwks_uri` is the only way to name another address.
    #[error("status {0}, redirects are not followed")]
    Redirect(u16),
    /// Any other status than 200.
    #[error("status {0}")]
    Status(u16),
    /// The body is longer than the limit.
    #[error("the response is longer than {MAX_TEXT} bytes")]
    TooLarge,
}

impl KeyFetch {
    /// Starts with the first request of a fetch for `issuer`, which the discovery document must
    /// name exactly.
    #[must_use]
    pub fn new(issuer: &str, first: &KeyRequest) -> Self {
        Self {
            issuer: issuer.to_owned(),
            request: first.clone(),
            algorithms: None,
        }
    }

    /// The request to send now.
    #[must_use]
    pub const fn request(&self) -> &KeyRequest {
        &self.request
    }

    /// The error of this fetch if `error` is what is wrong with its response.
    #[must_use]
    pub const fn failed(&self, error: ResponseError) -> KeyFetchError {
        KeyFetchError::Response {
            document: self.request.document,
            error,
        }
    }

    /// Reads the head of the response. The body is worth reading only after that.
    ///
    /// # Errors
    /// [`KeyFetchError::Response`]: no response, a status other than 200, or a body of more than
    /// [`MAX_TEXT`] bytes.
    pub fn head(self, head: &ResponseHead<'_>) -> Result<KeyResponse, KeyFetchError> {
        match head.status {
            None => Err(self.failed(ResponseError::Missing)),
            Some(200) if head.length > MAX_TEXT => Err(self.failed(ResponseError::TooLarge)),
            Some(200) => Ok(KeyResponse {
                fetch: self,
                refresh_after: refresh_after(head.cache_control),
            }),
            Some(status @ 300..=399) => Err(self.failed(ResponseError::Redirect(status))),
            Some(status) => Err(self.failed(ResponseError::Status(status))),
        }
    }
}

impl KeyResponse {
    /// Reads the body of the response.
    ///
    /// # Errors
    /// The document is invalid, or is a JWKS without a usable key. The message names what was
    /// wrong, never content.
    pub fn body(self, body: &[u8]) -> Result<Step, KeyFetchError> {
        let fetch = self.fetch;
        match fetch.request.document {
            Document::Discovery => {
                let found = Discovery::parse(body, &fetch.issuer)?;
                Ok(Step::Next(KeyFetch {
                    issuer: fetch.issuer,
                    request: KeyRequest::keys(found.jwks_uri),
                    algorithms: Some(found.algorithms.into()),
                }))
            }
            Document::Keys => {
                let loaded = KeySet::from_jwks(body)?;
                Ok(Step::Done(FetchedJwks {
                    keys: loaded.keys,
                    algorithms: fetch.algorithms,
                    skipped: loaded.skipped,
                    refresh_after: self.refresh_after,
                }))
            }
        }
    }
}

impl fmt::Display for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Discovery => "the discovery document",
            Self::Keys => "the JWKS",
        })
    }
}

#[cfg(test)]
mod tests;
