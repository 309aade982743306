//! People log in: the service of `registry-auth-people`, for `serve` and `run`.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use registry_auth_engine::config::ConfigError;
use registry_auth_engine::keys::envelope::PushKey;
use registry_auth_engine::login::SET;
use registry_auth_people::config::{self, Loaded, PeopleConfig};
use registry_auth_people::htpasswd::UserFile;
use registry_auth_people::service::{
    Kept, LoginService, ServiceSwitch, Surroundings, watch_directory, watch_users,
};
use registry_auth_people::social::External;
use registry_auth_render::{Endpoint, Login};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::file;
use crate::key_sets::{KeySetSource, Origin};
use crate::login_feed::LoginFeed;
use crate::refresh::Timing;
use crate::status::Status;
use crate::trust::Authorities;

/// The longest file that is read, in bytes: an htpasswd file of some 200,000 users.
const MAX_FILE: u64 = 16 * 1024 * 1024;
/// The file of the store, in the folder of the service manager's unit or the current one.
const STORE: &str = "registry-auth.db";

/// What a document says of people, with the files that it names.
#[derive(Clone, Debug)]
pub(crate) struct People {
    config: Arc<PeopleConfig>,
    loaded: Arc<Loaded>,
    allow_origins: Vec<String>,
    /// What an operator ought to know, lines of the htpasswd file included.
    findings: Vec<ConfigError>,
    /// Changes with everything but the content of the htpasswd file, which is watched.
    fingerprint: u64,
}

/// The files that were read.
#[derive(Default)]
struct Files {
    paths: RefCell<BTreeSet<PathBuf>>,
    hasher: RefCell<DefaultHasher>,
}

impl People {
    /// Reads what a document says of people, and the files; adds their paths to `files`. `None`
    /// where nobody logs in.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(crate) fn read(
        document: &Value,
        files: &mut BTreeSet<PathBuf>,
    ) -> Result<Option<Self>, Vec<ConfigError>> {
        let Some(config) = config::read(document)? else {
            return Ok(None);
        };
        let read = Files::default();
        let users = config.htpasswd.as_ref().map(|users| users.path.clone());
        let loaded = config::load(&config, &|path| read.read(path, users.as_deref()));
        files.extend(read.paths.into_inner());
        let loaded = loaded?;
        let mut hasher = read.hasher.into_inner();
        let http = member(document, "http");
        let auth = http.and_then(|http| member(http, "auth"));
        auth.map(Value::to_string).hash(&mut hasher);
        let others = ["externalUrl", "allowOrigin", "address", "port", "tls"];
        for name in others {
            let value = http.and_then(|http| member(http, name));
            value.map(Value::to_string).hash(&mut hasher);
        }
        let allow_origins = http.and_then(|http| member(http, "allowOrigin"));
        let mut findings = config.findings.clone();
        findings.extend(
            loaded
                .htpasswd
                .as_deref()
                .into_iter()
                .flat_map(unused_lines),
        );
        Ok(Some(Self {
            findings,
            config: Arc::new(config),
            loaded: Arc::new(loaded),
            allow_origins: origins(allow_origins),
            fingerprint: hasher.finish(),
        }))
    }

    /// What the completion of the document has to know.
    pub(crate) fn login(&self, endpoint: Endpoint) -> Login {
        Login {
            methods: self.config.methods(),
            endpoint,
        }
    }

    /// What an operator ought to know.
    pub(crate) fn findings(&self) -> &[ConfigError] {
        &self.findings
    }

    /// Returns true if another service is needed than that of `other`.
    pub(crate) const fn differs(&self, other: &Self) -> bool {
        self.fingerprint != other.fingerprint
    }
}

impl Files {
    fn read(&self, path: &Path, users: Option<&Path>) -> Result<Vec<u8>, String> {
        self.paths.borrow_mut().insert(path.to_owned());
        let read = file::read(path, MAX_FILE).map_err(|error| error.reason());
        if users != Some(path) {
            read.hash(&mut *self.hasher.borrow_mut());
        }
        read
    }
}

/// The lines of an htpasswd file that are not used, or not as they may be meant.
fn unused_lines(file: &[u8]) -> Vec<ConfigError> {
    let lines = UserFile::parse(file);
    let found = lines.findings().iter().map(|finding| ConfigError {
        path: "http.auth.htpasswd.path".to_owned(),
        message: finding.to_string(),
    });
    found.collect()
}

fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let mut members = object.as_object()?.iter();
    members
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// `http.allowOrigin`: a list, or a text of some with commas; `*` is none in particular.
fn origins(value: Option<&Value>) -> Vec<String> {
    let texts: Vec<&str> = match value {
        Some(Value::String(text)) => text.split(',').collect(),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let texts = texts.into_iter().map(str::trim);
    let listed: Vec<String> = texts
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .collect();
    if listed.iter().any(|origin| origin == "*") {
        Vec::new()
    } else {
        listed
    }
}

/// The running service, which changes with the configuration.
pub(crate) struct PeopleHost {
    push_key: PushKey,
    status: Status,
    store: PathBuf,
    kept: Kept,
    switch: ServiceSwitch,
    service: Option<Arc<LoginService>>,
    feed: watch::Sender<Option<Value>>,
    tasks: JoinSet<()>,
    feeding: Option<tokio::task::AbortHandle>,
}

impl PeopleHost {
    /// A host without a service. `store` is the file of the store.
    pub(crate) fn new(push_key: PushKey, store: Option<&Path>, status: Status) -> Self {
        let mut host = Self {
            push_key,
            status,
            store: store.map_or_else(default_store, Path::to_owned),
            kept: Kept::default(),
            switch: ServiceSwitch::default(),
            service: None,
            feed: watch::Sender::default(),
            tasks: JoinSet::new(),
            feeding: None,
        };
        host.tasks.spawn(watch_users(host.switch.clone()));
        host.tasks.spawn(watch_directory(host.switch.clone()));
        host
    }

    /// What answers requests.
    pub(crate) fn switch(&self) -> ServiceSwitch {
        self.switch.clone()
    }

    /// The set to push, while there is a service.
    pub(crate) fn set(&self) -> Option<KeySetSource> {
        self.service.as_ref()?;
        Some(KeySetSource {
            name: SET.into(),
            origin: Origin::Login(LoginFeed(self.feed.subscribe())),
            timing: Timing::default(),
        })
    }

    /// Uses this configuration from now on; `listener` is where clients connect, and whether with
    /// TLS.
    ///
    /// # Errors
    /// There is no such service; the one of before stays.
    pub(crate) async fn apply(
        &mut self,
        people: Option<&People>,
        (address, port, tls): (&str, u16, bool),
    ) -> anyhow::Result<()> {
        let Some(people) = people else {
            self.stop_feeding();
            self.switch.set(None);
            self.service = None;
            self.status.set_people(None);
            self.feed.send_replace(None);
            return Ok(());
        };
        let around = Surroundings {
            push_key: self.push_key.clone(),
            listener: External::of_listener(address, &port.to_string(), tls)
                .context("http.address and http.port")?,
            store: self.store.clone(),
            tls: Authorities::System
                .client_config()
                .context("the authorities of providers")?,
            allow_origins: people.allow_origins.clone(),
        };
        let made = self
            .kept
            .assemble(&people.config, &people.loaded, &around)
            .await?;
        for note in made.notes {
            tracing::info!("people: {note}");
        }
        let service = Arc::new(made.service);
        let jwk = service.key().public_jwk().context("no login key")?;
        let users = people.config.htpasswd.as_ref();
        let users = users.map(|users| users.path.clone());
        self.switch.set(Some((Arc::clone(&service), users)));
        self.stop_feeding();
        let (feed, jwks) = (self.feed.clone(), json!({ "keys": [jwk] }));
        let mut ended = service.ended().subscribe();
        let first = ended.borrow_and_update().with_keys(&jwks);
        feed.send_replace(Some(first));
        let feeding = async move {
            while ended.changed().await.is_ok() {
                let set = ended.borrow_and_update().with_keys(&jwks);
                feed.send_replace(Some(set));
            }
        };
        self.feeding = Some(self.tasks.spawn(feeding));
        self.status.set_people(Some(Arc::clone(&service)));
        self.service = Some(service);
        tracing::info!(methods = people.config.methods().join(" "), "people log in");
        Ok(())
    }

    fn stop_feeding(&mut self) {
        if let Some(task) = self.feeding.take() {
            task.abort();
        }
    }
}

/// The file of the store where none is named.
pub(crate) fn default_store() -> PathBuf {
    let folder = std::env::var_os("STATE_DIRECTORY").map(PathBuf::from);
    folder.unwrap_or_default().join(STORE)
}

/// Where the login service listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LoginAddress {
    /// A loopback address.
    Tcp(std::net::SocketAddr),
    /// A socket.
    Unix(PathBuf),
}

impl std::str::FromStr for LoginAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.starts_with('/') {
                return Ok(Self::Unix(path.into()));
            }
            return Err("write the whole path: `unix:/path/of/socket`".to_owned());
        }
        let address: std::net::SocketAddr = text
            .parse()
            .map_err(|_| "write `127.0.0.1:PORT` or `unix:/path/of/socket`".to_owned())?;
        if address.ip().is_loopback() {
            Ok(Self::Tcp(address))
        } else {
            Err("passwords travel in clear text: write a loopback address or `unix:/path/of/socket`".to_owned())
        }
    }
}

impl LoginAddress {
    /// The same for Envoy.
    pub(crate) fn endpoint(&self) -> Endpoint {
        match self {
            Self::Tcp(address) => Endpoint::Host(address.ip().to_string(), address.port()),
            Self::Unix(path) => Endpoint::Unix(path.display().to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
