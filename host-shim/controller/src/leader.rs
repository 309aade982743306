//! Becoming and remaining the leader.

use chrono::Utc;
use tokio::time::{Instant, sleep, timeout};

use crate::call::{CallError, Server, Write};
use crate::lease::{DEADLINE, Election, Lease, Move, PERIOD};
use crate::settings::Settings;
use crate::status::Status;

/// The name of the Lease.
pub(crate) const NAME: &str = "registry-auth-controller";

/// The outcome of one turn.
enum Turn {
    /// This process leads.
    Leads,
    /// Another leads.
    Waits,
    /// The Lease was changed in between.
    Raced,
}

/// A process in the election.
pub(crate) struct Leader<'a> {
    server: &'a Server,
    settings: &'a Settings,
    status: &'a Status,
    election: Election,
}

impl<'a> Leader<'a> {
    /// A process that does not lead yet.
    pub(crate) fn new(server: &'a Server, settings: &'a Settings, status: &'a Status) -> Self {
        Self {
            server,
            settings,
            status,
            election: Election::default(),
        }
    }

    /// Returns once this process leads.
    pub(crate) async fn acquire(&mut self) {
        let mut last = None;
        loop {
            match self.turn().await {
                Ok(Turn::Leads) => break,
                Ok(Turn::Waits | Turn::Raced) => last = None,
                Err(error) => {
                    let text = error.to_string();
                    if last.as_ref() != Some(&text) {
                        tracing::warn!(lease = NAME, "cannot take the Lease: {text}");
                        self.status.failed(error.label());
                    }
                    last = Some(text);
                }
            }
            sleep(PERIOD.mul_f64(1.0 + fastrand::f64() * 0.2)).await;
        }
        tracing::info!(identity = self.settings.identity, "leading");
        self.status.leads(true);
    }

    /// Renews; returns why this process leads no longer.
    pub(crate) async fn keep(&mut self) -> String {
        let mut renewed = Instant::now();
        let mut last = None;
        let reason = loop {
            sleep(PERIOD).await;
            let left = DEADLINE.saturating_sub(renewed.elapsed());
            match timeout(left, self.turn()).await {
                Ok(Ok(Turn::Leads)) => {
                    renewed = Instant::now();
                    last = None;
                }
                Ok(Ok(Turn::Waits)) => break "another process leads".to_owned(),
                // The next turn shows who was faster.
                Ok(Ok(Turn::Raced)) => {}
                Ok(Err(error)) => {
                    let text = error.to_string();
                    if last.as_ref() != Some(&text) {
                        self.status.failed(error.label());
                    }
                    last = Some(text);
                }
                Err(_) => {
                    let last = last.as_deref().unwrap_or("no answer");
                    break format!(
                        "the Lease was not renewed for {} s: {last}",
                        DEADLINE.as_secs()
                    );
                }
            }
        };
        self.status.leads(false);
        reason
    }

    /// Lets another process lead at once.
    pub(crate) async fn release(&mut self) {
        let path = self.path();
        if let Ok(Some(object)) = self.server.read(&path).await {
            let before = Lease::read(&object);
            if before.holder == self.settings.identity {
                let lease = self.written(Some(&before), "");
                // Otherwise it ends by itself.
                drop(self.server.write(Write::Replace, &path, &lease).await);
            }
        }
        self.status.leads(false);
    }

    /// Reads the Lease, and takes or renews it if it may; returns who
    /// leads.
    async fn turn(&mut self) -> Result<Turn, CallError> {
        let path = self.path();
        let object = self.server.read(&path).await?;
        self.status.contact(Instant::now());
        let before = object.as_ref().map(Lease::read);
        let me = &self.settings.identity;
        let (how, path) = match self.election.next(before.as_ref(), me, Instant::now()) {
            Move::Wait => return Ok(Turn::Waits),
            Move::Replace => (Write::Replace, path),
            Move::Create => (Write::Create, self.folder()),
        };
        let lease = self.written(before.as_ref(), me);
        match self.server.write(how, &path, &lease).await {
            Ok(_) => Ok(Turn::Leads),
            Err(error) if error.status() == Some(409) => Ok(Turn::Raced),
            Err(error) => Err(error),
        }
    }

    fn written(&self, before: Option<&Lease>, holder: &str) -> serde_json::Value {
        let place = (self.settings.lease_namespace.as_str(), NAME);
        Lease::written(place, before, holder, Utc::now())
    }

    fn folder(&self) -> String {
        format!(
            "/apis/coordination.k8s.io/v1/namespaces/{}/leases",
            self.settings.lease_namespace
        )
    }

    fn path(&self) -> String {
        format!("{}/{NAME}", self.folder())
    }
}
