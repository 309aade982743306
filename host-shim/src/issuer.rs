//! Fetches the keys of an OIDC issuer: discovery, then the JWKS (`OpenID` Connect Discovery 1.0
//! section 4).

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use hyper::header::{CACHE_CONTROL, HeaderValue};
use registry_auth_engine::config::raw::Oidc;
use registry_auth_engine::keys::fetch::{
    Document, KeyFetch, KeyFetchError, KeyRequest, ResponseError, ResponseHead, Step,
};
use registry_auth_engine::url::{BaseUrl, HttpUrl};
use rustls::ClientConfig;

use crate::fetch::{self, GetError};
use crate::keys::SourceKeys;
use crate::source::{Failure, FetchError, Fetched, Source};
use crate::token::{self, TokenError};
use crate::trust::{Authorities, TrustError};

/// An issuer, and how to fetch its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Issuer {
    name: String,
    first: KeyRequest,
    authorities: Authorities,
    token_file: Option<PathBuf>,
}

/// Why the keys of an issuer could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IssuerError {
    /// The bearer token cannot be read.
    #[error("`tokenFile` cannot be used: {0}")]
    Token(#[from] TokenError),
    /// There is no response.
    #[error("fetching {document} failed: {error}")]
    Get {
        /// Which document.
        document: Document,
        /// Why there is none.
        error: GetError,
    },
    /// A host that the discovery document names denies access, and the token was not sent to it.
    #[error(
        "fetching the JWKS failed: status {0}; the token was not sent, because the JWKS is on another host than the issuer: set `certificateAuthority` for that host, or `jwksUri`"
    )]
    Withheld(u16),
    /// A response cannot be used.
    #[error("{0}")]
    Fetch(#[from] KeyFetchError),
    /// The task that reads the files has ended early.
    #[error("reading the files of the issuer failed")]
    Files,
}

/// The content of the files at the time of a fetch.
struct Credentials {
    tls: Result<Arc<ClientConfig>, TrustError>,
    authorization: Option<HeaderValue>,
}

impl Issuer {
    /// Returns the issuer of an entry of a checked configuration; `None` if its keys are not
    /// pushed, or it has no URL to fetch from.
    pub(crate) fn of(oidc: &Oidc) -> Option<Self> {
        oidc.is_pushed().then(|| Self::reached(oidc)).flatten()
    }

    /// As [`of`](Self::of), whoever fetches the keys otherwise.
    pub(crate) fn reached(oidc: &Oidc) -> Option<Self> {
        let first = match oidc.jwks_uri.as_deref() {
            Some(jwks_uri) => KeyRequest::keys(HttpUrl::parse(jwks_uri).ok()?),
            None => KeyRequest::discovery(&BaseUrl::parse(&oidc.issuer).ok()?),
        };
        Some(Self {
            name: oidc.issuer.clone(),
            first,
            authorities: match (
                &oidc.certificate_authority,
                &oidc.certificate_authority_file,
            ) {
                (Some(text), _) => Authorities::Text(text.clone()),
                (None, Some(path)) => Authorities::File(path.into()),
                (None, None) => Authorities::System,
            },
            token_file: oidc.token_file.as_ref().map(PathBuf::from),
        })
    }

    /// Reads the files, which may have been replaced, on the blocking pool: the runtime has a
    /// single thread.
    async fn credentials(&self) -> Result<Credentials, IssuerError> {
        let (authorities, token_file) = (self.authorities.clone(), self.token_file.clone());
        let read = move || {
            let tls = authorities.client_config();
            let authorization = token_file
                .as_deref()
                .map(token::authorization)
                .transpose()?;
            Ok(Credentials { tls, authorization })
        };
        tokio::task::spawn_blocking(read)
            .await
            .unwrap_or(Err(IssuerError::Files))
    }

    /// Sends the request of a fetch, and reads the response.
    async fn advance(
        &self,
        fetch: KeyFetch,
        credentials: &Credentials,
    ) -> Result<Step, IssuerError> {
        let KeyRequest { document, url } = fetch.request();
        let document = *document;
        let shown = credentials
            .authorization
            .as_ref()
            .filter(|_| self.may_see_token(url));
        let withheld = credentials.authorization.is_some() && shown.is_none();
        let answer = fetch::get(url, &credentials.tls, shown)
            .await
            .map_err(|error| IssuerError::Get { document, error })?;
        let status = answer.status().as_u16();
        if withheld && matches!(status, 401 | 403) {
            return Err(IssuerError::Withheld(status));
        }
        let cache_control = answer.headers().get(CACHE_CONTROL);
        let head = ResponseHead {
            status: Some(status),
            length: answer.body().len(),
            cache_control: cache_control.map(HeaderValue::as_bytes),
        };
        Ok(fetch.head(&head)?.body(answer.body())?)
    }

    /// Returns true if the token may be sent to the host of `url`: to the configured host always,
    /// to one that the discovery document names only if the configured authorities authenticate it
    /// (a Kubernetes API server names the address of a node).
    fn may_see_token(&self, url: &HttpUrl) -> bool {
        url.is_same_origin(&self.first.url) || (url.is_https() && self.authorities.are_configured())
    }
}

impl Source for Issuer {
    async fn fetch(&self) -> Result<Fetched, FetchError> {
        let credentials = self.credentials().await?;
        let mut fetch = KeyFetch::new(&self.name, &self.first);
        loop {
            match self.advance(fetch, &credentials).await? {
                Step::Next(next) => fetch = next,
                Step::Done(fetched) => {
                    return Ok(Fetched {
                        keys: SourceKeys::public(&fetched.keys, fetched.skipped),
                        again_after: Some(fetched.refresh_after),
                    });
                }
            }
        }
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

impl From<IssuerError> for FetchError {
    fn from(error: IssuerError) -> Self {
        let failure = match &error {
            IssuerError::Token(_)
            | IssuerError::Files
            | IssuerError::Get {
                error: GetError::Trust(_),
                ..
            } => Failure::File,
            IssuerError::Get {
                error: GetError::Unreachable(_),
                ..
            } => Failure::Unreachable,
            IssuerError::Get {
                error: GetError::Timeout,
                ..
            } => Failure::Timeout,
            IssuerError::Fetch(KeyFetchError::Response {
                error: ResponseError::Redirect(_) | ResponseError::Status(_),
                ..
            })
            | IssuerError::Withheld(_) => Failure::Refused,
            IssuerError::Get {
                error: GetError::TooLarge,
                ..
            }
            | IssuerError::Fetch(_) => Failure::Unusable,
        };
        Self::new(failure, &error)
    }
}
