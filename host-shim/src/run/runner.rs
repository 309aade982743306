//! The life of one `run`: start, changes, end.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context as _;
use registry_auth_people::service::Listener;
use registry_auth_render::Cluster;
use registry_auth_render::envoy::Place;
use tokio::signal::unix::{Signal, SignalKind};
use tokio::sync::oneshot;

use super::admin::Admin;
use super::binary::Binary;
use super::end::{end, first_end};
use super::folder::Folder;
use super::hint;
use super::lines::Heard;
use super::live::Live;
use super::metrics::Changes;
use super::options::Arguments;
use super::pages::{Registry, RunPages};
use super::plan::{self, Plan, Reading};
use super::possible::{self, Change};
use super::process::{Observer, Supervisor};
use super::proxy::{Proxy, Refused};
use super::setup::{free_port, launch, place};
use super::signals::{EndSignals, listen};
use super::watch::Watch;
use crate::envelope::Seal;
use crate::intake::Intake;
use crate::key_sets::KeySetSource;
use crate::listen::Endpoints;
use crate::people::PeopleHost;
use crate::shim::Shim;
use crate::status::Status;
use crate::target::Target;

/// How long requests in progress may take at the end.
const DRAIN: Duration = Duration::from_secs(20);
/// The socket of the login service, in the private folder.
const LOGIN_SOCKET: &str = "login.sock";
/// Time between two questions about them.
const POLL: Duration = Duration::from_millis(50);

/// A running Envoy with what belongs to it.
struct Runner<'a> {
    arguments: &'a Arguments,
    binary: &'a Binary,
    place: Place,
    /// The port where the configuration has none: the same for each Envoy and after each change.
    any_port: u16,
    /// The clusters of the registry under each name so far. A connection of a client goes on with
    /// the listener that it came to, and so with the cluster of that time.
    registries: Vec<Cluster>,
    /// The variables that the module can read in this Envoy.
    variables: Vec<String>,
    proxy: Proxy,
    shim: Shim,
    people: PeopleHost,
    /// The socket of the login service.
    login_socket: String,
    plan: Plan,
    files: BTreeSet<PathBuf>,
    pages: RunPages,
}

/// Starts everything, and runs until SIGTERM or SIGINT.
///
/// # Errors
/// Something does not start, or a task ends by itself.
pub(crate) async fn run(
    arguments: &Arguments,
    mut plan: Plan,
    files: BTreeSet<PathBuf>,
    binary: &Binary,
    module: &[u8],
) -> anyhow::Result<()> {
    let any_port = free_port(&plan)?;
    plan.listen_on(any_port);
    let mut signals = EndSignals::listen()?;
    let mut hang_up = listen(SignalKind::hangup())?;
    let endpoints = if arguments.no_listen {
        None
    } else {
        let bound = Endpoints::bind(arguments.listen).await;
        Some(bound.context("choose another address by `--listen`, or `--no-listen`")?)
    };
    for warning in &plan.completed.warnings {
        tracing::warn!(path = warning.path, "{}", warning.message);
    }
    for assumption in &plan.completed.assumptions {
        tracing::info!("assumed: {assumption}");
    }
    for difference in &plan.differences {
        tracing::info!(
            path = difference.path,
            "not as in zot: {}",
            difference.message
        );
    }

    let folder = Folder::create()?;
    let place = place(&folder, module)?;
    let (seal, push_key) = Seal::of_variable_or_random(&plan::push_key_of(&plan.completed))?;
    let login_socket = folder.path().join(LOGIN_SOCKET);
    let login = Listener::unix(&login_socket).context("cannot listen for logins")?;
    let login_socket = login_socket.display().to_string();
    plan.login_at(&login_socket);
    let (admin, heard, live) = (
        Admin::new(place.admin().into()),
        Heard::default(),
        Live::default(),
    );
    let launch = launch(arguments, &plan, binary, &folder, &push_key);
    let (supervisor, observer) = Supervisor::new(launch, heard.clone());
    let status = Status::default();
    let mut people = PeopleHost::new(seal.push_key(), arguments.store.as_deref(), status.clone());
    apply(&mut people, &plan).await?;
    let pages = RunPages {
        status: status.clone(),
        envoy: observer.clone(),
        admin: admin.clone(),
        live: live.clone(),
        changes: Changes::default(),
        ending: Arc::default(),
        registry: Registry::at(plan.completed.upstream.endpoint.clone()),
    };
    let intake = Intake::Unix(place.intake().into());
    let mut runner = Runner {
        arguments,
        binary,
        proxy: Proxy::write(folder, admin, heard.clone(), plan.files(&place), live)?,
        place,
        any_port,
        registries: vec![plan.completed.upstream.clone()],
        variables: plan.completed.environment.clone(),
        shim: Shim::new(&[Target::Intake(intake)], seal, status),
        people,
        login_socket,
        plan,
        files,
        pages: pages.clone(),
    };
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(login.run(runner.people.switch()));
    if let Some(endpoints) = endpoints {
        tracing::info!(address = %endpoints.address()?, "the endpoints are listening");
        tasks.spawn(endpoints.run(pages));
    }
    let (stop, stopped) = oneshot::channel();
    let envoy = tokio::spawn(supervisor.run(stopped));
    tracing::info!(
        envoy = %binary.path.display(),
        version = %binary.version,
        folder = runner.place.folder,
        "starting Envoy"
    );
    let result = runner
        .live(observer, &heard, &mut signals, &mut hang_up)
        .await;
    tracing::info!("shutting down");
    if result.is_ok() {
        runner.drain(&mut signals).await;
    }
    tasks.shutdown().await;
    runner.shim.shut_down().await;
    end(stop, envoy).await;
    result
}

impl Runner<'_> {
    /// Waits for Envoy, then makes changes live until a signal ends this.
    async fn live(
        &mut self,
        mut envoy: Observer,
        heard: &Heard,
        signals: &mut EndSignals,
        hang_up: &mut Signal,
    ) -> anyhow::Result<()> {
        // From before Envoy starts: a change meanwhile is seen.
        let mut watch = Watch::of(&self.files);
        tokio::select! {
            started = self.proxy.started() => started.context("Envoy does not start")?,
            reason = first_end(&mut envoy, heard) => anyhow::bail!("Envoy does not start: {reason}"),
            () = signals.end() => return Ok(()),
        }
        let sets = self.sets(&self.plan);
        self.shim.keep(&sets).await;
        self.pages.changes.accepted(self.proxy.generation());
        let address = self.log_live().await;
        hint::print(&self.plan, address.as_deref());
        loop {
            let is_asked = tokio::select! {
                () = signals.end() => return Ok(()),
                () = self.shim.task_ended() => anyhow::bail!("a task of the shim ended"),
                _ = hang_up.recv() => true,
                () = watch.changed() => false,
            };
            watch = Watch::of(&self.files);
            tokio::select! {
                () = signals.end() => return Ok(()),
                reloaded = self.reload(is_asked) => reloaded?,
            }
            watch = watch.with(&self.files);
        }
    }

    /// Takes no new connections, and waits for requests in progress; another signal ends that.
    async fn drain(&self, signals: &mut EndSignals) {
        self.pages.ending.store(true, Ordering::Relaxed);
        self.pages.admin.post("/drain_listeners").await;
        let drained = async {
            while self.proxy.requests().await.is_some_and(|count| count > 0) {
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::select! {
            () = drained => {}
            () = tokio::time::sleep(DRAIN) => tracing::warn!("requests are still in progress"),
            () = signals.end() => {}
        }
    }

    /// Reads the file again, and makes it live if it is good.
    ///
    /// # Errors
    /// A change has failed half-way and cannot be taken back: requests must not be decided by it.
    async fn reload(&mut self, is_asked: bool) -> anyhow::Result<()> {
        let (plan, files) = match plan::read_again(
            &self.arguments.config,
            &self.arguments.upstream.options(true),
        ) {
            Ok(Reading { plan, files }) => (plan, files),
            Err(error) => {
                self.refused(&format!("{error:#}"), None);
                return Ok(());
            }
        };
        self.files.extend(files.iter().cloned());
        let plan = match plan {
            Ok(mut plan) => {
                plan.listen_on(self.any_port);
                plan.login_at(&self.login_socket);
                plan.keep_names(&self.registries);
                plan
            }
            Err(errors) => {
                for error in &errors {
                    tracing::error!(path = error.path, "configuration: {}", error.message);
                }
                let reason = match errors.len() {
                    1 => "it has 1 error".to_owned(),
                    count => format!("it has {count} errors"),
                };
                self.refused(&reason, errors.first().map(|error| &*error.path));
                return Ok(());
            }
        };
        if let Err(reason) = self.is_possible(&plan).await {
            self.refused(&reason, None);
            return Ok(());
        }
        let new = plan.files(&self.place);
        let people_differ = plan.people_differ(&self.plan);
        // A service that is not needed any more answers until no filter asks it.
        if people_differ
            && plan.people.is_some()
            && let Err(error) = apply(&mut self.people, &plan).await
        {
            self.refused(&format!("{error:#}"), None);
            return Ok(());
        }
        if !self.proxy.differs(&new) && plan.sets == self.plan.sets && !people_differ {
            self.keep(plan, files, is_asked);
            return Ok(());
        }
        // Before the filter asks for them.
        let sets = self.sets(&plan);
        self.shim.add(&sets).await;
        let is_closed = plan.must_close(&self.plan);
        let between = plan.files_after(&self.plan, &self.place);
        let leaves_clusters = between != new;
        if let Err(error) = self.proxy.apply(between, is_closed).await {
            if matches!(error, Refused::NotRestored { .. }) {
                anyhow::bail!("the configuration is refused: {error}");
            }
            if people_differ && let Err(error) = apply(&mut self.people, &self.plan).await {
                anyhow::bail!("the login service of before cannot be started again: {error:#}");
            }
            let sets = self.sets(&self.plan);
            self.shim.keep(&sets).await;
            self.refused(&error.to_string(), None);
            return Ok(());
        }
        if leaves_clusters && let Err(error) = self.proxy.apply(new, false).await {
            if matches!(error, Refused::NotRestored { .. }) {
                anyhow::bail!("{error}");
            }
            tracing::warn!(reason = %error, "clusters of before are still there");
        }
        if people_differ && plan.people.is_none() {
            apply(&mut self.people, &plan).await?;
        }
        let sets = self.sets(&plan);
        self.shim.keep(&sets).await;
        self.warn_of_news(&plan);
        let registry = &plan.completed.upstream;
        self.registries.retain(|known| known.name != registry.name);
        self.registries.push(registry.clone());
        if registry.endpoint != self.plan.completed.upstream.endpoint {
            self.pages.registry.moved(registry.endpoint.clone());
        }
        self.plan = plan;
        self.files = files;
        self.pages.changes.accepted(self.proxy.generation());
        self.log_live().await;
        Ok(())
    }

    /// Takes a plan with which nothing is to be done.
    fn keep(&mut self, plan: Plan, files: BTreeSet<PathBuf>, is_asked: bool) {
        self.warn_of_news(&plan);
        self.plan = plan;
        self.files = files;
        if self.pages.changes.forget_refusal() {
            tracing::info!(
                generation = self.proxy.generation(),
                "the configuration is again the one that is live"
            );
        } else if is_asked {
            tracing::info!("the configuration is the same as before");
        } else {
            tracing::debug!("the configuration is the same as before");
        }
    }

    /// Logs the warnings of a plan that the one of before has not.
    fn warn_of_news(&self, plan: &Plan) {
        for warning in &plan.completed.warnings {
            if !self.plan.completed.warnings.contains(warning) {
                tracing::warn!(path = warning.path, "{}", warning.message);
            }
        }
    }

    /// Returns the sets of a plan, with that of the login service.
    fn sets(&self, plan: &Plan) -> Vec<KeySetSource> {
        plan.sets.iter().cloned().chain(self.people.set()).collect()
    }

    /// Returns why this Envoy cannot have a configuration.
    async fn is_possible(&self, plan: &Plan) -> Result<(), String> {
        possible::check(Change {
            arguments: self.arguments,
            binary: self.binary,
            variables: &self.variables,
            old: &self.plan,
            new: plan,
        })
        .await
    }

    fn refused(&self, reason: &str, path: Option<&str>) {
        self.pages.changes.refused(path);
        tracing::error!(
            reason,
            "the configuration is refused; the one of before stays"
        );
    }

    /// Logs that a configuration is live, and returns the address of its listener.
    async fn log_live(&self) -> Option<String> {
        let address = self.proxy.address().await;
        tracing::info!(
            generation = self.proxy.generation(),
            address,
            "the configuration is live"
        );
        address
    }
}

/// Uses the login service of a plan.
async fn apply(people: &mut PeopleHost, plan: &Plan) -> anyhow::Result<()> {
    let (address, port, tls) = plan.clients();
    people
        .apply(plan.people.as_ref(), (&address, port, tls))
        .await
}
