//! One connection to a directory.

use std::future::Future;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

use ldap3::{Ldap as Handle, LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchOptions};
use rustls::ClientConfig;
use tokio::time::timeout;

use super::entry::Entry;
use crate::config::{Ldap, Security};
use crate::secret::Secret;

/// How long one step may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Until one of the connections is free.
    pub(super) turn: Duration,
    /// Until a connection is there, with TLS.
    pub(super) connect: Duration,
    /// One bind or one search.
    pub(super) operation: Duration,
    /// All of a login.
    pub(super) login: Duration,
}

impl Limits {
    /// Those of D23.
    pub(super) const USUAL: Self = Self {
        turn: Duration::from_secs(3),
        connect: Duration::from_secs(2),
        operation: Duration::from_secs(3),
        login: Duration::from_secs(5),
    };
}

/// The directory does not do its part. The text says what, without anything secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Outage(pub(super) String);

/// What a bind says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bind {
    /// The password is right.
    Right,
    /// It is not, or the entry may not bind.
    Wrong,
}

/// A search: below an entry, by a filter.
pub(super) struct Search<'a> {
    pub(super) base: &'a str,
    pub(super) scope: Scope,
    pub(super) filter: &'a str,
    pub(super) attributes: Vec<String>,
}

pub(super) struct Connection {
    handle: Handle,
    operation: Duration,
}

impl Connection {
    /// Connects, with TLS where it is configured.
    pub(super) async fn open(
        server: &Ldap,
        tls: Option<Arc<ClientConfig>>,
        limits: Limits,
    ) -> Result<Self, Outage> {
        let scheme = match server.security {
            Security::Ldaps => "ldaps",
            Security::StartTls | Security::Plain => "ldap",
        };
        let host = if server.address.parse::<Ipv6Addr>().is_ok() {
            format!("[{}]", server.address)
        } else {
            server.address.clone()
        };
        let mut settings = LdapConnSettings::new()
            .set_starttls(server.security == Security::StartTls)
            .set_no_tls_verify(server.skip_verify);
        if let Some(tls) = tls {
            settings = settings.set_config(tls);
        }
        let url = format!("{scheme}://{host}:{}", server.port);
        let opened = LdapConnAsync::with_settings(settings, &url);
        let (connection, handle) = within(limits.connect, "connecting", opened).await?;
        tokio::spawn(async move {
            // Whoever uses the connection sees its end.
            let _ = connection.drive().await;
        });
        Ok(Self {
            handle,
            operation: limits.operation,
        })
    }

    pub(super) fn is_closed(&mut self) -> bool {
        self.handle.is_closed()
    }

    /// Binds (RFC 4513 section 5.1). The caller sees to it that neither the name nor the password
    /// of a person is empty: servers take that as anonymous, and as success.
    pub(super) async fn bind(&mut self, dn: &str, password: &Secret) -> Result<Bind, Outage> {
        let Ok(password) = std::str::from_utf8(password.expose()) else {
            return Ok(Bind::Wrong);
        };
        let answer = within(
            self.operation,
            "binding",
            self.handle.simple_bind(dn, password),
        )
        .await?;
        match answer.rc {
            0 => Ok(Bind::Right),
            code if is_outage(code) => Err(Outage(format!("binding gave result code {code}"))),
            _ => Ok(Bind::Wrong),
        }
    }

    /// Returns the entries that a search finds; none if there are more than two.
    pub(super) async fn search(&mut self, search: &Search<'_>) -> Result<Vec<Entry>, Outage> {
        // Aliases are not followed, and two entries are as wrong as many.
        self.handle
            .with_search_options(SearchOptions::new().sizelimit(2));
        let answer =
            self.handle
                .search(search.base, search.scope, search.filter, &search.attributes);
        let ldap3::SearchResult(found, result) =
            within(self.operation, "searching", answer).await?;
        match result.rc {
            0 => {}
            // sizeLimitExceeded: there are more than were given.
            4 => return Ok(Vec::new()),
            // noSuchObject: the base is missing, or may not be seen.
            32 => {
                tracing::warn!(base = search.base, "the directory has no entry `baseDN`");
                return Ok(Vec::new());
            }
            code => return Err(Outage(format!("searching gave result code {code}"))),
        }
        let entries = found
            .into_iter()
            .filter(|found| !found.is_ref() && !found.is_intermediate())
            .map(Entry::read);
        entries
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| Outage("searching gave what is no entry".to_owned()))
    }
}

/// Result codes that say nothing of the password (RFC 4511 appendix A): errors of the protocol,
/// limits, a referral, what the server asks of the connection, busy, unavailable, a loop, other.
const fn is_outage(code: u32) -> bool {
    matches!(
        code,
        1 | 2 | 3 | 7 | 8 | 10 | 11 | 12 | 13 | 14 | 51 | 52 | 54 | 80
    )
}

/// Runs a step for a bounded time.
async fn within<T>(
    time: Duration,
    step: &str,
    work: impl Future<Output = Result<T, LdapError>>,
) -> Result<T, Outage> {
    match timeout(time, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(Outage(format!("{step} failed: {}", describe(&error)))),
        Err(_) => Err(Outage(format!("{step} took longer than {time:?}"))),
    }
}

/// What failed. The results of servers are numbers only: their texts are not ours to repeat.
fn describe(error: &LdapError) -> String {
    match error {
        LdapError::LdapResult { result } => format!("result code {}", result.rc),
        other => other.to_string().escape_debug().to_string(),
    }
}
