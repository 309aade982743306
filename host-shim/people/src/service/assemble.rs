//! From a configuration to its service.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use registry_auth_engine::keys::envelope::PushKey;
use registry_auth_engine::url::UrlError;
use rustls::ClientConfig;

use super::api::PageApi;
use super::methods::{KeyMethod, Methods};
use super::nonces::Nonces;
use super::shares::Shares;
use super::{LoginService, ServiceState, methods};
use crate::apikey::{ApiKeys, CorsRules, Endpoint, Sources};
use crate::config::{ConfigError, Driver, Loaded, PeopleConfig};
use crate::ended::EndedLogins;
use crate::htpasswd::Users;
use crate::ldap::Directory;
use crate::login::{ApiKeyMethod, Login};
use crate::pages::Pages;
use crate::random::{self, NoRandomBytes};
use crate::session::Sessions;
use crate::social::client::DirectClient;
use crate::social::from_config::{origins, providers};
use crate::social::{
    External, Parts, Provider, Sealer, Social, SpentInMemory, SpentInStore, SpentStates,
};
use crate::store::{Embedded, OpenError, Redis, Store};
use crate::token::{Audience, LoginKey, Purpose, RootKey, longest};

/// What the configuration of people does not say.
pub struct Surroundings {
    /// The key that filter and service share.
    pub push_key: PushKey,
    /// The address of the registry for browsers where `http.externalUrl` is absent.
    pub listener: External,
    /// The file of the store, where that is not Redis.
    pub store: PathBuf,
    /// Who is trusted to be a provider.
    pub tls: Arc<ClientConfig>,
    /// `http.allowOrigin`
    pub allow_origins: Vec<String>,
}

/// What goes on when the configuration changes.
#[derive(Default)]
pub struct Kept {
    root: Option<Arc<RootKey>>,
    store: Option<(Place, Arc<dyn Store>)>,
    ended: Option<Arc<EndedLogins>>,
    nonces: Option<Arc<Nonces>>,
    login: Option<Arc<Login>>,
    state: Arc<ServiceState>,
    shares: Shares,
}

#[derive(Clone, PartialEq, Eq)]
enum Place {
    File(PathBuf),
    Server { url: Vec<u8>, prefix: String },
}

/// A service, and what an operator ought to know of it.
pub struct Assembled {
    /// The service.
    pub service: LoginService,
    /// Lines for the log.
    pub notes: Vec<String>,
}

/// Why there is no service.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The URL of Redis cannot be used.
    #[error(transparent)]
    Redis(#[from] crate::store::InvalidUrl),
    /// The directory cannot be used.
    #[error("http.auth.ldap: {0}")]
    Directory(String),
    /// Our own URL cannot be used.
    #[error("http.externalUrl: {0}")]
    Url(UrlError),
    /// Keys and URLs of providers cannot be used.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Providers(Vec<ConfigError>),
    /// The system has no random bytes.
    #[error(transparent)]
    NoRandomBytes(#[from] NoRandomBytes),
    /// The login key cannot be made.
    #[error("no login key")]
    LoginKey,
}

impl Kept {
    /// Makes the service of a configuration. Must be called where tokio runs.
    ///
    /// # Errors
    /// See [`AssembleError`]. What is kept is as before.
    pub async fn assemble(
        &mut self,
        config: &PeopleConfig,
        loaded: &Loaded,
        around: &Surroundings,
    ) -> Result<Assembled, AssembleError> {
        let mut notes = Vec::new();
        let root = match (&loaded.session_keys, &self.root) {
            (Some(keys), _) => Arc::new(RootKey::shared(keys)),
            (None, Some(root)) => Arc::clone(root),
            (None, None) => {
                notes.push("no `sessionKeysFile`: the login key is random, so that sessions end with this process, and no other replica knows them".to_owned());
                Arc::new(RootKey::random()?)
            }
        };
        let key = LoginKey::of(&root).map_err(|_| AssembleError::LoginKey)?;
        let (store, is_new_store) = self.store(config, around, &mut notes)?;
        let providers = config
            .openid
            .as_ref()
            .map(|openid| providers(openid, loaded));
        let providers = providers.transpose().map_err(AssembleError::Providers)?;
        let providers = providers.unwrap_or_default();

        let names = providers.iter().map(|provider| provider.name.clone());
        let methods = Arc::new(Methods::new(names.collect()));
        let keys = config.api_keys.as_ref().zip(store.as_ref());
        let keys = keys.map(|(keys, store)| {
            let sources: Arc<dyn Sources> = methods.clone();
            let login_age = config.sessions.max_age;
            ApiKeys::new(Arc::clone(store), sources, keys.max_age, login_age)
        });
        let login = login(config, loaded, keys.clone())?;
        methods.set(&login);

        let ended = match &self.ended {
            Some(ended) if !is_new_store => Arc::clone(ended),
            _ => Arc::new(EndedLogins::new(store.clone())),
        };
        let now = methods::clock();
        let gone = self.login.as_ref().map(|before| lines_gone(before, &login));
        let until = now.after(2 * longest(Audience::Session));
        let recorded = ended.end(&gone.unwrap_or_default(), until, now).await;
        if let Err(error) = recorded.and(ended.refresh(now).await) {
            notes.push(format!("what has ended before is not known yet: {error}"));
        }
        let nonces = self.nonces.get_or_insert_with(Arc::default);
        let api = PageApi {
            login: Arc::clone(&login),
            keys: keys.clone(),
            ended: Arc::clone(&ended),
            store: store.clone(),
            sessions: Arc::clone(&self.state.sessions),
        };
        let service = LoginService {
            push_key: around.push_key.clone(),
            pages: pages(config, around, &key, &root, providers, api)?,
            api: keys.map(|keys| Endpoint {
                keys,
                cors: CorsRules {
                    origins: around.allow_origins.clone(),
                },
            }),
            key,
            login,
            ended: Arc::clone(&ended),
            nonces: Arc::clone(nonces),
            store,
            state: Arc::clone(&self.state),
            shares: self.shares.clone(),
        };
        (self.root, self.ended) = (Some(root), Some(ended));
        self.login = Some(Arc::clone(&service.login));
        Ok(Assembled { service, notes })
    }

    /// The store, which stays open while its place is the same; and whether it is another one.
    fn store(
        &mut self,
        config: &PeopleConfig,
        around: &Surroundings,
        notes: &mut Vec<String>,
    ) -> Result<(Option<Arc<dyn Store>>, bool), AssembleError> {
        let place = match &config.sessions.driver {
            Driver::Redis { url, key_prefix } => Place::Server {
                url: url.expose().to_vec(),
                prefix: key_prefix.clone(),
            },
            // Passwords alone, with a random key, leave nothing behind.
            Driver::Local if config.api_keys.is_none() && config.sessions.keys_file.is_none() => {
                let had_one = self.store.take().is_some();
                return Ok((None, had_one));
            }
            Driver::Local => Place::File(around.store.clone()),
        };
        if let Some((known, store)) = &self.store
            && *known == place
        {
            return Ok((Some(Arc::clone(store)), false));
        }
        let store: Arc<dyn Store> =
            if let Driver::Redis { url, key_prefix } = &config.sessions.driver {
                notes.push("API keys and ended logins are in Redis".to_owned());
                Arc::new(Redis::new(url, key_prefix)?)
            } else {
                let file = absolute(&around.store);
                notes.push(format!(
                    "API keys and ended logins are in the file `{}`: no other replica knows them",
                    file.display()
                ));
                Arc::new(Embedded::open(&around.store)?)
            };
        self.store = Some((place, Arc::clone(&store)));
        Ok((Some(store), true))
    }
}

/// The ids of the lines of the htpasswd file that are not there any more.
fn lines_gone(before: &Login, now: &Login) -> Vec<String> {
    let Some(before) = before.users() else {
        return Vec::new();
    };
    let now = now
        .users()
        .map_or_else(|| Users::new(b"").file(), Users::file);
    now.ended_since(&before.file())
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn login(
    config: &PeopleConfig,
    loaded: &Loaded,
    keys: Option<ApiKeys>,
) -> Result<Arc<Login>, AssembleError> {
    let users = loaded.htpasswd.as_deref().map(Users::new);
    let directory = config.ldap.clone().map(|server| {
        let account = loaded.service_account.clone();
        Directory::new(server, account, loaded.ldap_authorities.as_deref())
    });
    let directory = directory.transpose().map_err(AssembleError::Directory)?;
    let keys = keys.map(|keys| Box::new(KeyMethod(keys)) as Box<dyn ApiKeyMethod>);
    Ok(Arc::new(Login::new(
        users,
        directory,
        keys,
        random::bytes()?,
    )))
}

fn pages(
    config: &PeopleConfig,
    around: &Surroundings,
    key: &LoginKey,
    root: &RootKey,
    providers: Vec<Provider>,
    api: PageApi,
) -> Result<Pages, AssembleError> {
    let openid = config.openid.as_ref();
    let external_url = openid.and_then(|openid| openid.external_url.as_deref());
    let external = match external_url {
        Some(url) => External::new(url).map_err(AssembleError::Url)?,
        None => around.listener.clone(),
    };
    let origins = openid.map(|openid| origins(openid, &external));
    let origins = origins.unwrap_or_default();
    let secure = config.sessions.secure == Some(true) || external.is_https();
    let spent: Box<dyn SpentStates> = match &api.store {
        Some(store) => Box::new(SpentInStore(Arc::clone(store))),
        None => Box::<SpentInMemory>::default(),
    };
    Ok(Pages {
        social: Social::new(Parts {
            providers,
            external,
            origins,
            sealer: Sealer::new(&root.derive(Purpose::LoginState)),
            spent,
            client: Arc::new(DirectClient::new(Arc::clone(&around.tls))),
        }),
        has_passwords: config.htpasswd.is_some() || config.ldap.is_some(),
        has_keys: api.keys.is_some(),
        sessions: Sessions::new(
            key.clone(),
            config.sessions.max_age,
            secure,
            Arc::clone(&api.sessions),
        ),
        api: Arc::new(api),
    })
}
