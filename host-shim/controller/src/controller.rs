//! The loop: what watches show goes into a queue, and from there a few objects at a time are looked
//! after.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::Utc;
use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use kube::Client;
use tokio::time::{Instant, sleep_until};

use crate::account::Account;
use crate::argo::{self, Repository};
use crate::call::Server;
use crate::event::Regarding;
use crate::item::{Item, described, secret_of};
use crate::known::{Known, Shown};
use crate::leader::Leader;
use crate::problem::Problem;
use crate::pull_secret::{self, Done};
use crate::reports::{self, Reports};
use crate::settings::Settings;
use crate::status::Status;
use crate::times;
use crate::watch::{self, Key, Seen};

/// How many objects are looked after at once: the API server has others to serve.
const AT_ONCE: usize = 4;
/// How often a Secret is looked after that does not have to be written: somebody may have deleted
/// or changed it.
const CHECK: Duration = Duration::from_mins(5);
/// How long a watch may take to show that an account is gone.
const MOMENT: Duration = Duration::from_secs(1);
/// The longest pause of the loop.
const IDLE: Duration = Duration::from_mins(1);

/// The result of looking after an item.
enum Outcome {
    Before(Vec<Key>),
    Repositories(Vec<Repository>),
    Repository(Done, String),
    Account(Done),
}

/// Runs until another process leads; returns why. `end` ends it.
///
/// # Errors
/// This process has led, and does no longer: its pod is to be started again.
pub async fn run(
    client: Client,
    settings: &Settings,
    status: &Status,
    end: impl Future<Output = ()>,
) -> Result<(), String> {
    let server = Server::new(client.clone(), settings.timeout);
    let mut leader = Leader::new(&server, settings, status);
    let mut end = std::pin::pin!(end);
    tokio::select! {
        () = leader.acquire() => {}
        () = &mut end => return Ok(()),
    }
    let work = Work::new(&server, settings, status);
    tokio::select! {
        reason = leader.keep() => return Err(reason),
        () = work.run(&client) => {}
        () = &mut end => {}
    }
    leader.release().await;
    Ok(())
}

struct Work<'a> {
    server: &'a Server,
    settings: &'a Settings,
    status: &'a Status,
    accounts: Known<Key, Account>,
    namespaces: Known<String, Option<String>>,
    repositories: BTreeMap<String, Repository>,
    /// The versions of repository Secrets that were left behind.
    versions: BTreeMap<String, String>,
    /// Accounts that got a Secret since this process leads.
    had: BTreeSet<Key>,
    /// Items for which something was not found: they may be gone, which a watch shows.
    missing: BTreeSet<Item>,
    /// Why watches have failed last, and when.
    failing: BTreeMap<&'static str, (String, Instant)>,
    queue: crate::queue::Queue<Item>,
    reports: Reports<'a, Item>,
}

type Running<'a> = FuturesUnordered<LocalBoxFuture<'a, (Item, Result<Outcome, Problem>)>>;

impl<'a> Work<'a> {
    fn new(server: &'a Server, settings: &'a Settings, status: &'a Status) -> Self {
        Self {
            server,
            settings,
            status,
            accounts: Known::default(),
            namespaces: Known::default(),
            repositories: BTreeMap::new(),
            versions: BTreeMap::new(),
            had: BTreeSet::new(),
            missing: BTreeSet::new(),
            failing: BTreeMap::new(),
            queue: crate::queue::Queue::default(),
            reports: Reports::new(status),
        }
    }

    async fn run(mut self, client: &Client) {
        let mut watches = std::pin::pin!(watch::all(client));
        let mut running: Running<'_> = FuturesUnordered::new();
        self.queue.at(&Item::Before, Instant::now());
        if self.settings.argo.is_some() {
            self.queue.at(&Item::Repositories, Instant::now());
        }
        loop {
            // Before both lists are there, an account whose namespace opts in would seem not to.
            let is_listed = self.accounts.is_listed() && self.namespaces.is_listed();
            while is_listed
                && running.len() < AT_ONCE
                && let Some(item) = self.queue.take(Instant::now())
            {
                running.push(self.start(item));
            }
            let wake = self
                .queue
                .next()
                .filter(|_| is_listed && running.len() < AT_ONCE);
            let wake = wake.unwrap_or_else(|| Instant::now() + IDLE);
            tokio::select! {
                Some(seen) = watches.next() => self.see(seen),
                Some((item, result)) = running.next(), if !running.is_empty() => {
                    self.finish(&item, result);
                }
                () = sleep_until(wake) => {}
            }
        }
    }

    fn see(&mut self, seen: Seen) {
        // A list that begins is a question, no answer.
        let is_answer = !matches!(
            seen,
            Seen::Accounts(Shown::ListBegins) | Seen::Namespaces(Shown::ListBegins)
        );
        let changed: Vec<Key> = match seen {
            Seen::Accounts(shown) => {
                let changed = self.accounts.take(shown);
                changed.into_iter().collect()
            }
            Seen::Namespaces(shown) => {
                let changed = self.namespaces.take(shown);
                for name in &changed {
                    let label = self.namespaces.get(name).and_then(Option::as_deref);
                    watch::report_label(name, label);
                }
                let is_in = |key: &&Key| changed.contains(&key.0);
                self.accounts.keys().filter(is_in).cloned().collect()
            }
            Seen::Failed(what, reason) => {
                self.watch_failed(what, reason);
                return;
            }
        };
        let now = Instant::now();
        if is_answer {
            self.status.contact(now);
        }
        for key in changed {
            self.queue.changed(&Item::Account(key), now);
        }
    }

    /// Logs and counts why a watch fails, once for each change. Lists may succeed in between.
    fn watch_failed(&mut self, what: &'static str, reason: String) {
        let now = Instant::now();
        let before = self.failing.get(what);
        let is_known = before.is_some_and(|(known, last)| {
            *known == reason && now.saturating_duration_since(*last) < CHECK
        });
        if !is_known {
            self.status.failed("watch");
            tracing::warn!(what, "cannot watch: {reason}");
        }
        self.failing.insert(what, (reason, now));
    }

    /// Looks after an item, and makes an event of what is wrong with it.
    fn start(&self, item: Item) -> LocalBoxFuture<'a, (Item, Result<Outcome, Problem>)> {
        let (server, identity) = (self.server, &self.settings.identity);
        let about = self.regarding(&item);
        let last = self.reports.last(&item);
        let may_be_gone = self.may_be_gone(&item);
        let work = self.look_after(item);
        Box::pin(async move {
            let (item, result) = work.await;
            if let Err(problem) = &result
                && !problem.is_ending()
                && !(problem.is_missing() && may_be_gone)
            {
                let about = (about.as_ref(), last.as_deref());
                reports::event(server, identity, about, problem).await;
            }
            (item, result)
        })
    }

    /// Looks after an item, with copies of what is known of it.
    fn look_after(&self, item: Item) -> LocalBoxFuture<'a, (Item, Result<Outcome, Problem>)> {
        let (server, settings) = (self.server, self.settings);
        let now = Utc::now().timestamp();
        match &item {
            Item::Account(key) => {
                let account = self.accounts.get(key).cloned();
                let label = self.namespaces.get(&key.0).cloned().flatten();
                let had = self.had.contains(key);
                Box::pin(async move {
                    let Some(account) = account else {
                        return (item, Ok(Outcome::Account(Done::Nothing)));
                    };
                    let label = (label.as_deref(), had);
                    let done = pull_secret::bring(server, settings, &account, label, now).await;
                    (item, done.map(Outcome::Account))
                })
            }
            Item::Before => Box::pin(async move {
                let found = pull_secret::written_before(server).await;
                (item, found.map(Outcome::Before))
            }),
            Item::Repositories => Box::pin(async move {
                let listed = match &settings.argo {
                    Some(argo) => argo::list(server, argo).await,
                    None => Ok(Vec::new()),
                };
                (item, listed.map(Outcome::Repositories))
            }),
            Item::Repository(name) => {
                let repository = self.repositories.get(name).cloned();
                let version = self.versions.get(name).cloned();
                Box::pin(async move {
                    let (Some(argo), Some(repository)) = (&settings.argo, repository) else {
                        return (item, Ok(Outcome::Repository(Done::Nothing, String::new())));
                    };
                    let version = version.as_deref();
                    let done = argo::bring(server, settings, argo, &repository, version, now).await;
                    let done = done.map(|(done, version)| Outcome::Repository(done, version));
                    (item, done)
                })
            }
        }
    }

    fn finish(&mut self, item: &Item, result: Result<Outcome, Problem>) {
        self.queue.done(item, Instant::now());
        let may_be_gone = self.may_be_gone(item);
        let is_missing = result.as_ref().is_err_and(Problem::is_missing);
        if !is_missing {
            self.missing.remove(item);
        }
        match result {
            Ok(Outcome::Before(keys)) => {
                // Those that ask are looked after anyway.
                for key in keys {
                    self.queue.at(&Item::Account(key.clone()), Instant::now());
                    self.had.insert(key);
                }
            }
            Ok(Outcome::Repositories(listed)) => self.listed(listed),
            Ok(Outcome::Repository(done, version)) => {
                if let Item::Repository(name) = item {
                    self.versions.insert(name.clone(), version);
                }
                self.done(item, done);
            }
            Ok(Outcome::Account(done)) => self.done(item, done),
            Err(problem) if problem.is_ending() => {
                self.done(item, Done::Nothing);
                self.queue.at(item, Instant::now() + CHECK);
            }
            Err(_) if is_missing && may_be_gone => {
                // If the account is there still, that is a problem the next time.
                if self.missing.insert(item.clone()) {
                    self.queue.at(item, Instant::now() + MOMENT);
                }
                return;
            }
            Err(problem) => {
                let about = self.regarding(item);
                let pause = self.reports.problem(item, about.as_ref(), &problem);
                self.queue.at(item, Instant::now() + pause);
                return;
            }
        }
        self.reports.good(item);
    }

    /// Whether something that was not found may be missing because the account itself is gone: it is, or
    /// it was there a moment ago.
    fn may_be_gone(&self, item: &Item) -> bool {
        match item {
            Item::Account(key) => self.accounts.get(key).is_none() || !self.missing.contains(item),
            Item::Before | Item::Repositories | Item::Repository(_) => false,
        }
    }

    fn listed(&mut self, listed: Vec<Repository>) {
        let now = Instant::now();
        let listed = listed.into_iter().map(|one| (one.name.clone(), one));
        let before = std::mem::replace(&mut self.repositories, listed.collect());
        for (name, repository) in &self.repositories {
            if before.get(name) != Some(repository) {
                self.queue.changed(&Item::Repository(name.clone()), now);
            }
        }
        for name in before
            .keys()
            .filter(|name| !self.repositories.contains_key(*name))
        {
            self.versions.remove(name);
            let item = Item::Repository(name.clone());
            self.status.ends(described(&item), None);
            self.reports.good(&item);
        }
        if let Some(argo) = &self.settings.argo {
            self.queue.at(&Item::Repositories, now + argo.interval);
        }
    }

    /// Records what there is now, and when it is looked after again.
    fn done(&mut self, item: &Item, done: Done) {
        let (kind, namespace) = match item {
            Item::Account((namespace, _)) => ("account", namespace.as_str()),
            Item::Repository(_) | Item::Repositories | Item::Before => {
                let argo = self.settings.argo.as_ref();
                (
                    "repository",
                    argo.map_or("", |argo| argo.namespace.as_str()),
                )
            }
        };
        let secret = secret_of(item);
        if let Done::Written(life) = done {
            let expires = times::written(life.expires);
            tracing::info!(namespace, secret, expires, "wrote tokens");
            self.status.wrote(kind);
        }
        if done == Done::Cleared {
            tracing::info!(namespace, secret, "removed the tokens");
            self.status.wrote(kind);
        }
        let (Done::Written(life) | Done::Kept(life)) = done else {
            self.status.ends(described(item), None);
            if let Item::Account(key) = item {
                self.had.remove(key);
            }
            return;
        };
        self.status.ends(described(item), Some(life.expires));
        if let Item::Account(key) = item {
            self.had.insert(key.clone());
        }
        let left = life.renew.saturating_sub(Utc::now().timestamp()).max(1);
        let left = Duration::from_secs(left.unsigned_abs());
        self.queue.at(
            item,
            Instant::now() + left.min(CHECK.mul_f64(0.9 + fastrand::f64() * 0.2)),
        );
    }

    fn regarding(&self, item: &Item) -> Option<Regarding> {
        match item {
            Item::Account(key) => self.accounts.get(key).map(|account| Regarding {
                kind: "ServiceAccount",
                namespace: account.namespace.clone(),
                name: account.name.clone(),
                uid: account.uid.clone(),
            }),
            Item::Repository(name) => {
                let repository = self.repositories.get(name)?;
                Some(Regarding {
                    kind: "Secret",
                    namespace: self.settings.argo.as_ref()?.namespace.clone(),
                    name: name.clone(),
                    uid: repository.held.uid.clone(),
                })
            }
            Item::Repositories | Item::Before => None,
        }
    }
}
