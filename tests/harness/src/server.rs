//! A small HTTP/1.1 server on loopback, stopped on drop.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context as _, Result, anyhow};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// A running server. It has a thread of its own and listens on a free port of 127.0.0.1.
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A port that is bound but not served yet, for programs that must know their address first.
pub struct Port {
    listener: TcpListener,
    address: SocketAddr,
}

impl Port {
    /// Binds a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port is free.
    pub fn bind() -> Result<Self> {
        Self::bind_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// Binds this port, which another server used before.
    ///
    /// # Errors
    /// The port is in use.
    pub fn bind_at(address: SocketAddr) -> Result<Self> {
        let listener =
            TcpListener::bind(address).with_context(|| format!("no port at {address}"))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Returns its address.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `answer` until the server is dropped. `None` closes the connection without an answer.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn serve<A, F>(self, answer: A) -> Result<Server>
    where
        A: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
        F: Future<Output = Option<Response<Full<Bytes>>>> + Send + 'static,
    {
        self.run(None, answer)
    }

    /// The same over TLS.
    ///
    /// # Errors
    /// As [`Self::serve`].
    pub fn serve_over_tls<A, F>(self, tls: ServerConfig, answer: A) -> Result<Server>
    where
        A: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
        F: Future<Output = Option<Response<Full<Bytes>>>> + Send + 'static,
    {
        self.run(Some(TlsAcceptor::from(Arc::new(tls))), answer)
    }

    fn run<A, F>(self, tls: Option<TlsAcceptor>, answer: A) -> Result<Server>
    where
        A: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
        F: Future<Output = Option<Response<Full<Bytes>>>> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = self.listener;
        let thread = std::thread::Builder::new()
            .name("loopback-server".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    tokio::select! {
                        () = accept(listener, tls, Arc::new(answer)) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Server {
            address: self.address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Server {
    /// Returns its address.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn accept<A, F>(listener: TcpListener, tls: Option<TlsAcceptor>, answer: Arc<A>)
where
    A: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Option<Response<Full<Bytes>>>> + Send + 'static,
{
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let answer = Arc::clone(&answer);
        let service = service_fn(move |request| {
            let pending = answer(request);
            async move { pending.await.ok_or_else(|| anyhow!("no answer")) }
        });
        let tls = tls.clone();
        tokio::spawn(async move {
            let server = hyper::server::conn::http1::Builder::new();
            // Ignored: the client has closed the connection.
            match tls {
                None => drop(server.serve_connection(TokioIo::new(stream), service).await),
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        drop(server.serve_connection(TokioIo::new(stream), service).await);
                    }
                }
            }
        });
    }
}
