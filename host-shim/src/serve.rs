//! `registry-auth serve`: the shim.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use registry_auth::config::raw::AwsSecretsManager;
use registry_auth::time::UnixTime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::configuration::Configuration;
use crate::envelope::Seal;
use crate::feedback::Feedback;
use crate::intake::Intake;
use crate::push::Pusher;
use crate::refresh::{Channels, Refresher, Timing};
use crate::secrets::SecretsManager;
use crate::{check, logging};

/// Fetches verification keys and pushes them to Envoy
///
/// Reads the secret that `http.auth.bearer.awsSecretsManager` names, with AWS's default credential chain, and keeps the intake
/// of every given Envoy supplied. The environment variable `REGISTRY_AUTH_PUSH_KEY` holds the key that both sides share, at
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
    let secret = configuration.secret().context(
        "nothing for the shim to do: the configuration has no `http.auth.bearer.awsSecretsManager`, keys of other kinds need no shim",
    )?;
    let seal = Seal::from_environment()?;
    logging::start(configuration.log_level());
    for warning in configuration.warnings() {
        tracing::warn!(path = warning.path, "{}", warning.message);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(serve(secret, &arguments.envoy, seal))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(secret: &AwsSecretsManager, intakes: &[Intake], seal: Seal) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut tasks = JoinSet::new();
    let (keys_sender, keys) = watch::channel(None);
    let (feedback, feedback_receiver) = watch::channel(Feedback::default());
    let seal = Arc::new(seal);
    for intake in intakes {
        let pusher =
            Pusher { intake: intake.clone(), seal: seal.clone(), keys: keys.clone(), feedback: feedback.clone() };
        tasks.spawn(pusher.run());
    }
    let source = SecretsManager::connect(secret).await;
    let timing = Timing { interval: secret.refresh_interval, max_stale: secret.max_stale };
    let channels = Channels { keys: keys_sender, feedback: feedback_receiver };
    tasks.spawn(Refresher::new(source, timing, wall_clock, channels).run());
    tracing::info!(secret = secret.secret_name, region = secret.region, intakes = intakes.len(), "the shim is up");

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        Some(_) = tasks.join_next() => anyhow::bail!("a task of the shim ended"),
    }
    tracing::info!("the shim ends");
    tasks.shutdown().await;
    Ok(())
}

fn wall_clock() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
