//! What the engine reads of a request: borrowed bytes, exactly as the host has them.

/// The head of one request. Headers are bytes: nothing promises UTF-8.
#[derive(Clone, Debug, Default)]
pub struct RequestHead<'a> {
    /// `:method`.
    pub method: &'a [u8],
    /// The raw `:path`, query included.
    pub path: &'a [u8],
    /// Every value of `authorization`, in order.
    pub authorization: Vec<&'a [u8]>,
    /// Every value of `content-type`, in order; read of POST and PUT.
    pub content_types: Vec<&'a [u8]>,
    /// The first `user-agent`, or empty.
    pub user_agent: &'a [u8],
    /// Every value of `x-forwarded-for`, in order; not trusted.
    pub forwarded_for: Vec<&'a [u8]>,
    /// Every value of `cookie`, in order; read where people log in.
    pub cookies: Vec<&'a [u8]>,
    /// The first `x-zot-api-client`, or empty; read where people log in.
    pub api_client: &'a [u8],
    /// The address of the client, without port, or empty if the proxy does not know it; read where
    /// people log in, of requests with a password.
    pub client: &'a str,
    /// The connection; read by conditions and `mtls` only.
    pub connection: Connection<'a>,
}

/// Facts of the downstream connection, from the host's own attributes and never from headers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Connection<'a> {
    /// Address of the TCP peer, with or without a port.
    pub peer: &'a [u8],
    /// TLS version as the host writes it (`TLSv1.3`); empty without TLS.
    pub tls_version: &'a [u8],
    /// True if the peer has presented a certificate.
    pub mtls: bool,
    /// PEM of the peer's own certificate, as it is or percent-encoded; empty when there is none, or
    /// the host does not pass it.
    pub certificate: &'a [u8],
    /// What the host says of a certificate that it does not pass.
    pub summary: Option<CertificateSummary<'a>>,
}

/// Attributes of a client certificate, as hosts have them that do not pass it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CertificateSummary<'a> {
    /// SHA-256 of the DER, in hexadecimal.
    pub digest: &'a [u8],
    /// The first URI among the alternative names, if there is one.
    pub uri: Option<&'a [u8]>,
    /// The first DNS name among them, if there is one.
    pub dns: Option<&'a [u8]>,
    /// The subject in the form of RFC 2253, or empty.
    pub subject: &'a [u8],
}

/// The attributes of [`CertificateSummary`] that a configuration reads in addition to the digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SummaryNeeds {
    /// `uri`.
    pub uri: bool,
    /// `dns`.
    pub dns: bool,
    /// `subject`.
    pub subject: bool,
}

impl Connection<'_> {
    /// Returns true if the peer has presented a certificate, whether the host passes it or not.
    #[must_use]
    pub const fn has_certificate(&self) -> bool {
        self.mtls || !self.certificate.is_empty()
    }
}
