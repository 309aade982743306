//! Who a name and a password belong to: the methods, one after the other (D21).

#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::counters::{Counters, Outcome};
use crate::htpasswd::{Busy, Reload, Users};
use crate::ldap::Directory;
use crate::limits::{Attempt, End, Known, Limits};
use crate::person::{LoginError, Method, Person, Unavailable};
use crate::secret::Secret;

pub use crate::person::MAX_USER;

/// The longest password that is checked, in bytes: SHA-crypt takes time with its square.
pub const MAX_PASSWORD: usize = 1024;

/// When it is worth another attempt where too many logins wait.
const BUSY: Duration = Duration::from_secs(1);

/// What a method answers.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Option<Person>, LoginError>> + Send + 'a>>;

/// Keys that people made for their clients.
pub trait ApiKeyMethod: Send + Sync {
    /// Returns the person whose key this is; None if it is nobody's, has ended, or belongs to
    /// another name.
    fn authenticate<'a>(&'a self, user: &'a str, key: &'a Secret) -> Answer<'a>;
}

/// The methods that are configured, and the limits before them.
pub struct Login {
    users: Option<Users>,
    directory: Option<Directory>,
    api_keys: Option<Box<dyn ApiKeyMethod>>,
    limits: Mutex<Limits>,
    counters: Counters,
}

/// What kind of secret somebody presents: it decides who is asked, so that no key or token is sent
/// to another system as if it were a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `zak_` and 32 hexadecimal digits.
    ApiKey,
    /// Three parts of base64url: a JWT, which the filter verifies; here it is nobody's password.
    Token,
    Password,
}

impl Login {
    /// The methods; `salt` is random and different in each process.
    #[must_use]
    pub fn new(
        users: Option<Users>,
        directory: Option<Directory>,
        api_keys: Option<Box<dyn ApiKeyMethod>>,
        salt: [u8; 16],
    ) -> Self {
        Self {
            users,
            directory,
            api_keys,
            limits: Mutex::new(Limits::new(salt)),
            counters: Counters::default(),
        }
    }

    /// The htpasswd file.
    #[must_use]
    pub const fn users(&self) -> Option<&Users> {
        self.users.as_ref()
    }

    /// The directory.
    #[must_use]
    pub const fn directory(&self) -> Option<&Directory> {
        self.directory.as_ref()
    }

    /// What happened so far, for metrics.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Takes another version of the htpasswd file, or why it cannot be read.
    pub fn reload_users(&self, read: Result<Vec<u8>, String>) -> Option<Reload> {
        let reload = self.users.as_ref()?.reload(read);
        self.limits().users_changed();
        Some(reload)
    }

    /// Returns true if a social login may not have this name: the htpasswd file has it (D29).
    #[must_use]
    pub fn is_reserved(&self, user: &str) -> bool {
        let users = self.users.as_ref();
        users.is_some_and(|users| users.file().names(user))
    }

    /// Returns who a name and a secret belong to. A wrong password of the htpasswd file may be the
    /// right one of the directory, so that is asked too.
    ///
    /// # Errors
    /// See [`LoginError`]. A method that does not answer is an outage, unless another knows the
    /// person.
    pub async fn authenticate(
        &self,
        user: &str,
        secret: Secret,
        client: Option<IpAddr>,
    ) -> Result<Person, LoginError> {
        let length = secret.expose().len();
        if user.is_empty() || user.len() > MAX_USER || length > MAX_PASSWORD {
            self.counters.count(None, Outcome::Wrong);
            return Err(LoginError::WrongPassword);
        }
        let attempt = self.limits().attempt(user, secret.expose(), client);
        let known = self.limits().begin(&attempt, Instant::now());
        match known {
            Known::Nothing => {}
            Known::Wrong => {
                self.counters.count(None, Outcome::Wrong);
                return Err(LoginError::WrongPassword);
            }
            Known::TooMany { retry_after } => {
                self.counters.count(None, Outcome::TooMany);
                return Err(LoginError::TooManyAttempts { retry_after });
            }
        }
        let mut checking = Checking {
            login: self,
            attempt,
            end: End::Innocent,
        };
        let result = self.ask(user, &secret).await;
        checking.end = self.end(user, &result);
        drop(checking);
        let outcome = match &result {
            Ok(_) => Outcome::Right,
            Err(LoginError::WrongPassword) => Outcome::Wrong,
            Err(LoginError::TooManyAttempts { .. }) => Outcome::TooMany,
            Err(LoginError::Unavailable { .. }) => Outcome::Unavailable,
        };
        let method = result.as_ref().ok().map(|person| &person.method);
        self.counters.count(method, outcome);
        result
    }

    /// What an answer means for the limits. Passwords of the htpasswd file cannot be guessed without
    /// limit while the directory is gone.
    fn end(&self, user: &str, result: &Result<Person, LoginError>) -> End {
        match result {
            Err(LoginError::WrongPassword) => End::Wrong,
            Err(LoginError::Unavailable { reason, .. })
                if *reason == Unavailable::Directory && self.is_reserved(user) =>
            {
                End::Failed
            }
            _ => End::Innocent,
        }
    }

    /// Asks the methods that this kind of secret is for.
    async fn ask(&self, user: &str, secret: &Secret) -> Result<Person, LoginError> {
        match Kind::of(secret.expose()) {
            Kind::Token => Err(LoginError::WrongPassword),
            Kind::ApiKey => {
                let keys = self.api_keys.as_ref().ok_or(LoginError::WrongPassword)?;
                keys.authenticate(user, secret)
                    .await?
                    .ok_or(LoginError::WrongPassword)
            }
            Kind::Password => self.password(user, secret).await,
        }
    }

    /// The htpasswd file first. That it is too busy is no answer: the directory may have one.
    async fn password(&self, user: &str, password: &Secret) -> Result<Person, LoginError> {
        let mut missing = None;
        if let Some(users) = &self.users {
            match users.authenticate(user, password).await {
                Ok(Some(person)) => return Ok(person),
                Ok(None) => {}
                Err(Busy) => missing = Some(busy()),
            }
        }
        if let Some(directory) = &self.directory
            && let Some(person) = directory.authenticate(user, password).await?
        {
            return Ok(person);
        }
        Err(missing.unwrap_or(LoginError::WrongPassword))
    }

    /// Finds somebody again whom a method authenticated before, without the password (D28). None:
    /// what was made by that login ends.
    ///
    /// # Errors
    /// The directory does not answer.
    pub async fn still(&self, person: &Person) -> Result<Option<Person>, LoginError> {
        let found = match person.method {
            Method::Htpasswd => {
                let users = self.users.as_ref();
                let file = users.map(Users::file);
                let sid = file.as_ref().and_then(|file| file.sid(&person.user));
                return Ok((sid == Some(person.sid.as_str())).then(|| person.clone()));
            }
            Method::Ldap => match &self.directory {
                None => None,
                Some(directory) => directory.lookup(&person.user).await?,
            },
            Method::ApiKey | Method::OpenId(_) => return Ok(Some(person.clone())),
        };
        Ok(found.filter(|found| found.sid == person.sid))
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt that is being checked; its end is noted even where the caller stops waiting.
struct Checking<'a> {
    login: &'a Login,
    attempt: Attempt,
    end: End,
}

impl Drop for Checking<'_> {
    fn drop(&mut self) {
        let mut limits = self.login.limits();
        limits.end(&self.attempt, self.end, Instant::now());
    }
}

impl Kind {
    fn of(secret: &[u8]) -> Self {
        if is_api_key(secret) {
            Self::ApiKey
        } else if is_token(secret) {
            Self::Token
        } else {
            Self::Password
        }
    }
}

/// `zak_` and 32 hexadecimal digits, as zot makes them.
fn is_api_key(secret: &[u8]) -> bool {
    secret
        .strip_prefix(b"zak_")
        .is_some_and(|digits| digits.len() == 32 && digits.iter().all(u8::is_ascii_hexdigit))
}

/// Three parts of base64url, none of them empty.
fn is_token(secret: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let mut parts = 0;
    secret.split(|byte| *byte == b'.').all(|part| {
        parts += 1;
        !part.is_empty() && part.iter().all(is_digit)
    }) && parts == 3
}

const fn busy() -> LoginError {
    LoginError::Unavailable {
        reason: Unavailable::Busy,
        retry_after: BUSY,
    }
}
