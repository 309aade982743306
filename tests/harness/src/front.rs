//! A registry for clients: Distribution and an OIDC issuer behind the shipped Envoy.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::callers::{ISSUER, ISSUER_KEY};
use crate::client::{self, Request};
use crate::distribution;
use crate::issuer::Issuer;
use crate::program::{Program, free_address};
use crate::push::random_key;
use crate::server::Server;
use crate::shipped::{self, Addresses};

/// Path prefix of requests that only mark a position in the access log.
const MARK: &str = "/settled-";
/// Time limit for an entry of the access log.
const PATIENCE: Duration = Duration::from_secs(20);

/// The value of `bearer.realm`, which decides the challenge of the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Realm {
    /// Plain text, as in the shipped configuration: a Basic challenge.
    Text,
    /// The URL of the filter's token endpoint: a Bearer challenge.
    Url,
}

impl Realm {
    /// The realms that the tests of clients try.
    pub const TRIED: &[Self] = &[Self::Text, Self::Url];
}

/// The running services. Dropped in the order of the fields, so that none of them uses one that has
/// stopped.
pub struct Front {
    envoy: Program,
    registry: Program,
    _issuer: Server,
    clients: SocketAddr,
    folder: TempDir,
}

/// A request as Envoy has logged it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The method.
    pub method: String,
    /// The path without its query.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
}

impl Front {
    /// Starts all services on free loopback ports, with the policy of `envoy/filter.json`.
    ///
    /// # Errors
    /// Something is missing or does not start.
    pub fn start(realm: Realm) -> Result<Self> {
        Self::start_with(realm, distribution::start, |_| Ok(()))
    }

    /// The same in front of another registry, and with another plugin configuration: `change`
    /// changes the shipped one.
    ///
    /// # Errors
    /// Something is missing or does not start.
    pub fn start_with(
        realm: Realm,
        registry: impl FnOnce(&Path) -> Result<(Program, SocketAddr)>,
        change: impl FnOnce(&mut Value) -> Result<()>,
    ) -> Result<Self> {
        let folder = TempDir::with_prefix("registry-auth-front-")?;
        let issuer = Issuer::new(ISSUER, &[ISSUER_KEY])?.serve()?;
        let (registry, upstream) = registry(folder.path())?;
        let [clients, admin] = [free_address()?, free_address()?];
        let intake = folder.path().join("intake.sock");
        let addresses = Addresses {
            clients,
            intake,
            admin,
            registry: upstream,
            issuer: issuer.address(),
        };
        let mut text = shipped::with_plugin(&addresses.configuration()?, change)?;
        if realm == Realm::Url {
            text = shipped::with_plugin(&text, |plugin| {
                let realm = plugin
                    .pointer_mut("/http/auth/bearer/realm")
                    .context("there is no bearer block")?;
                *realm = format!("http://{clients}/auth/token").into();
                Ok(())
            })?;
        }
        let envoy = shipped::start(&text, admin, &random_key()?, folder.path())?;
        Ok(Self {
            envoy,
            registry,
            _issuer: issuer,
            clients,
            folder,
        })
    }

    /// Returns the address of the registry for clients, through the filter.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.clients
    }

    /// Returns a temporary folder with the same lifetime.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the ends of the logs, for messages.
    #[must_use]
    pub fn logs(&self) -> String {
        format!("{}\n{}", self.envoy.log(), self.registry.log())
    }

    /// Runs `work` and returns its result with the requests that Envoy logged meanwhile.
    ///
    /// # Errors
    /// Those of `work`, or the log cannot be read.
    pub fn watch<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(T, Vec<Access>)> {
        let before = self.accesses().len();
        let result = work()?;
        self.settle()?;
        let seen = self
            .accesses()
            .into_iter()
            .skip(before)
            .filter(|access| !access.path.starts_with(MARK));
        Ok((result, seen.collect()))
    }

    /// Sends a marker request and waits until it is logged, and so all requests before it.
    fn settle(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let path = format!("{MARK}{}", self.accesses().len());
        client::send(self.clients, &Request::new("GET", &path), PATIENCE)?;
        while !self.accesses().iter().any(|access| access.path == path) {
            ensure!(
                Instant::now() < deadline,
                "Envoy does not log its requests\n{}",
                self.logs()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn accesses(&self) -> Vec<Access> {
        self.envoy
            .output()
            .lines()
            .filter_map(Access::read)
            .collect()
    }
}

impl Access {
    /// Reads a line of the shipped access log: time, method, path, status, flags, `in=...`.
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (method, path, status) = (words.next()?, words.next()?, words.next()?);
        words.nth(1)?.starts_with("in=").then_some(())?;
        // `-` is a connection without HTTP: some clients try TLS first.
        (method != "-").then_some(())?;
        Some(Self {
            method: method.to_owned(),
            path: path.to_owned(),
            status: status.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_is_read_from_its_line_and_nothing_else_is_one() {
        let access = |method: &str, path: &str, status| {
            Some(Access {
                method: method.to_owned(),
                path: path.to_owned(),
                status,
            })
        };
        let time = "2026-01-01T00:00:00.000Z";
        let rows = [
            (
                format!("{time} GET /v2/ 401 - in=0 out=72 ms=1 peer=127.0.0.1:5"),
                access("GET", "/v2/", 401),
            ),
            (
                format!("{time} HEAD /v2/a/manifests/1 0 DC in=0 out=0 ms=9 peer=127.0.0.1:5"),
                access("HEAD", "/v2/a/manifests/1", 0),
            ),
            (
                format!("{time} - - 400 DPE in=0 out=11 ms=- peer=127.0.0.1:5"),
                None,
            ),
            (
                "[2026-01-01 00:00:00.000][1][info][wasm] wasm log filter registry-auth: started"
                    .to_owned(),
                None,
            ),
            (String::new(), None),
        ];
        for (line, expected) in rows {
            assert_eq!(Access::read(&line), expected, "{line}");
        }
    }
}
