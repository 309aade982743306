//! `registry-auth serve`: the shim.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, ensure};
use registry_auth::time::UnixTime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use crate::configuration::{Configuration, Secret};
use crate::envelope::Seal;
use crate::feedback::Feedback;
use crate::intake::Intake;
use crate::push::Pusher;
use crate::refresh::{Channels, Refresher, Timing};
use crate::secrets::SecretsManager;
use crate::{check, logging};

/// Fetches keys and pushes them to Envoy
///
/// Reads the secrets that `http.auth.bearer.awsSecretsManager` and `http.auth.bearer.mint` name, with AWS's default credential
/// chain, and keeps the intake of every given Envoy supplied. The environment variable `REGISTRY_AUTH_PUSH_KEY` holds the key that both sides share, at
/// least 32 bytes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The filter's configuration, JSON or (by its ending .yaml or .yml) YAML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// An intake listener, `http://HOST:PORT` or `unix:/path/of/socket`; may be given several times
    #[arg(long, value_name = "URL", required = true)]
    envoy: Vec<Intake>,
}

/// Runs until SIGTERM or SIGINT.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let configuration = Configuration::read(&arguments.config)?;
    if configuration.is_refused() {
        check::print(&configuration);
        return Ok(ExitCode::FAILURE);
    }
    let secrets = configuration.secrets();
    ensure!(
        !secrets.is_empty(),
        "nothing for the shim to do: the configuration has no `http.auth.bearer.awsSecretsManager` and no `mint`, keys of other kinds need no shim",
    );
    let seal = Seal::from_environment()?;
    logging::start(configuration.log_level());
    for warning in configuration.warnings() {
        tracing::warn!(path = warning.path, "{}", warning.message);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(serve(&secrets, &arguments.envoy, seal))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(secrets: &[Secret<'_>], intakes: &[Intake], seal: Seal) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut tasks = JoinSet::new();
    let seal = Arc::new(seal);
    for secret in secrets {
        keep_fresh(secret, intakes, &seal, &mut tasks).await;
        let Secret { set, place, .. } = secret;
        tracing::info!(
            set,
            secret = place.secret_name,
            region = place.region,
            intakes = intakes.len(),
            "the shim is up"
        );
    }

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        Some(_) = tasks.join_next() => anyhow::bail!("a task of the shim ended"),
    }
    tracing::info!("the shim ends");
    tasks.shutdown().await;
    Ok(())
}

/// Starts the tasks of one secret: one that asks, and one that pushes for each intake.
async fn keep_fresh(secret: &Secret<'_>, intakes: &[Intake], seal: &Arc<Seal>, tasks: &mut JoinSet<()>) {
    let (keys_sender, keys) = watch::channel(None);
    let (feedback, feedback_receiver) = watch::channel(Feedback::default());
    let span = tracing::info_span!("secret", set = secret.set);
    for intake in intakes {
        let (keys, feedback) = (keys.clone(), feedback.clone());
        let pusher = Pusher { set: secret.set, intake: intake.clone(), seal: Arc::clone(seal), keys, feedback };
        tasks.spawn(pusher.run().instrument(span.clone()));
    }
    let source = SecretsManager::connect(secret.place, secret.content.clone()).await;
    let timing = Timing { interval: secret.place.refresh_interval, max_stale: secret.place.max_stale };
    let channels = Channels { keys: keys_sender, feedback: feedback_receiver };
    tasks.spawn(Refresher::new(source, timing, wall_clock, channels).run().instrument(span));
}

fn wall_clock() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
