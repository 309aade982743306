//! People in a directory: LDAP.
//!
//! A login is a search for the entry as the service account, and a bind as that entry. What the
//! directory does not answer is an outage, never a wrong password (D23).

mod circuit;
mod connection;
mod entry;
#[cfg(test)]
pub(crate) mod slapd;
#[cfg(test)]
mod stub;
#[cfg(test)]
pub(crate) mod tests;
mod tls;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ldap3::Scope;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use tokio::sync::Semaphore;

pub use circuit::OPEN;

use crate::config::{Ldap, SearchScope, Security, ServiceAccount};
use crate::ldap_syntax::filter;
use crate::person::{LoginError, Method, Person, Unavailable};
use crate::secret::Secret;
use circuit::Circuit;
use connection::{Bind, Connection, Limits, Outage, Search};
use entry::Entry;

/// The connections that are used at once.
pub const MAX_CONNECTIONS: usize = 4;

/// The logins that wait for one; more are refused.
pub const MAX_WAITING: usize = 100;

/// The most groups of one person that are fetched in parts.
const MAX_GROUPS: usize = 20_000;

/// When it is worth asking again where too many logins wait.
const BUSY: Duration = Duration::from_secs(1);

/// A directory, and the connections to it.
pub struct Directory {
    server: Ldap,
    account: Option<ServiceAccount>,
    tls: Option<Arc<ClientConfig>>,
    limits: Limits,
    places: Semaphore,
    turns: Semaphore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    circuit: Circuit,
    idle: Vec<Connection>,
    asked: Asked,
}

/// What was asked of the directory, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Logins and lookups that the directory answered.
    pub answered: u64,
    /// Those that it did not answer.
    pub outages: u64,
    /// Those that were not sent, because it did not answer shortly before.
    pub skipped: u64,
    /// Connections that were opened.
    pub connections: u64,
    /// The time that those which were sent took together.
    pub time: Duration,
    /// It did not answer shortly before.
    pub is_open: bool,
}

impl Directory {
    /// A directory as it is configured. Nothing is sent before the first login.
    ///
    /// # Errors
    /// The system has no certificate authorities, and none are configured.
    pub fn new(
        server: Ldap,
        account: Option<ServiceAccount>,
        authorities: Option<&[CertificateDer<'static>]>,
    ) -> Result<Self, String> {
        let tls = match server.security {
            Security::Plain => None,
            Security::Ldaps | Security::StartTls => {
                Some(tls::client_config(authorities, server.skip_verify)?)
            }
        };
        Ok(Self {
            server,
            account,
            tls,
            limits: Limits::USUAL,
            places: Semaphore::new(MAX_CONNECTIONS + MAX_WAITING),
            turns: Semaphore::new(MAX_CONNECTIONS),
            state: Mutex::default(),
        })
    }

    /// What was asked so far.
    #[must_use]
    pub fn asked(&self) -> Asked {
        let state = self.state();
        Asked {
            is_open: state.circuit.is_open(),
            ..state.asked
        }
    }

    /// Returns the person whose name and password these are; None if there is none.
    ///
    /// # Errors
    /// [`LoginError::Unavailable`]: the directory does not answer, refuses the service account, or
    /// too many logins wait.
    pub async fn authenticate(
        &self,
        user: &str,
        password: &Secret,
    ) -> Result<Option<Person>, LoginError> {
        // An empty password would be an anonymous bind, which succeeds (RFC 4513 section 5.1.2).
        if user.trim().is_empty() || password.expose().is_empty() {
            return Ok(None);
        }
        self.ask(user, Some(password)).await
    }

    /// Finds a person again, without the password: None if the entry is gone, or may no longer log
    /// in (D28). Whoever asks compares the id: another entry may have the name now.
    ///
    /// # Errors
    /// As [`Self::authenticate`].
    pub async fn lookup(&self, user: &str) -> Result<Option<Person>, LoginError> {
        if user.trim().is_empty() {
            return Ok(None);
        }
        self.ask(user, None).await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(
        &self,
        user: &str,
        password: Option<&Secret>,
    ) -> Result<Option<Person>, LoginError> {
        let busy = LoginError::Unavailable {
            reason: Unavailable::Busy,
            retry_after: BUSY,
        };
        self.enter()?;
        let _place = self.places.try_acquire().map_err(|_| busy.clone())?;
        // That others take long is no outage.
        let turn = tokio::time::timeout(self.limits.turn, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(busy);
        };
        let start = Instant::now();
        let limit = self.limits.login;
        let result = tokio::time::timeout(limit, self.with_connection(user, password))
            .await
            .unwrap_or_else(|_| Err(Outage(format!("the login took longer than {limit:?}"))));
        self.finish(start, result)
    }

    /// Lets a login pass, unless the directory is left alone.
    fn enter(&self) -> Result<(), LoginError> {
        let mut state = self.state();
        let entered = state.circuit.enter(Instant::now());
        entered.map_err(|retry_after| {
            state.asked.skipped += 1;
            unavailable(retry_after)
        })
    }

    fn finish(
        &self,
        start: Instant,
        result: Result<Option<Person>, Outage>,
    ) -> Result<Option<Person>, LoginError> {
        let now = Instant::now();
        let mut state = self.state();
        state.asked.time += now.saturating_duration_since(start);
        match result {
            Ok(person) => {
                state.asked.answered += 1;
                state.circuit.answered();
                Ok(person)
            }
            Err(outage) => {
                state.asked.outages += 1;
                state.circuit.failed(now);
                // Connections of before the outage are not worth a try.
                state.idle.clear();
                drop(state);
                tracing::warn!(server = self.server.address, reason = %outage, "the directory is unavailable");
                Err(unavailable(OPEN))
            }
        }
    }

    /// Uses an idle connection, or a new one. A connection that breaks is used no more.
    async fn with_connection(
        &self,
        user: &str,
        password: Option<&Secret>,
    ) -> Result<Option<Person>, Outage> {
        let mut connection = self.bound().await?;
        let person = self.person(&mut connection, user, password).await?;
        let mut state = self.state();
        if state.idle.len() < MAX_CONNECTIONS {
            state.idle.push(connection);
        }
        Ok(person)
    }

    /// A connection that is bound as the service account. It is tried twice: a server may have
    /// closed the first.
    async fn bound(&self) -> Result<Connection, Outage> {
        let idle = self.state().idle.pop();
        if let Some(mut connection) = idle
            && !connection.is_closed()
            && self.bind_service(&mut connection).await.is_ok()
        {
            return Ok(connection);
        }
        let first = self.open_bound().await;
        match first {
            Err(Refused::Outage(_)) => self.open_bound().await,
            done => done,
        }
        .map_err(|refused| match refused {
            Refused::Outage(outage) => outage,
            Refused::Account => Outage(
                "the directory refuses the service account; check the file of `credentialsFile`"
                    .to_owned(),
            ),
        })
    }

    async fn open_bound(&self) -> Result<Connection, Refused> {
        self.state().asked.connections += 1;
        let mut connection = Connection::open(&self.server, self.tls.clone(), self.limits).await?;
        self.bind_service(&mut connection).await?;
        Ok(connection)
    }

    /// Binds as the service account, anonymously without one (RFC 4513 section 5.1.1, D25). Each
    /// time: a connection may be bound as a person, and an idle one may have died unseen.
    async fn bind_service(&self, connection: &mut Connection) -> Result<(), Refused> {
        let anonymous = Secret::new(Vec::new());
        let (dn, password) = match &self.account {
            None => ("", &anonymous),
            Some(account) => (account.bind_dn.as_str(), &account.bind_password),
        };
        match connection.bind(dn, password).await? {
            Bind::Right => Ok(()),
            Bind::Wrong => Err(Refused::Account),
        }
    }

    async fn person(
        &self,
        connection: &mut Connection,
        user: &str,
        password: Option<&Secret>,
    ) -> Result<Option<Person>, Outage> {
        let server = &self.server;
        let filter = filter::of_user(
            &server.user_attribute,
            user.as_bytes(),
            server.user_filter.as_ref(),
        );
        let mut attributes = vec![server.user_attribute.clone()];
        attributes.extend(server.group_attribute.clone());
        let search = Search {
            base: &server.base_dn,
            scope: match server.scope {
                SearchScope::OneLevel => Scope::OneLevel,
                SearchScope::Subtree => Scope::Subtree,
            },
            filter: &filter,
            attributes,
        };
        let found = connection.search(&search).await?;
        let [entry] = found.as_slice() else {
            return Ok(None);
        };
        // An empty name would be an anonymous bind, which succeeds.
        let name = entry
            .canonical_name(&server.user_attribute, user)
            .filter(|_| !entry.dn.is_empty());
        let Some(name) = name else {
            return Ok(None);
        };
        let groups = self.groups(connection, entry).await?;
        if let Some(password) = password
            && connection.bind(&entry.dn, password).await? == Bind::Wrong
        {
            return Ok(None);
        }
        Ok(Some(Person {
            user: name,
            groups,
            method: Method::Ldap,
            sid: entry.sid(),
            not_after: None,
            scopes: Vec::new(),
        }))
    }

    /// The groups of an entry, those too that a server gives in parts.
    async fn groups(
        &self,
        connection: &mut Connection,
        entry: &Entry,
    ) -> Result<Vec<String>, Outage> {
        let Some(attribute) = &self.server.group_attribute else {
            return Ok(Vec::new());
        };
        let mut found = entry.values(attribute);
        let mut groups = std::mem::take(&mut found.values);
        while let Some(start) = found.next {
            let search = Search {
                base: &entry.dn,
                scope: Scope::Base,
                filter: "(objectClass=*)",
                attributes: vec![entry::from(attribute, start)],
            };
            let entries = connection.search(&search).await?;
            let part = entries.first().map(|entry| entry.values(attribute));
            found = part.filter(|part| !part.values.is_empty()).ok_or_else(|| {
                Outage("the directory gives a part of the groups, and not the rest".to_owned())
            })?;
            groups.append(&mut found.values);
            if groups.len() > MAX_GROUPS || found.next.is_some_and(|next| next <= start) {
                return Err(Outage(format!(
                    "an entry has more than {MAX_GROUPS} groups"
                )));
            }
        }
        Ok(groups)
    }
}

/// Why a connection is not usable.
enum Refused {
    Outage(Outage),
    Account,
}

impl From<Outage> for Refused {
    fn from(outage: Outage) -> Self {
        Self::Outage(outage)
    }
}

fn unavailable(retry_after: Duration) -> LoginError {
    LoginError::Unavailable {
        reason: Unavailable::Directory,
        retry_after,
    }
}
