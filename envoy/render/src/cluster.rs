//! A server that the proxy connects to, and what it requires of its certificate.

use std::net::IpAddr;

use registry_auth_engine::url::HttpUrl;

/// What Envoy calls a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The name by which the filter asks for it.
    pub name: String,
    /// Where it is.
    pub endpoint: Endpoint,
    /// TLS, and which certificate is accepted; plain HTTP when absent.
    pub tls: Option<ClientTls>,
}

/// An address to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A name or an address without brackets, and a port.
    Host(String, u16),
    /// The path of a socket.
    Unix(String),
}

/// TLS as a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTls {
    /// The name or address that the server's certificate must have.
    pub server: String,
    /// Which authorities vouch for it.
    pub trust: Trust,
    /// What the client shows.
    pub certificate: Option<Certificate>,
}

/// Which authorities are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Those of the system.
    System,
    /// Those in the PEM file at this path.
    File(String),
    /// Those of this PEM text.
    Text(String),
}

/// A certificate with its private key: paths of PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate, followed by those of its authorities.
    pub chain: String,
    /// The private key.
    pub key: String,
}

impl Cluster {
    /// Returns the cluster of the server of `url`, with TLS if it is https.
    #[must_use]
    pub fn of(name: &str, url: &HttpUrl, trust: Trust) -> Self {
        Self {
            name: name.to_owned(),
            endpoint: Endpoint::Host(url.host().to_owned(), url.port()),
            tls: url.is_https().then(|| ClientTls {
                server: url.host().to_owned(),
                trust,
                certificate: None,
            }),
        }
    }

    /// Returns true if both lead to the same server in the same way, whatever their names are.
    #[must_use]
    pub fn is_same_server(&self, other: &Self) -> bool {
        (&self.endpoint, &self.tls) == (&other.endpoint, &other.tls)
    }
}

impl ClientTls {
    /// Returns true if the server has an address instead of a name: none is sent as SNI (RFC 6066
    /// section 3), and the certificate must have it as an address.
    #[must_use]
    pub fn is_address(&self) -> bool {
        self.server.parse::<IpAddr>().is_ok()
    }
}
