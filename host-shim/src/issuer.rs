//! Fetches the keys of an OIDC issuer: discovery, then the JWKS (`OpenID` Connect Discovery 1.0
//! section 4).

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use registry_auth_engine::config::raw::Oidc;
use registry_auth_engine::keys::KeysError;
use registry_auth_engine::keys::cache::refresh_after;
use registry_auth_engine::keys::discovery::{Discovery, DiscoveryError, WELL_KNOWN};
use registry_auth_engine::url::{BaseUrl, HttpUrl};
use rustls::ClientConfig;

use crate::fetch::{self, GetError};
use crate::keys;
use crate::source::{Failure, FetchError, Fetched, Source};
use crate::token::{self, TokenError};
use crate::trust::{Authorities, TrustError};

/// An issuer, and how to fetch its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Issuer {
    name: String,
    first: HttpUrl,
    discovers: bool,
    authorities: Authorities,
    token_file: Option<PathBuf>,
}

/// A document of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    /// The discovery document, which names the address of the JWKS.
    Discovery,
    /// The JWKS.
    Keys,
}

/// Why the keys of an issuer could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IssuerError {
    /// The bearer token cannot be read.
    #[error("`tokenFile` cannot be used: {0}")]
    Token(#[from] TokenError),
    /// A document cannot be fetched.
    #[error("fetching {document} failed: {error}")]
    Get {
        /// Which document.
        document: Document,
        /// Why it cannot be fetched.
        error: GetError,
    },
    /// A host that the discovery document names denies access, and the token was not sent to it.
    #[error(
        "fetching the JWKS failed: status {0}; the token was not sent, because the JWKS is on another host than the issuer: set `certificateAuthority` for that host, or `jwksUri`"
    )]
    Withheld(u16),
    /// The discovery document is invalid.
    #[error("{0}")]
    Discovery(#[from] DiscoveryError),
    /// The JWKS has no usable key, or is invalid.
    #[error("the JWKS of the issuer cannot be used: {0}")]
    Keys(#[from] KeysError),
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
        if !oidc.is_pushed() {
            return None;
        }
        let first = match oidc.jwks_uri.as_deref() {
            Some(jwks_uri) => HttpUrl::parse(jwks_uri).ok()?,
            None => BaseUrl::parse(&oidc.issuer).ok()?.join(WELL_KNOWN),
        };
        Some(Self {
            name: oidc.issuer.clone(),
            first,
            discovers: oidc.jwks_uri.is_none(),
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

    /// Returns the address of the JWKS, from the configuration or from discovery.
    async fn jwks_uri(&self, credentials: &Credentials) -> Result<HttpUrl, IssuerError> {
        if !self.discovers {
            return Ok(self.first.clone());
        }
        let answer = self
            .get(Document::Discovery, &self.first, credentials)
            .await?;
        Ok(Discovery::parse(answer.body(), &self.name)?.jwks_uri)
    }

    async fn get(
        &self,
        document: Document,
        url: &HttpUrl,
        credentials: &Credentials,
    ) -> Result<Response<Bytes>, IssuerError> {
        let shown = credentials
            .authorization
            .as_ref()
            .filter(|_| self.may_see_token(url));
        let withheld = credentials.authorization.is_some() && shown.is_none();
        match fetch::get(url, &credentials.tls, shown).await {
            Err(GetError::Status(status @ (401 | 403))) if withheld => {
                Err(IssuerError::Withheld(status))
            }
            Err(error) => Err(IssuerError::Get { document, error }),
            Ok(answer) => Ok(answer),
        }
    }

    /// Returns true if the token may be sent to the host of `url`: to the configured host always,
    /// to one that the discovery document names only if the configured authorities authenticate it
    /// (a Kubernetes API server names the address of a node).
    fn may_see_token(&self, url: &HttpUrl) -> bool {
        url.is_same_origin(&self.first) || (url.is_https() && self.authorities.are_configured())
    }
}

impl Source for Issuer {
    async fn fetch(&self) -> Result<Fetched, FetchError> {
        let credentials = self.credentials().await?;
        let jwks_uri = self.jwks_uri(&credentials).await?;
        let answer = self.get(Document::Keys, &jwks_uri, &credentials).await?;
        let keys = keys::from_jwks(answer.body()).map_err(IssuerError::from)?;
        let cached = answer
            .headers()
            .get(CACHE_CONTROL)
            .map(HeaderValue::as_bytes);
        Ok(Fetched {
            keys,
            again_after: Some(refresh_after(cached)),
        })
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
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
            IssuerError::Get {
                error: GetError::Redirect(_) | GetError::Status(_),
                ..
            }
            | IssuerError::Withheld(_) => Failure::Refused,
            IssuerError::Get {
                error: GetError::TooLarge,
                ..
            }
            | IssuerError::Discovery(_)
            | IssuerError::Keys(_) => Failure::Unusable,
        };
        Self::new(failure, &error)
    }
}
