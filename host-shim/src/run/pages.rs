//! What the endpoints of `run` answer.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use registry_auth_render::Endpoint;
use serde_json::{Value, json};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, timeout};

use super::admin::Admin;
use super::confirm::{self, Subscriptions};
use super::live::Live;
use super::metrics::{self, Changes};
use super::process::{Observer, Process};
use crate::listen::{Page, Pages, Readiness};
use crate::metrics as shim_metrics;
use crate::status::Status;

/// How long the registry may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// How long an answer about the registry is used: whoever asks often does not connect often.
const FRESH: Duration = Duration::from_secs(1);

/// The pages of `registry-auth run`; clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct RunPages {
    /// The state of the key sets.
    pub(crate) status: Status,
    /// The process of Envoy.
    pub(crate) envoy: Observer,
    /// Its admin interface.
    pub(crate) admin: Admin,
    /// What it has to use.
    pub(crate) live: Live,
    /// The changes so far.
    pub(crate) changes: Changes,
    /// True once this process is to end.
    pub(crate) ending: Arc<AtomicBool>,
    /// The registry.
    pub(crate) registry: Registry,
}

/// Asks whether the registry accepts connections.
#[derive(Clone, Debug)]
pub(crate) struct Registry(Arc<Mutex<Asked>>);

#[derive(Debug)]
struct Asked {
    endpoint: Endpoint,
    last: Option<(Instant, Option<&'static str>)>,
}

impl Pages for RunPages {
    async fn readiness(&self) -> Readiness {
        if self.ending.load(Ordering::Relaxed) {
            return Readiness {
                waiting: vec![entry("run", "it is shutting down")],
                ..Readiness::default()
            };
        }
        let mut waiting = self.envoy_waits().await;
        if !self.changes.is_live() && waiting.is_empty() {
            waiting.push(entry("configuration", "it is not live yet"));
        }
        if let Some(reason) = self.registry.problem().await {
            waiting.push(entry("registry", reason));
        }
        let keys = Readiness::of(&self.status.now());
        waiting.extend(keys.waiting);
        Readiness {
            waiting,
            degraded: keys.degraded,
            refused: self.changes.last_refused(),
        }
    }

    async fn metrics(&self) -> Result<Page, fmt::Error> {
        let own = shim_metrics::text(self.status.now(), Instant::now())?;
        let starts = *self.envoy.starts.borrow();
        let run = self.changes.text(starts)?;
        let envoy = self.admin.get("/stats/prometheus").await;
        Ok(Page {
            content_type: metrics::CONTENT_TYPE,
            text: metrics::page(&[&own, &run], envoy.as_deref()),
        })
    }
}

impl RunPages {
    /// What Envoy and its configuration wait for.
    async fn envoy_waits(&self) -> Vec<Value> {
        let process = self.envoy.state.borrow().clone();
        match process {
            Process::Waiting => return vec![entry("envoy", "it is not started yet")],
            Process::Ended(reason) => return vec![entry("envoy", &reason)],
            Process::Running => {}
        }
        let Some(page) = self.admin.get(confirm::PAGE).await else {
            return vec![entry("envoy", "it does not answer yet")];
        };
        let now = Subscriptions::read(&page);
        let missing = self.live.missing(&now);
        let mut waiting: Vec<_> = missing
            .iter()
            .map(|file| entry("configuration", &format!("Envoy does not use {file} yet")))
            .collect();
        if now.is_warming() {
            waiting.push(entry(
                "configuration",
                "a listener or cluster of Envoy waits for a certificate or a name",
            ));
        }
        waiting
    }
}

fn entry(source: &str, reason: &str) -> Value {
    json!({"source": source, "reason": reason})
}

impl Registry {
    /// The registry at this endpoint.
    pub(crate) fn at(endpoint: Endpoint) -> Self {
        Self(Arc::new(Mutex::new(Asked {
            endpoint,
            last: None,
        })))
    }

    /// The registry is at another endpoint from now on.
    pub(crate) fn moved(&self, endpoint: Endpoint) {
        self.change(|asked| {
            *asked = Asked {
                endpoint,
                last: None,
            };
        });
    }

    /// Returns why the registry accepts no connection, if it does not.
    async fn problem(&self) -> Option<&'static str> {
        let (endpoint, last) = self.change(|asked| (asked.endpoint.clone(), asked.last));
        if let Some((at, problem)) = last
            && at.elapsed() < FRESH
        {
            return problem;
        }
        let problem = match timeout(CONNECT, connect(&endpoint)).await {
            Ok(Ok(())) => None,
            Ok(Err(_)) => Some("it accepts no connection"),
            Err(_) => Some("it does not answer"),
        };
        self.change(|asked| asked.last = Some((Instant::now(), problem)));
        problem
    }

    fn change<T>(&self, change: impl FnOnce(&mut Asked) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn connect(endpoint: &Endpoint) -> std::io::Result<()> {
    match endpoint {
        Endpoint::Host(host, port) => match host.parse() {
            Ok(address) => TcpStream::connect(SocketAddr::new(address, *port))
                .await
                .map(drop),
            Err(_) => TcpStream::connect((host.as_str(), *port)).await.map(drop),
        },
        Endpoint::Unix(path) => UnixStream::connect(path).await.map(drop),
    }
}
