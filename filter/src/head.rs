//! A request head as the host gave it, kept while the request waits.

use registry_auth::engine::Engine;
use registry_auth::fields::Fields;
use registry_auth::request::{Connection, RequestHead};

use crate::host::{self, HostError};

/// Headers and connection attributes of one request.
pub(crate) struct Head {
    headers: Fields,
    /// Conditions look at what is said of the client.
    told: bool,
    peer: Vec<u8>,
    tls_version: Vec<u8>,
    mtls: bool,
    certificate: Vec<u8>,
}

impl Head {
    /// Reads the effective context's head; of the connection only what the engine looks at.
    pub(crate) fn read(engine: &Engine) -> Result<Self, HostError> {
        let headers = host::request_headers()?;
        let read = |needed: bool, path: &str| {
            if needed { host::property(path) } else { Ok(Vec::new()) }
        };
        let connection = engine.reads_connection();
        let certificate = read(engine.reads_certificate(), "connection\0peer_certificate")?;
        let untold = engine.reads_certificate() && certificate.is_empty();
        Ok(Self {
            headers,
            told: engine.reads_headers(),
            peer: read(connection, "source\0address")?,
            tls_version: read(connection, "connection\0tls_version")?,
            // A bool is one byte. A host that does not know the certificate's text may know that there is one.
            mtls: read(untold, "connection\0mtls")?.contains(&1),
            certificate,
        })
    }

    /// The head as the engine reads it. What it does not look at is not looked for.
    pub(crate) fn view(&self) -> RequestHead<'_> {
        let method = self.method();
        let all = |needed: bool, name: &str| if needed { self.headers.all(name).collect() } else { Vec::new() };
        RequestHead {
            method,
            path: self.first(":path"),
            authorization: all(true, "authorization"),
            content_types: all(method == b"POST", "content-type"),
            user_agent: if self.told { self.first("user-agent") } else { &[] },
            forwarded_for: all(self.told, "x-forwarded-for"),
            connection: Connection {
                peer: &self.peer,
                tls_version: &self.tls_version,
                mtls: self.mtls,
                certificate: &self.certificate,
            },
        }
    }

    /// The method; empty when there is none.
    pub(crate) fn method(&self) -> &[u8] {
        self.first(":method")
    }

    /// `:authority`; empty when there is none.
    pub(crate) fn authority(&self) -> &[u8] {
        self.first(":authority")
    }

    /// The client's `Authorization`, if it is text.
    pub(crate) fn authorization(&self) -> Option<String> {
        let value = std::str::from_utf8(self.first("authorization")).ok()?;
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// The path without its query, for the log.
    pub(crate) fn path(&self) -> String {
        let path = self.first(":path").split(|byte| *byte == b'?').next().unwrap_or_default();
        String::from_utf8_lossy(path).into_owned()
    }

    /// Whether the client sent a header.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.first(name).is_some()
    }

    fn first(&self, name: &str) -> &[u8] {
        self.headers.first(name).unwrap_or_default()
    }
}
