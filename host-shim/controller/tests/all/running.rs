//! The controller, in a thread of its own.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use registry_auth_controller::settings::{Argo, Settings};
use registry_auth_controller::status::Status;
use registry_auth_controller::{SILENT, controller, kubeconfig};
use tokio::sync::oneshot;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

/// The registries of all tests.
pub(crate) const REGISTRIES: [&str; 2] = ["registry.test", "other.test:5000=second"];
/// The namespace of the Lease.
pub(crate) const SYSTEM: &str = "registry";
/// The namespace of Argo CD.
pub(crate) const ARGO: &str = "argocd";

/// A running controller, ended on drop.
pub(crate) struct Running {
    pub(crate) status: Status,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), String>>>,
    log: Log,
}

/// Lines of the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Returns the settings of all tests.
pub(crate) fn settings(identity: &str) -> Result<Settings> {
    let registries = REGISTRIES.iter().map(|text| text.parse());
    Ok(Settings {
        registries: registries.collect::<Result<_, _>>()?,
        username: "kubernetes".to_owned(),
        lifetime: 3_600,
        patch_accounts: true,
        argo: Some(Argo {
            namespace: ARGO.to_owned(),
            account: "argocd-repo-server".to_owned(),
            interval: Duration::from_millis(500),
        }),
        lease_namespace: SYSTEM.to_owned(),
        identity: identity.to_owned(),
        timeout: Duration::from_secs(2),
    })
}

impl Running {
    /// Starts it with the cluster of a kubeconfig.
    pub(crate) fn start(file: &Path, settings: Settings) -> Result<Self> {
        let status = Status::default();
        let log = Log::default();
        let (end, ended) = oneshot::channel();
        let (file, shared, lines) = (file.to_owned(), status.clone(), log.clone());
        let thread = std::thread::Builder::new().spawn(move || {
            // As the program, and much more of libraries.
            let targets = Targets::new()
                .with_default(LevelFilter::DEBUG)
                .with_target(SILENT, LevelFilter::OFF);
            let lines = tracing_subscriber::fmt::layer()
                .with_ansi(false)
                .with_writer(lines);
            let subscriber = tracing_subscriber::registry().with(targets).with(lines);
            tracing::subscriber::with_default(subscriber, || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(|error| error.to_string())?;
                runtime.block_on(async {
                    let cluster = kubeconfig::cluster(Some(&file)).await;
                    let cluster = cluster.map_err(|error| error.to_string())?;
                    let end = async { drop(ended.await) };
                    controller::run(cluster.client, &settings, &shared, end).await
                })
            })
        })?;
        Ok(Self {
            status,
            end: Some(end),
            thread: Some(thread),
            log,
        })
    }

    /// Returns its log so far.
    ///
    /// # Errors
    /// It has a token, or a part of one.
    pub(crate) fn log(&self) -> Result<String> {
        let log = self.log.0.lock().unwrap_or_else(PoisonError::into_inner);
        let log = String::from_utf8_lossy(&log).into_owned();
        // Lines of kube-rs may have anything that a server says.
        for secret in ["eyJ", "ZXlK", "tops3cret", "c2ln", "kube_"] {
            ensure!(!log.contains(secret), "the log holds `{secret}`: {log}");
        }
        Ok(log)
    }

    /// Ends it as a signal does, and returns its log.
    pub(crate) fn stop(mut self) -> Result<String> {
        drop(self.end.take());
        self.join()?.map_err(|error| anyhow!(error))?;
        self.log()
    }

    /// Waits for its end, and returns why it ended.
    pub(crate) fn join(&mut self) -> Result<Result<(), String>> {
        let thread = self.thread.take().context("has ended")?;
        thread
            .join()
            .map_err(|_| anyhow!("the controller panicked"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
