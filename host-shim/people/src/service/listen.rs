//! Where the service listens: a socket that only this user opens, or a loopback address.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, server};
use hyper_util::rt::{TokioIo, TokioTimer};
use registry_auth_engine::login::PATH;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::LoginService;
use super::methods::clock;
use super::router::text;

/// The most connections at a time; more wait.
const MAX_CONNECTIONS: usize = 1024;
/// The most requests of browsers and of the API of keys at a time; more get 503 at once. The
/// connections that are left are for the questions of the filter, which no client can slow down.
const MAX_VISITS: usize = 256;
/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(10);
/// How long a request may take with its body and its answer: the filter waits ten seconds, and a
/// provider may be asked several times.
const REQUEST: Duration = Duration::from_secs(30);
/// Pause after the system failed to accept a connection.
const PAUSE: Duration = Duration::from_millis(200);

/// The service that answers, which changes with the configuration.
#[derive(Clone, Default)]
pub struct ServiceSwitch(Arc<RwLock<Option<Current>>>);

/// The service of now, and the htpasswd file it goes by.
type Current = (Arc<LoginService>, Option<PathBuf>);

impl ServiceSwitch {
    /// Answers by this service from now on, or by none.
    pub fn set(&self, service: Option<Current>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = service;
    }

    /// The service of now.
    #[must_use]
    pub fn now(&self) -> Option<Current> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A bound socket.
pub enum Listener {
    /// On a loopback address.
    Tcp(TcpListener),
    /// In the file system.
    Unix(UnixListener),
}

impl Listener {
    /// Listens on a loopback address. Others would offer passwords to the network in clear text.
    ///
    /// # Errors
    /// It is another address, or cannot be bound.
    pub async fn tcp(address: SocketAddr) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            let why = "the login service listens on loopback addresses and Unix sockets only";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        Ok(Self::Tcp(TcpListener::bind(address).await?))
    }

    /// Listens on a socket that only this user may open. A socket that a process of before has left
    /// there is replaced.
    ///
    /// # Errors
    /// It cannot be bound, or something else is there.
    pub fn unix(path: &Path) -> io::Result<Self> {
        match path.symlink_metadata() {
            Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path)?,
            Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self::Unix(listener))
    }

    /// Answers requests until it is dropped.
    pub async fn run(self, switch: ServiceSwitch) {
        let visits = Arc::new(Semaphore::new(MAX_VISITS));
        self.run_within(switch, visits).await;
    }

    async fn run_within(self, switch: ServiceSwitch, visits: Arc<Semaphore>) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            // Never closed.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let (switch, visits) = (switch.clone(), Arc::clone(&visits));
            let accepted = match &self {
                Self::Tcp(listener) => listener.accept().await.map(|(stream, _)| {
                    connections.spawn(async move {
                        serve(stream, switch, visits).await;
                        drop(place);
                    });
                }),
                Self::Unix(listener) => listener.accept().await.map(|(stream, _)| {
                    connections.spawn(async move {
                        serve(stream, switch, visits).await;
                        drop(place);
                    });
                }),
            };
            if accepted.is_err() {
                sleep(PAUSE).await;
            }
            while connections.try_join_next().is_some() {}
        }
    }
}

async fn serve<S>(stream: S, switch: ServiceSwitch, visits: Arc<Semaphore>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (switch, visits) = (switch.clone(), Arc::clone(&visits));
        async move {
            let is_question = request.uri().path() == PATH;
            let place = (!is_question).then(|| visits.try_acquire()).transpose();
            let Ok(_place) = place else {
                return Ok::<_, Infallible>(text(503, "too many requests at once\n"));
            };
            let Some((service, _)) = switch.now() else {
                return Ok(text(503, "nobody logs in here\n"));
            };
            let answered = timeout(REQUEST, service.route(request, clock())).await;
            Ok(answered.unwrap_or_else(|_| text(503, "it takes too long\n")))
        }
    });
    let connection = server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(128 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    // Ignored: the proxy has closed the connection, or sends nothing.
    let _ = connection.await;
}

#[cfg(test)]
mod tests {
    use registry_auth_engine::login::{CALLER_HEADER, Caller};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixStream;

    use super::*;

    /// Sends a request, of which nothing more comes, and returns what comes back first.
    async fn first_line(path: &Path, request: &str) -> (UnixStream, Option<String>) {
        let mut stream = UnixStream::connect(path).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![0; 12];
        let read = timeout(Duration::from_secs(2), stream.read_exact(&mut answer)).await;
        let line = read.map(|_| String::from_utf8(answer).unwrap());
        (stream, line.ok())
    }

    #[tokio::test]
    async fn slow_browsers_leave_room_for_the_questions_of_the_filter() {
        let fixture = super::super::tests::Fixture::new().await;
        let path = fixture.path("socket");
        let switch = ServiceSwitch::default();
        switch.set(Some((Arc::clone(&fixture.service), None)));
        let visits = Arc::new(Semaphore::new(3));
        let listener = Listener::unix(&path).unwrap();
        let serving = tokio::spawn(listener.run_within(switch, visits));
        let slow = |path: &str| {
            let caller = Caller {
                at: clock(),
                method: "POST".to_owned(),
                path: path.to_owned(),
                client: Some("203.0.113.9".to_owned()),
                identity: None,
            };
            let caller = caller.sign(&fixture.service.push_key);
            format!(
                "POST {path} HTTP/1.1\r\nhost: r\r\n{CALLER_HEADER}: {caller}\r\ncontent-length: 100\r\n\r\nu"
            )
        };
        let mut open = Vec::new();
        for path_of in ["/login", "/zot/auth/logout", "/zot/auth/apikey"] {
            let mut stream = UnixStream::connect(&path).await.unwrap();
            stream.write_all(slow(path_of).as_bytes()).await.unwrap();
            open.push(stream);
        }
        let question = "POST /v1/login HTTP/1.1\r\nhost: r\r\ncontent-length: 2\r\n\r\n{}";
        // (request, the start of what is answered at once)
        let rows = [
            (slow("/login"), Some("HTTP/1.1 503")),
            (question.to_owned(), Some("HTTP/1.1 401")),
        ];
        for (request, expected) in rows {
            let (stream, line) = first_line(&path, &request).await;
            assert_eq!(line.as_deref(), expected, "{request}");
            open.push(stream);
        }
        // Whoever is slow is let go, and there is room again.
        let mut answer = vec![0; 12];
        open[0].read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, b"HTTP/1.1 408");
        let get = "GET /login/style.css HTTP/1.1\r\nhost: r\r\n\r\n";
        assert_eq!(
            first_line(&path, get).await.1.as_deref(),
            Some("HTTP/1.1 401"),
            "not through the proxy, but read"
        );
        serving.abort();
    }
}
