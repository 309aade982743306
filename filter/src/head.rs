//! A request head as the host gave it, kept while the request waits.

use registry_auth_engine::authn::credential::{Credential, Passwords};
use registry_auth_engine::engine::Engine;
use registry_auth_engine::fields::Fields;
use registry_auth_engine::login::UI_HEADER;
use registry_auth_engine::reply::ReplyTo;
use registry_auth_engine::request::{CertificateSummary, Connection, RequestHead};

use crate::attribute;
use crate::client;
use crate::host::{self, HostError};

/// By which the proxy's access log knows the request, and traces do.
const REQUEST_ID: &str = "x-request-id";

/// A connection of which nothing is read.
const NO_CONNECTION: Connection<'_> = Connection {
    peer: &[],
    tls_version: &[],
    mtls: false,
    certificate: &[],
    summary: None,
};

/// Headers and connection attributes of one request.
pub(crate) struct Head {
    headers: Fields,
    /// Bytes that the host holds of it.
    sent: usize,
    /// Values that are not read again were dropped.
    is_reduced: bool,
    /// Which of the others are read.
    reads: Reads,
    /// Attributes of the connection, if the engine reads some.
    connection: Option<Box<Attributes>>,
    /// The address of the client, where guesses are counted by it.
    client: Option<Box<str>>,
}

/// Header fields that only some configurations read.
#[derive(Clone, Copy)]
struct Reads {
    /// Conditions read headers about the client.
    client: bool,
    /// People log in: the session of a browser is read, and what says that it is a user interface.
    login: bool,
    /// Decisions are recorded with the address of the client.
    records: bool,
}

/// What the host says about a connection.
struct Attributes {
    peer: Vec<u8>,
    tls_version: Vec<u8>,
    mtls: bool,
    certificate: Vec<u8>,
    summary: Option<Summary>,
}

/// What Envoy before 1.38 says of a certificate instead of passing it.
#[derive(Default)]
struct Summary {
    digest: Vec<u8>,
    uri: Option<Vec<u8>>,
    dns: Option<Vec<u8>>,
    subject: Vec<u8>,
}

impl Summary {
    /// Reads what the engine reads, if it can do with that.
    fn read(engine: &Engine) -> Result<Option<Self>, HostError> {
        let Some(needs) = engine.summary_needs() else {
            return Ok(None);
        };
        let read = |needed: bool, path: &str| {
            if needed {
                host::property_if_any(path)
            } else {
                Ok(None)
            }
        };
        Ok(Some(Self {
            digest: host::property(attribute::CERTIFICATE_DIGEST)?,
            uri: read(needs.uri, attribute::CERTIFICATE_URI)?,
            dns: read(needs.dns, attribute::CERTIFICATE_DNS)?,
            subject: read(needs.subject, attribute::CERTIFICATE_SUBJECT)?.unwrap_or_default(),
        }))
    }

    fn view(&self) -> CertificateSummary<'_> {
        CertificateSummary {
            digest: &self.digest,
            uri: self.uri.as_deref(),
            dns: self.dns.as_deref(),
            subject: &self.subject,
        }
    }

    fn size(&self) -> usize {
        let name = |name: &Option<Vec<u8>>| name.as_ref().map_or(0, Vec::len);
        self.digest.len() + name(&self.uri) + name(&self.dns) + self.subject.len()
    }
}

impl Attributes {
    /// Reads those that the engine reads.
    fn read(engine: &Engine) -> Result<Self, HostError> {
        let read = |needed: bool, path: &str| {
            if needed {
                host::property(path)
            } else {
                Ok(Vec::new())
            }
        };
        let connection = engine.reads_connection();
        let certificate = read(engine.reads_certificate(), attribute::CERTIFICATE)?;
        let lacks_text = engine.reads_certificate() && certificate.is_empty();
        // A bool is one byte. A host that does not know the certificate's text may know that there
        // is one.
        let mtls = read(lacks_text, attribute::MTLS)?.contains(&1);
        Ok(Self {
            peer: read(connection, attribute::SOURCE_ADDRESS)?,
            tls_version: read(connection, attribute::TLS_VERSION)?,
            mtls,
            certificate,
            summary: if mtls { Summary::read(engine)? } else { None },
        })
    }

    fn view(&self) -> Connection<'_> {
        Connection {
            peer: &self.peer,
            tls_version: &self.tls_version,
            mtls: self.mtls,
            certificate: &self.certificate,
            summary: self.summary.as_ref().map(Summary::view),
        }
    }

    fn size(&self) -> usize {
        let summary = self.summary.as_ref().map_or(0, Summary::size);
        self.peer.len() + self.tls_version.len() + self.certificate.len() + summary
    }

    const fn has_certificate(&self) -> bool {
        self.mtls || !self.certificate.is_empty()
    }
}

impl Head {
    /// Reads the effective context's head; of the connection only what the engine reads.
    /// The address of the client is kept for records.
    pub(crate) fn read(
        engine: &Engine,
        proxy_sets_address: bool,
        records: bool,
    ) -> Result<Self, HostError> {
        let headers = host::request_headers()?;
        let sent = headers.size();
        let reads_connection = engine.reads_connection() || engine.reads_certificate();
        let connection = if reads_connection {
            Some(Box::new(Attributes::read(engine)?))
        } else {
            None
        };
        let client = if engine.takes_logins() && may_have_password(&headers) {
            client::read(&headers, proxy_sets_address).map(Into::into)
        } else {
            None
        };
        Ok(Self {
            headers,
            sent,
            client,
            is_reduced: false,
            reads: Reads {
                client: engine.reads_headers(),
                login: engine.takes_logins(),
                records,
            },
            connection,
        })
    }

    /// The head as the engine reads it; what it does not read is left empty.
    pub(crate) fn view(&self) -> RequestHead<'_> {
        let method = self.method();
        let all = |needed: bool, name: &str| {
            if needed {
                self.headers.all(name).collect()
            } else {
                Vec::new()
            }
        };
        RequestHead {
            method,
            path: self.target(),
            authorization: all(true, "authorization"),
            content_types: all(matches!(method, b"POST" | b"PUT"), "content-type"),
            user_agent: if self.reads.client {
                self.first("user-agent")
            } else {
                &[]
            },
            forwarded_for: all(self.reads.client, "x-forwarded-for"),
            cookies: all(self.reads.login, "cookie"),
            api_client: if self.reads.login {
                self.first(UI_HEADER.0)
            } else {
                &[]
            },
            client: self.client.as_deref().unwrap_or_default(),
            connection: self
                .connection
                .as_deref()
                .map_or(NO_CONNECTION, Attributes::view),
        }
    }

    /// What a reply to the request depends on.
    pub(crate) fn reply_to(&self) -> ReplyTo<'_> {
        ReplyTo {
            method: self.method(),
            target: self.target(),
            id: self.first(REQUEST_ID),
            trace: "",
        }
    }

    /// Drops the values that are not read after a wait. All names stay: which fields are removed
    /// from the head is decided by name.
    pub(crate) fn reduce(&mut self) {
        if !self.is_reduced {
            let reads = self.reads;
            self.headers = self.headers.keeping(|name| is_read(name, reads));
            self.is_reduced = true;
        }
    }

    /// How many bytes are held for it, here and at the host.
    pub(crate) fn size(&self) -> usize {
        self.sent
            + self.headers.size()
            + self.connection.as_deref().map_or(0, Attributes::size)
            + self.client.as_deref().map_or(0, str::len)
    }

    /// Returns true if the client presents a credential or a certificate. The token `anonymous` and
    /// empty Basic credentials are none: with them, strangers would take the room of those who are
    /// known.
    pub(crate) fn presents_credential(&self) -> bool {
        let sent: Vec<_> = self.headers.all("authorization").collect();
        let passwords = if self.reads.login {
            Passwords::OfUsers
        } else {
            Passwords::Tokens
        };
        let presented = matches!(
            Credential::read(&sent, passwords),
            Ok(Credential::Token(_) | Credential::Password(_))
        );
        presented
            || self
                .connection
                .as_deref()
                .is_some_and(Attributes::has_certificate)
    }

    /// Returns true if the host knows of a client certificate and says too little of it.
    pub(crate) fn lacks_certificate(&self) -> bool {
        let attributes = self.connection.as_deref();
        attributes.is_some_and(|known| {
            known.mtls && known.certificate.is_empty() && known.summary.is_none()
        })
    }

    /// The method; empty when there is none.
    pub(crate) fn method(&self) -> &[u8] {
        self.first(":method")
    }

    /// The client's `Authorization`, if it is text.
    pub(crate) fn authorization(&self) -> Option<String> {
        let value = std::str::from_utf8(self.first("authorization")).ok()?;
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// The raw `:path`; empty when there is none.
    pub(crate) fn target(&self) -> &[u8] {
        self.first(":path")
    }

    /// All header fields, as the client sent them.
    pub(crate) const fn fields(&self) -> &Fields {
        &self.headers
    }

    fn first(&self, name: &str) -> &[u8] {
        self.headers.first(name).unwrap_or_default()
    }
}

/// Returns true if a password may be presented: by Basic, or in a form. A token needs no address, so
/// that nothing is paid for it.
fn may_have_password(headers: &Fields) -> bool {
    const BASIC: &[u8] = b"basic";
    match headers.first("authorization") {
        Some(value) => value
            .trim_ascii_start()
            .get(..BASIC.len())
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case(BASIC)),
        None => headers.first(":method") == Some(b"POST"),
    }
}

/// Returns true if the value of a field may be read after a wait. Some registries take `_` for `-`
/// in names.
fn is_read(name: &[u8], reads: Reads) -> bool {
    const ALWAYS: [&[u8]; 6] = [
        b":authority",
        b":method",
        b":path",
        b"authorization",
        b"content-type",
        REQUEST_ID.as_bytes(),
    ];
    const CLIENT: [&[u8]; 2] = [b"user-agent", b"x-forwarded-for"];
    const RECORDS: [&[u8]; 1] = [b"x-forwarded-for"];
    const LOGIN: [&[u8]; 3] = [b"cookie", UI_HEADER.0.as_bytes(), b"x-forwarded-for"];
    let folded = |byte: &u8| {
        if byte.is_ascii_alphanumeric() || *byte == b':' {
            byte.to_ascii_lowercase()
        } else {
            b'-'
        }
    };
    let is = |known: &&[u8]| name.iter().map(folded).eq(known.iter().copied());
    ALWAYS.iter().any(is)
        || (reads.client && CLIENT.iter().any(is))
        || (reads.login && LOGIN.iter().any(is))
        || (reads.records && RECORDS.iter().any(is))
}
