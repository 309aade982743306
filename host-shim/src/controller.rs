//! `registry-auth controller`: pull secrets with tokens of service accounts.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use registry_auth_controller::kubeconfig;
use registry_auth_controller::registry::Registry;
use registry_auth_controller::settings::{
    Argo, DEFAULT_ARGO_ACCOUNT, DEFAULT_LIFETIME, DEFAULT_USERNAME, MAX_LIFETIME, MIN_LIFETIME,
    Settings,
};
use registry_auth_controller::status::Status;
use registry_auth_credential_helper::clock::now;
use registry_auth_credential_helper::settings::is_username;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use crate::listen::{Endpoints, Page, Pages, Readiness};
use crate::{logging, metrics};

/// How long a request to the API server may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often the Secrets of Argo CD are listed.
const LIST: Duration = Duration::from_mins(1);
/// The variable with the name of the pod, by `fieldRef`.
const POD: &str = "POD_NAME";

/// Keeps pull secrets with tokens of the service accounts of a cluster
///
/// Service accounts opt in by the label `registry-auth.dev/pull-secret: "true"` on them or their
/// namespace. Each gets a Secret with a token of its own for each registry, renewed in the middle of its
/// life, and is given it as pull secret. It needs the rights that the chart has
/// (`controller.enabled`).
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A registry that Secrets may be for, as `HOST[:PORT]`, and after `=` the audience of its
    /// tokens if that is not the same; may be repeated
    #[arg(long = "registry", value_name = "REGISTRY", required = true)]
    registries: Vec<Registry>,
    /// User name of the credentials where the service account names none
    #[arg(long, value_name = "NAME", default_value = DEFAULT_USERNAME)]
    username: String,
    /// The life of tokens, from 600 to 86400 seconds
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_LIFETIME,
        value_parser = clap::value_parser!(u32).range(i64::from(MIN_LIFETIME)..=i64::from(MAX_LIFETIME)))]
    lifetime: u32,
    /// Write Secrets, but do not add them to `imagePullSecrets` of the service accounts
    #[arg(long)]
    no_patch_accounts: bool,
    /// The namespace of Argo CD: the repository Secrets there that have the label
    /// `registry-auth.dev/pull-secret: "true"` get a user name and a token
    #[arg(long, value_name = "NAMESPACE")]
    argo_namespace: Option<String>,
    /// The service account whose tokens Argo CD gets
    #[arg(long, value_name = "NAME", default_value = DEFAULT_ARGO_ACCOUNT, requires = "argo_namespace")]
    argo_account: String,
    /// The namespace of the Lease of the one replica that works; that of the pod when absent
    #[arg(long, value_name = "NAMESPACE")]
    lease_namespace: Option<String>,
    /// How the cluster is reached; in a pod its service account when absent
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Where /healthz, /readyz and /metrics are answered, such as `0.0.0.0:9904`; nowhere when
    /// absent
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// The arguments cannot be used, or another process leads after this one has.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    arguments.check()?;
    logging::start(None);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    let ended = runtime.block_on(arguments.serve());
    // Does not wait for blocking tasks, such as a DNS lookup that hangs.
    runtime.shutdown_background();
    ended.map(|()| ExitCode::SUCCESS)
}

impl Arguments {
    fn check(&self) -> anyhow::Result<()> {
        ensure!(
            is_username(&self.username),
            "`--username` is not a user name: any name, without `:` and control characters, but `<token>`"
        );
        for (index, registry) in self.registries.iter().enumerate() {
            let mut before = self.registries.iter().take(index);
            ensure!(
                before.all(|other| other.host != registry.host),
                "`--registry {}` is there twice: name each registry once",
                registry.host
            );
        }
        let names = [
            ("--argo-namespace", self.argo_namespace.as_deref()),
            ("--argo-account", Some(&*self.argo_account)),
            ("--lease-namespace", self.lease_namespace.as_deref()),
        ];
        for (option, name) in names {
            ensure!(
                name.is_none_or(is_name),
                "`{option}` is not a name of Kubernetes: lower-case letters, digits, `-` and `.`"
            );
        }
        Ok(())
    }

    async fn serve(&self) -> anyhow::Result<()> {
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let cluster = kubeconfig::cluster(self.kubeconfig.as_deref()).await?;
        cluster.check(&self.registries)?;
        let (client, namespace) = (cluster.client, cluster.namespace);
        let settings = self.settings(namespace);
        let status = Status::default();
        let end = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        let work = registry_auth_controller::controller::run(client, &settings, &status, end);
        let Some(address) = self.listen else {
            return lost(work.await);
        };
        let endpoints = Endpoints::bind(address).await?;
        tracing::info!(address = %endpoints.address()?, "the endpoints are listening");
        tokio::select! {
            ended = work => lost(ended),
            () = endpoints.run(ControllerPages(status.clone())) => bail!("the endpoints ended"),
        }
    }

    /// `namespace` is that of the pod, or of the kubeconfig.
    fn settings(&self, namespace: String) -> Settings {
        let argo = self.argo_namespace.clone();
        Settings {
            registries: self.registries.clone(),
            username: self.username.clone(),
            lifetime: self.lifetime,
            patch_accounts: !self.no_patch_accounts,
            argo: argo.map(|namespace| Argo {
                namespace,
                account: self.argo_account.clone(),
                interval: LIST,
            }),
            lease_namespace: self.lease_namespace.clone().unwrap_or(namespace),
            identity: identity(std::env::var(POD).ok().as_deref()),
            timeout: TIMEOUT,
        }
    }
}

/// Returns a name that no other process has: a pod's containers may be started again in the same
/// pod, and two processes may run on one machine.
fn identity(pod: Option<&str>) -> String {
    let pod = pod.filter(|pod| is_name(pod)).unwrap_or("registry-auth");
    format!("{pod}_{:08x}", fastrand::u32(..))
}

/// Whether a text can be the name of an object (RFC 1123).
fn is_name(text: &str) -> bool {
    let fine =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    !text.is_empty() && text.len() <= 253 && text.bytes().all(fine)
}

fn lost(ended: Result<(), String>) -> anyhow::Result<()> {
    ended.map_err(|reason| anyhow::anyhow!("this process leads no longer: {reason}"))
}

/// The pages of `registry-auth controller`.
#[derive(Clone)]
struct ControllerPages(Status);

impl Pages for ControllerPages {
    async fn readiness(&self) -> Readiness {
        let waiting = self.0.waiting(Instant::now());
        Readiness {
            waiting: Vec::from_iter(waiting.map(|reason| json!({"reason": reason}))),
            ..Readiness::default()
        }
    }

    async fn metrics(&self) -> Result<Page, fmt::Error> {
        Ok(Page {
            content_type: metrics::CONTENT_TYPE,
            text: self.0.metrics(now())?,
        })
    }
}
