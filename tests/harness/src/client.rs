//! An HTTP/1.1 client that can send malformed requests too, and has a time limit for everything.

use std::io::{Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::tls;
use crate::upstream::latin1;

/// Maximum number of header fields of a response.
const MAX_FIELDS: usize = 64;

/// A request as bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The request target, raw.
    pub target: Vec<u8>,
    /// Header fields in order, raw. `host`, `connection: close` and the length of the body are
    /// added unless they are there.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Body,
    /// PEM of the certificate that the client shows over TLS.
    pub certificate: Option<String>,
}

/// The body of a request and how it is framed (RFC 9112 section 6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// None, and no `content-length`.
    #[default]
    None,
    /// With `content-length`.
    Sized(Vec<u8>),
    /// With `transfer-encoding: chunked`, one chunk each.
    Chunked(Vec<Vec<u8>>),
}

impl Body {
    /// Returns all bytes of the body.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Sized(bytes) => bytes.clone(),
            Self::Chunked(chunks) => chunks.concat(),
        }
    }
}

/// A response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Header fields in order, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, without its framing.
    pub body: Vec<u8>,
}

impl Request {
    /// Creates a request without a body. The characters of `target` are bytes, up to U+00FF.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: octets(target),
            ..Self::default()
        }
    }

    /// Adds a header field. The characters of `value` are bytes, up to U+00FF.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), octets(value)));
        self
    }

    /// Sets a body and its `content-length`.
    #[must_use]
    pub fn body(mut self, body: Vec<u8>) -> Self {
        self.body = Body::Sized(body);
        self
    }

    fn has(&self, name: &str) -> bool {
        self.headers
            .iter()
            .any(|(key, _)| key.eq_ignore_ascii_case(name))
    }

    /// Returns the bytes to send.
    fn encode(&self, address: SocketAddr) -> Vec<u8> {
        let mut bytes = [self.method.as_bytes(), b" ", &self.target, b" HTTP/1.1\r\n"].concat();
        let mut field = |name: &str, value: &[u8]| {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        };
        if !self.has("host") {
            field("host", address.to_string().as_bytes());
        }
        for (name, value) in &self.headers {
            field(name, value);
        }
        if !self.has("connection") {
            field("connection", b"close");
        }
        match &self.body {
            Body::None => {}
            Body::Sized(body) => field("content-length", body.len().to_string().as_bytes()),
            Body::Chunked(_) => field("transfer-encoding", b"chunked"),
        }
        bytes.extend(b"\r\n");
        match &self.body {
            Body::None => {}
            Body::Sized(body) => bytes.extend(body),
            Body::Chunked(chunks) => {
                for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
                    bytes.extend(
                        [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat(),
                    );
                }
                bytes.extend(b"0\r\n\r\n");
            }
        }
        bytes
    }
}

impl Response {
    /// Returns the first value of a header field; bytes that are not ASCII as Latin-1.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let field = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        field.map(|(_, value)| latin1(value))
    }
}

/// Sends one request over a new connection and reads its answer, all within `patience`.
///
/// The answer is read while the request is still being written: a refusal may come before the end
/// of a large body.
///
/// # Errors
/// There is no connection, no complete response in time, or the response is not HTTP/1.1.
pub fn send(address: SocketAddr, request: &Request, patience: Duration) -> Result<Response> {
    let deadline = Instant::now() + patience;
    let stream = connect(address, patience)?;
    let bytes = request.encode(address);
    let mut writer = stream.try_clone()?;
    std::thread::scope(|scope| {
        // Not an error by itself, since the peer may close early.
        scope.spawn(move || drop(writer.write_all(&bytes)));
        let response = receive(&mut &stream, &stream, request.method == "HEAD", deadline);
        drop(stream.shutdown(Shutdown::Both));
        response
    })
}

/// As [`send`], over TLS and with the certificate of the request. For small bodies: the answer is
/// read afterwards.
///
/// # Errors
/// As [`send`], or the handshake fails.
pub fn send_over_tls(
    address: SocketAddr,
    request: &Request,
    patience: Duration,
) -> Result<Response> {
    let deadline = Instant::now() + patience;
    let socket = connect(address, patience)?;
    socket.set_read_timeout(Some(patience))?;
    let mut stream = tls::connect(socket.try_clone()?, request.certificate.as_deref())?;
    stream.write_all(&request.encode(address))?;
    receive(&mut stream, &socket, request.method == "HEAD", deadline)
}

/// As [`send`], over TLS to a server on loopback whose authorities are in a file of PEM, for small
/// bodies.
///
/// # Errors
/// As [`send`], or the handshake fails.
pub fn send_trusting(
    address: SocketAddr,
    authorities: &Path,
    request: &Request,
    patience: Duration,
) -> Result<Response> {
    let deadline = Instant::now() + patience;
    let socket = connect(address, patience)?;
    socket.set_read_timeout(Some(patience))?;
    let mut stream = tls::connect_trusting(socket.try_clone()?, authorities)?;
    stream.write_all(&request.encode(address))?;
    receive(&mut stream, &socket, request.method == "HEAD", deadline)
}

/// A connection for one request after another.
pub struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    patience: Duration,
}

impl Connection {
    /// Opens a connection; each request on it may take `patience`.
    ///
    /// # Errors
    /// The connection is refused.
    pub fn open(address: SocketAddr, patience: Duration) -> Result<Self> {
        Ok(Self {
            stream: connect(address, patience)?,
            address,
            patience,
        })
    }

    /// Sends a request that leaves the connection open, unless it has a `connection` of its own,
    /// and reads its answer. All of it is written first: what the peer's buffers do not hold needs
    /// [`send`].
    ///
    /// # Errors
    /// The peer has closed the connection; as [`send`].
    pub fn send(&mut self, request: &Request) -> Result<Response> {
        let deadline = Instant::now() + self.patience;
        let request = if request.has("connection") {
            request.clone()
        } else {
            request.clone().header("connection", "keep-alive")
        };
        self.write(&request.encode(self.address))?;
        receive(
            &mut &self.stream,
            &self.stream,
            request.method == "HEAD",
            deadline,
        )
    }

    /// Sends bytes, for instance a part of a slow request.
    ///
    /// # Errors
    /// The peer has closed the connection.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream
            .write_all(bytes)
            .context("the connection is closed")
    }

    /// Reads the response to what was written, other than `HEAD`.
    ///
    /// # Errors
    /// As [`send`].
    pub fn answer(&mut self) -> Result<Response> {
        receive(
            &mut &self.stream,
            &self.stream,
            false,
            Instant::now() + self.patience,
        )
    }
}

fn connect(address: SocketAddr, patience: Duration) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, patience)
        .with_context(|| format!("no connection to {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(patience))?;
    Ok(stream)
}

fn receive(
    stream: &mut impl Read,
    socket: &TcpStream,
    bodiless: bool,
    deadline: Instant,
) -> Result<Response> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        ensure!(
            !left.is_zero(),
            "no whole answer in time, {} bytes so far",
            bytes.len()
        );
        socket.set_read_timeout(Some(left))?;
        let read = match stream.read(&mut chunk) {
            Ok(read) => read,
            Err(error) => {
                return Err(error)
                    .context(format!("no whole answer, {} bytes so far", bytes.len()));
            }
        };
        bytes.extend(chunk.iter().take(read));
        if let Some(response) = parse(&bytes, bodiless, read == 0)? {
            return Ok(response);
        }
        ensure!(
            read > 0,
            "the connection was closed after {} bytes of the answer",
            bytes.len()
        );
    }
}

/// Reads a response; `None` when more bytes are needed. `ended` is true if there are no more.
fn parse(bytes: &[u8], bodiless: bool, ended: bool) -> Result<Option<Response>> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut head = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) =
        head.parse(bytes).context("the answer is not HTTP/1.1")?
    else {
        return Ok(None);
    };
    let status = head.code.context("the answer has no status")?;
    let rest = bytes.get(length..).unwrap_or_default();
    if status < 200 {
        return parse(rest, bodiless, ended);
    }
    let headers = head
        .headers
        .iter()
        .map(|field| (field.name.to_ascii_lowercase(), field.value.to_vec()))
        .collect();
    let mut response = Response {
        status,
        headers,
        body: Vec::new(),
    };
    let chunked = response
        .header("transfer-encoding")
        .is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    let body = if bodiless || status == 204 || status == 304 {
        Some(Vec::new())
    } else if chunked {
        unchunk(rest)?
    } else if let Some(length) = response.header("content-length") {
        rest.get(..length.parse().context("`content-length` is no number")?)
            .map(<[u8]>::to_vec)
    } else {
        ended.then(|| rest.to_vec())
    };
    Ok(body.map(|body| {
        response.body = body;
        response
    }))
}

/// The content of a chunked body (RFC 9112 section 7.1); `None` when more bytes are needed.
fn unchunk(mut rest: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    loop {
        let (start, size) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => bail!("a chunk has no size"),
        };
        if size == 0 {
            return Ok(Some(body));
        }
        let size = usize::try_from(size)?;
        let Some((chunk, next)) = rest
            .get(start..)
            .and_then(|rest| rest.split_at_checked(size))
        else {
            return Ok(None);
        };
        let Some(next) = next.get(2..) else {
            return Ok(None);
        };
        body.extend(chunk);
        rest = next;
    }
}

fn octets(text: &str) -> Vec<u8> {
    text.chars()
        .map(|character| u8::try_from(u32::from(character)).unwrap_or(b'?'))
        .collect()
}

#[cfg(test)]
mod tests;
