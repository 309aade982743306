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
    /// When the turn began that has written the Lease last: others may count from then on.
    renewed: Instant,
}

impl<'a> Leader<'a> {
    /// A process that does not lead yet.
    pub(crate) fn new(server: &'a Server, settings: &'a Settings, status: &'a Status) -> Self {
        Self {
            server,
            settings,
            status,
            election: Election::default(),
            renewed: Instant::now(),
        }
    }

    /// Returns once this process leads.
    pub(crate) async fn acquire(&mut self) {
        let mut last = None;
        loop {
            self.renewed = Instant::now();
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
        let mut last = None;
        let reason = loop {
            sleep(PERIOD).await;
            let begun = Instant::now();
            let left = DEADLINE.saturating_sub(begun.saturating_duration_since(self.renewed));
            match timeout(left, self.turn()).await {
                Ok(Ok(Turn::Leads)) => {
                    self.renewed = begun;
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use hyper::{Method, Request, Response};
    use kube::Client;
    use kube::client::Body;
    use tower::{BoxError, service_fn};

    use super::*;
    use crate::account::tests::settings;

    /// When the turns began that have written the Lease.
    type Begun = Arc<Mutex<Vec<Instant>>>;

    /// An API server that writes the Lease at once and says so late, some times, and then answers no more.
    fn server(begun: &Begun, times: usize, late: Duration) -> Server {
        let begun = Arc::clone(begun);
        let service = service_fn(move |request: Request<Body>| {
            let begun = Arc::clone(&begun);
            async move {
                let count = begun.lock().unwrap().len();
                if request.method() == Method::GET {
                    let holder = if count == 0 { "" } else { "me" };
                    let lease = Lease::written(("a", NAME), None, holder, Utc::now());
                    return Ok::<_, BoxError>(Response::new(Body::from(
                        lease.to_string().into_bytes(),
                    )));
                }
                if count == times {
                    std::future::pending::<()>().await;
                }
                begun.lock().unwrap().push(Instant::now());
                sleep(late).await;
                Ok(Response::new(Body::from(b"{}".to_vec())))
            }
        });
        Server::new(Client::new(service, "a"), DEADLINE.saturating_mul(2))
    }

    /// The time is that of the test: it passes where nothing else is to be done.
    #[tokio::test(start_paused = true)]
    async fn a_leader_ends_when_its_last_lease_was_written_too_long_ago() {
        for times in [1, 3] {
            let begun = Begun::default();
            let server = server(&begun, times, Duration::from_secs(4));
            let settings = Settings {
                identity: "me".to_owned(),
                ..settings()
            };
            let status = Status::default();
            let mut leader = Leader::new(&server, &settings, &status);
            leader.acquire().await;
            let reason = leader.keep().await;
            assert!(reason.contains("was not renewed for 10 s"), "{reason}");
            let last = *begun.lock().unwrap().last().unwrap();
            assert_eq!(begun.lock().unwrap().len(), times);
            let late = last.elapsed().saturating_sub(DEADLINE);
            assert!(late < PERIOD, "{times}: {late:?}");
        }
    }
}
