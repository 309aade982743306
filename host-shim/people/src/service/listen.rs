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
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::LoginService;
use super::methods::clock;
use super::router::text;

/// The most connections at a time; more wait.
const MAX_CONNECTIONS: usize = 512;
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
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            // Never closed.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let switch = switch.clone();
            let accepted = match &self {
                Self::Tcp(listener) => listener.accept().await.map(|(stream, _)| {
                    connections.spawn(async move {
                        serve(stream, switch).await;
                        drop(place);
                    });
                }),
                Self::Unix(listener) => listener.accept().await.map(|(stream, _)| {
                    connections.spawn(async move {
                        serve(stream, switch).await;
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

async fn serve<S>(stream: S, switch: ServiceSwitch)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let switch = switch.clone();
        async move {
            let Some((service, _)) = switch.now() else {
                return Ok::<_, Infallible>(text(503, "nobody logs in here\n"));
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
