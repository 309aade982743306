//! API keys as a method of the login, and the methods as sources of API keys.

use std::collections::{BTreeSet, HashMap};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use registry_auth_engine::UnixTime;

use crate::apikey::{ApiKeys, Sources};
use crate::login::{Answer, ApiKeyMethod, Login};
use crate::person::{LoginError, Person};
use crate::secret::Secret;

/// How long an answer of the directory about a user is used for the user's API keys (D28).
const AGAIN: Duration = Duration::from_mins(15);
/// The most users whose answers are kept.
const MAX_KEPT: usize = 10_000;

/// The wall clock.
pub(super) fn clock() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    UnixTime::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// API keys, for [`Login`].
pub(super) struct KeyMethod(pub(super) ApiKeys);

impl ApiKeyMethod for KeyMethod {
    fn authenticate<'a>(&'a self, user: &'a str, key: &'a Secret) -> Answer<'a> {
        Box::pin(async move {
            match self.0.verify(user, key, clock()).await {
                Ok(person) => Ok(Some(person)),
                Err(LoginError::WrongPassword) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }
}

/// A person of the directory, if it is there.
type Found = Option<Person>;

/// The methods of the configuration, for [`ApiKeys`].
pub(super) struct Methods {
    login: OnceLock<Weak<Login>>,
    providers: BTreeSet<String>,
    found: Mutex<HashMap<String, (UnixTime, Option<Person>)>>,
}

impl Methods {
    /// Providers by their names; [`set`](Self::set) gives the rest.
    pub(super) fn new(providers: BTreeSet<String>) -> Self {
        Self {
            login: OnceLock::new(),
            providers,
            found: Mutex::default(),
        }
    }

    /// The login, which itself asks for keys.
    pub(super) fn set(&self, login: &Arc<Login>) {
        // Called once.
        let _ = self.login.set(Arc::downgrade(login));
    }

    fn login(&self) -> Option<Arc<Login>> {
        self.login.get()?.upgrade()
    }

    fn kept(&self, user: &str, now: UnixTime) -> Option<Found> {
        let kept = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, person) = kept.get(user)?;
        (now.since(*at) < AGAIN).then(|| person.clone())
    }

    async fn lookup(&self, user: &str) -> Result<Option<Person>, LoginError> {
        let now = clock();
        if let Some(person) = self.kept(user, now) {
            return Ok(person);
        }
        let Some(login) = self.login() else {
            return Ok(None);
        };
        let Some(directory) = login.directory() else {
            return Ok(None);
        };
        let person = directory.lookup(user).await?;
        let mut kept = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.retain(|_, (at, _)| now.since(*at) < AGAIN);
        }
        if kept.len() < MAX_KEPT {
            kept.insert(user.to_owned(), (now, person.clone()));
        }
        Ok(person)
    }
}

impl Sources for Methods {
    fn is_local(&self, user: &str) -> bool {
        self.login().is_some_and(|login| login.is_reserved(user))
    }

    fn directory<'a>(
        &'a self,
        user: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Person>, LoginError>> + Send + 'a>> {
        Box::pin(self.lookup(user))
    }

    fn has_provider(&self, name: &str) -> bool {
        self.providers.contains(name)
    }
}
