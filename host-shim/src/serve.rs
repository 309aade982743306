//! `registry-auth serve`: fetches keys and pushes them to Envoy.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use registry_auth_people::service::Listener as LoginListener;
use registry_auth_render::Listener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::configuration::Configuration;
use crate::envelope::Seal;
use crate::key_sets::KeySetSource;
use crate::listen::{Endpoints, ShimPages};
use crate::people::{LoginAddress, People, PeopleHost};
use crate::shim::Shim;
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
    /// Where people log in: `127.0.0.1:PORT` or `unix:/path/of/socket`, the same as in `render`.
    /// For a zot file with `htpasswd`, `ldap` or `openid`
    #[arg(long, value_name = "ADDRESS")]
    login: Option<LoginAddress>,
    /// The file of API keys and ended logins; when absent `registry-auth.db` in the folder that
    /// the environment variable `STATE_DIRECTORY` names, else in the current one
    #[arg(long, value_name = "FILE", requires = "login")]
    store: Option<PathBuf>,
}

/// Runs until SIGTERM or SIGINT.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let endpoint = arguments.login.as_ref().map(LoginAddress::endpoint);
    let configuration = Configuration::read_for_any(&arguments.config, endpoint)?;
    if configuration.is_refused() {
        check::print(&configuration);
        return Ok(ExitCode::FAILURE);
    }
    let sets = configuration.key_set_sources();
    let people = configuration.people();
    ensure!(
        arguments.login.is_none() || people.is_some(),
        "nobody logs in: the configuration has none of zot's sections `htpasswd`, `ldap` and `openid` in `http.auth`; leave `--login` out",
    );
    ensure!(
        !sets.is_empty() || people.is_some(),
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
    let ended = runtime.block_on(serve(sets, people, arguments, seal));
    // Does not wait for blocking tasks, such as a DNS lookup that hangs.
    runtime.shutdown_background();
    ended.map(|()| ExitCode::SUCCESS)
}

async fn serve(
    mut sets: Vec<KeySetSource>,
    people: Option<(&People, &Listener)>,
    arguments: &Arguments,
    seal: Seal,
) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let status = Status::default();
    let mut host = PeopleHost::new(seal.push_key(), arguments.store.as_deref(), status.clone());
    let mut tasks = JoinSet::new();
    if let (Some((people, listener)), Some(address)) = (people, &arguments.login) {
        let bound = match address {
            LoginAddress::Tcp(address) => LoginListener::tcp(*address).await,
            LoginAddress::Unix(path) => LoginListener::unix(path),
        };
        let bound = bound.context("cannot listen for logins (`--login`)")?;
        let clients = (
            &*listener.address.to_string(),
            listener.port,
            listener.tls.is_some(),
        );
        host.apply(Some(people), clients).await?;
        sets.extend(host.set());
        tasks.spawn(bound.run(host.switch()));
    }
    let mut shim = Shim::new(&arguments.envoy, seal, status.clone());
    let endpoints = match arguments.listen {
        Some(address) => Some(Endpoints::bind(address).await?),
        None => None,
    };
    shim.keep(&sets).await;
    // After the sources are registered: without any, `/readyz` would report ready.
    if let Some(endpoints) = endpoints {
        tracing::info!(address = %endpoints.address()?, "the endpoints are listening");
        tasks.spawn(endpoints.run(ShimPages(status)));
    }

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = shim.task_ended() => anyhow::bail!("a task of the shim ended"),
        Some(_) = tasks.join_next() => anyhow::bail!("the endpoints ended"),
    }
    tracing::info!("shutting down");
    tasks.shutdown().await;
    shim.shut_down().await;
    Ok(())
}
