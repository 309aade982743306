//! The addresses under which browsers reach us. Providers compare them byte by byte with what was
//! registered.

use registry_auth_engine::url::{BaseUrl, UrlError};

/// The address of the registry for browsers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    /// Without a slash at the end.
    base: String,
    url: BaseUrl,
    is_configured: bool,
}

impl External {
    /// `http.externalUrl`, as it is written but for slashes at its end.
    ///
    /// # Errors
    /// It is no absolute http or https URL, or has a query.
    pub fn new(external_url: &str) -> Result<Self, UrlError> {
        Ok(Self {
            base: external_url.trim_end_matches('/').to_owned(),
            url: BaseUrl::parse(external_url)?,
            is_configured: true,
        })
    }

    /// Without `http.externalUrl`: `http.address` and `http.port`.
    ///
    /// # Errors
    /// They make no URL.
    pub fn of_listener(address: &str, port: &str, tls: bool) -> Result<Self, UrlError> {
        let scheme = if tls { "https" } else { "http" };
        let host = if address.contains(':') && !address.starts_with('[') {
            format!("[{address}]")
        } else {
            address.to_owned()
        };
        Ok(Self {
            is_configured: false,
            ..Self::new(&format!("{scheme}://{host}:{port}"))?
        })
    }

    /// Host and port of the registry for people, who asked with `host`: what is configured, else
    /// that, because an address that is listened at may be none to connect to (`0.0.0.0`).
    #[must_use]
    pub fn shown<'a>(&'a self, host: Option<&'a str>) -> &'a str {
        let own = self.url.url().authority();
        if self.is_configured {
            own
        } else {
            host.filter(|host| !host.is_empty()).unwrap_or(own)
        }
    }

    /// Whether browsers use TLS.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.url.url().is_https()
    }

    /// The path before ours, without a slash at its end: empty, if there is none.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.url.url().path().trim_end_matches('/')
    }

    /// The URL itself.
    #[must_use]
    pub const fn url(&self) -> &BaseUrl {
        &self.url
    }

    /// Where a provider sends the browser back to.
    #[must_use]
    pub fn redirect_uri(&self, provider: &str) -> String {
        format!("{}/zot/auth/callback/{provider}", self.base)
    }

    /// Where a provider sends the browser after it has ended its own session.
    #[must_use]
    pub fn after_logout(&self) -> String {
        format!("{}/login", self.base)
    }
}
