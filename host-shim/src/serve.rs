//! `registry-auth serve`: fetches keys and pushes them to Envoy.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, ensure};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use crate::clock::wall_clock;
use crate::configuration::{Configuration, KeySetSource, Origin};
use crate::envelope::Seal;
use crate::feedback::Feedback;
use crate::feeder::Feeder;
use crate::intakes::{Intakes, Known};
use crate::lanes::Lanes;
use crate::listen::Endpoints;
use crate::refresh::{Channels, Refresher, Timing};
use crate::resolve::System;
use crate::secrets::SecretsManager;
use crate::source::Source;
use crate::status::Status;
use crate::target::Target;
use crate::{check, logging};

/// Fetches keys and pushes them to Envoy
///
/// Reads the secrets that `http.auth.bearer.awsSecretsManager` and `http.auth.bearer.mint` name,
/// with AWS's default credential chain, and the keys of the issuers whose `keySource` is `push`,
/// and pushes them to every given intake. The environment variable `REGISTRY_AUTH_PUSH_KEY` holds
/// the key that both sides share, at least 32 bytes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The filter's configuration, JSON or (by its ending .yaml or .yml) YAML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// An intake listener, `http://HOST:PORT` or `unix:/path/of/socket`, or with
    /// `dns+http://NAME:PORT` those at all addresses of a name; may be given several times
    #[arg(long, value_name = "URL", required = true)]
    envoy: Vec<Target>,
    /// Where /healthz, /readyz and /metrics are answered, such as `127.0.0.1:9903`; nowhere when
    /// absent
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

/// Runs until SIGTERM or SIGINT.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let configuration = Configuration::read_for_any(&arguments.config)?;
    if configuration.is_refused() {
        check::print(&configuration);
        return Ok(ExitCode::FAILURE);
    }
    let sets = configuration.key_set_sources();
    ensure!(
        !sets.is_empty(),
        "nothing for the shim to do: the configuration has no `http.auth.bearer.awsSecretsManager`, no `mint` and no issuer with `keySource` `push`, which are the only sources that it fetches",
    );
    let seal = Seal::from_environment()?;
    logging::start(configuration.log_level());
    for warning in configuration.warnings() {
        tracing::warn!(path = warning.path, "{}", warning.message);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    let ended = runtime.block_on(serve(sets, arguments, seal));
    // Does not wait for blocking tasks, such as a DNS lookup that hangs.
    runtime.shutdown_background();
    ended.map(|()| ExitCode::SUCCESS)
}

async fn serve(sets: Vec<KeySetSource>, arguments: &Arguments, seal: Seal) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let status = Status::default();
    let intakes = Intakes::new(&arguments.envoy, &status);
    let mut shim = Shim {
        intakes: intakes.subscribe(),
        lanes: Arc::default(),
        seal: Arc::new(seal),
        status,
        tasks: JoinSet::new(),
    };
    let endpoints = match arguments.listen {
        Some(address) => Some(Endpoints::bind(address, shim.status.clone()).await?),
        None => None,
    };
    for set in sets {
        shim.keep_fresh(set).await;
    }
    shim.tasks.spawn(intakes.run(System));
    // After the sources are registered: without any, `/readyz` would report ready.
    if let Some(endpoints) = endpoints {
        tracing::info!(address = %endpoints.address()?, "the endpoints are listening");
        shim.tasks.spawn(endpoints.run());
    }

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        Some(_) = shim.tasks.join_next() => anyhow::bail!("a task of the shim ended"),
    }
    tracing::info!("shutting down");
    shim.tasks.shutdown().await;
    Ok(())
}

/// What the tasks of all sets share.
struct Shim {
    intakes: watch::Receiver<Known>,
    lanes: Arc<Lanes>,
    seal: Arc<Seal>,
    status: Status,
    tasks: JoinSet<()>,
}

impl Shim {
    async fn keep_fresh(&mut self, set: KeySetSource) {
        let KeySetSource {
            name,
            origin,
            timing,
        } = set;
        match origin {
            Origin::Secret(place, content) => {
                let source = SecretsManager::connect(&place, content).await;
                self.start(&name, source, timing);
                tracing::info!(
                    set = &*name,
                    secret = place.secret_name,
                    region = place.region,
                    "started to fetch keys"
                );
            }
            Origin::Issuer(issuer) => {
                tracing::info!(set = &*name, %issuer, "started to fetch keys");
                self.start(&name, issuer, timing);
            }
        }
    }

    /// Starts the tasks of one set: one that fetches, and one that has a task for each intake. They
    /// do not wait for those of other sets.
    fn start<S: Source + Send + Sync + 'static>(
        &mut self,
        name: &Arc<str>,
        source: S,
        timing: Timing,
    ) {
        let (keys_sender, keys) = watch::channel(None);
        let (feedback, feedback_receiver) = watch::channel(Feedback::default());
        let span = tracing::info_span!("source", set = &**name);
        let feeder = Feeder {
            set: Arc::clone(name),
            intakes: self.intakes.clone(),
            seal: Arc::clone(&self.seal),
            keys,
            feedback,
            status: self.status.clone(),
            lanes: Arc::clone(&self.lanes),
        };
        self.tasks.spawn(feeder.run().instrument(span.clone()));
        let report = self.status.source(name);
        let channels = Channels {
            keys: keys_sender,
            feedback: feedback_receiver,
            report,
        };
        self.tasks.spawn(
            Refresher::new(source, timing, wall_clock, channels)
                .run()
                .instrument(span),
        );
    }
}
