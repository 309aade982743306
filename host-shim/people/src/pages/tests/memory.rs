//! Passwords, keys and ended sessions in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use registry_auth_engine::UnixTime;
use registry_auth_engine::login::CallerIdentity;
use registry_auth_people::ended::TooManyEnded;
use registry_auth_people::pages::{KeyDetails, KeyRefused, MadeKey, NewKey, NotEnded, PagesApi};
use registry_auth_people::person::Unavailable;
use registry_auth_people::social::http::Answer;
use registry_auth_people::{LoginError, Method, Person, Secret};

/// When keys are made.
pub(super) const MADE: UnixTime = UnixTime::from_secs(1_790_000_000);

/// One user, `ann` with the password `secret`; `reserved` is a name of the htpasswd file too.
#[derive(Default)]
pub(super) struct Memory {
    /// Keys of users.
    pub(super) keys: Mutex<BTreeMap<String, Vec<KeyDetails>>>,
    /// Sessions that were ended.
    pub(super) ended: Mutex<Vec<String>>,
    /// Who has logged in by a provider.
    pub(super) logins: Mutex<Vec<Person>>,
    /// Whether the store answers.
    pub(super) is_down: Mutex<bool>,
}

impl Memory {
    fn up(&self) -> Result<(), Unavailable> {
        if *self.is_down.lock().unwrap() {
            Err(Unavailable::Store)
        } else {
            Ok(())
        }
    }
}

impl PagesApi for Memory {
    fn password<'a>(
        &'a self,
        user: &'a str,
        password: Secret,
        client: Option<&'a str>,
    ) -> Answer<'a, Result<Person, LoginError>> {
        let retry_after = Duration::from_secs(7);
        let result = match (user, password.expose()) {
            ("ann", b"secret") => Ok(Person {
                user: user.to_owned(),
                groups: vec!["dev".to_owned()],
                method: Method::Htpasswd,
                sid: "h.1".to_owned(),
                not_after: None,
                scopes: Vec::new(),
            }),
            ("limited", _) if client == Some("192.0.2.1") => {
                Err(LoginError::TooManyAttempts { retry_after })
            }
            ("down", _) => Err(LoginError::Unavailable {
                reason: Unavailable::Directory,
                retry_after,
            }),
            _ => Err(LoginError::WrongPassword),
        };
        Box::pin(async move { result })
    }

    fn is_local(&self, user: &str) -> bool {
        ["ann", "reserved@example.org"].contains(&user)
    }

    fn logged_in<'a>(&'a self, person: &'a Person) -> Answer<'a, Result<(), Unavailable>> {
        let up = self.up();
        self.logins.lock().unwrap().push(person.clone());
        Box::pin(async move { up })
    }

    fn end<'a>(
        &'a self,
        user: &'a str,
        id: &'a str,
        _: UnixTime,
    ) -> Answer<'a, Result<(), NotEnded>> {
        let retry_after = Duration::from_secs(7);
        let up = match user {
            "full" => Err(TooManyEnded { retry_after }.into()),
            _ => self.up().map_err(NotEnded::from),
        };
        self.ended.lock().unwrap().push(id.to_owned());
        Box::pin(async move { up })
    }

    fn keys<'a>(&'a self, user: &'a str) -> Answer<'a, Result<Vec<KeyDetails>, Unavailable>> {
        let keys = self.keys.lock().unwrap().get(user).cloned();
        let result = self.up().map(|()| keys.unwrap_or_default());
        Box::pin(async move { result })
    }

    fn make_key<'a>(
        &'a self,
        owner: &'a CallerIdentity,
        key: NewKey,
    ) -> Answer<'a, Result<MadeKey, KeyRefused>> {
        let mut keys = self.keys.lock().unwrap();
        let keys = keys.entry(owner.user.clone()).or_default();
        let details = KeyDetails {
            id: format!("00000000-0000-4000-8000-{:012}", keys.len()),
            label: key.label,
            scopes: key.scopes,
            created: MADE,
            expires: key.expires,
            ..KeyDetails::default()
        };
        keys.push(details.clone());
        let warning = details
            .scopes
            .iter()
            .any(|scope| !scope.starts_with("repository:"));
        let made = MadeKey {
            secret: Secret::new(b"zak_0123456789abcdef0123456789abcdef".to_vec()),
            details,
            warning: warning.then(|| "A scope that is no repository narrows nothing.".to_owned()),
        };
        let result = self.up().map(|()| made).map_err(KeyRefused::from);
        Box::pin(async move { result })
    }

    fn delete_key<'a>(
        &'a self,
        owner: &'a CallerIdentity,
        id: &'a str,
    ) -> Answer<'a, Result<(), KeyRefused>> {
        if let Some(keys) = self.keys.lock().unwrap().get_mut(&owner.user) {
            keys.retain(|key| key.id != id);
        }
        let result = self.up().map_err(KeyRefused::from);
        Box::pin(async move { result })
    }
}
