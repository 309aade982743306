//! An OIDC issuer whose keys, responses and faults are set by tests.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Response};
use registry_auth_engine::time::UnixTime;
use serde_json::{Map, Value, json};

use crate::field;
use crate::key::TestKey;
use crate::mint::Recipe;
use crate::server::{Port, Server};
use crate::tls;

/// Path of the discovery document (OpenID Connect Discovery 1.0 section 4).
pub const DISCOVERY: &str = "/.well-known/openid-configuration";
/// Path of the JWKS document.
pub const KEYS: &str = "/keys";

/// Algorithms in the discovery document of every issuer.
const ALGORITHMS: [&str; 10] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
];

/// An endpoint of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// The discovery document.
    Discovery,
    /// The JWKS document.
    Keys,
}

/// A fault of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status, with a short body.
    Status(u16),
    /// Status 200 with this body.
    Body(Vec<u8>),
    /// The right response after this time.
    Delay(Duration),
    /// No response, on an open connection.
    Hang,
    /// The connection is closed without a response.
    Reset,
}

/// How an issuer handles a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// It responds.
    Answer {
        /// The delay of the response.
        after: Duration,
        /// Status of the answer.
        status: u16,
        /// `cache-control`, if there is one.
        cache_control: Option<String>,
        /// A JSON document, unless a fault says otherwise.
        body: Vec<u8>,
    },
    /// It never responds.
    Hang,
    /// It closes the connection.
    Reset,
}

/// An issuer; clones refer to the same one.
#[derive(Clone)]
pub struct Issuer {
    url: Arc<str>,
    keys_at: Arc<str>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    keys: Vec<Value>,
    faults: BTreeMap<Endpoint, Fault>,
    requests: BTreeMap<Endpoint, usize>,
    cache_control: Option<String>,
}

impl Issuer {
    /// Creates an issuer with the identifier `url` that publishes the test keys `keys`.
    ///
    /// # Errors
    /// A key is unknown.
    pub fn new(url: &str, keys: &[&str]) -> Result<Self> {
        let issuer = Self {
            url: url.into(),
            keys_at: KEYS.into(),
            state: Arc::default(),
        };
        issuer.rotate(keys)?;
        Ok(issuer)
    }

    /// Moves the JWKS document to another path, which may have a query.
    #[must_use]
    pub fn with_keys_at(self, target: &str) -> Self {
        Self {
            keys_at: target.into(),
            ..self
        }
    }

    /// Returns the issuer identifier.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns a token of this issuer with `iss` and the given claims.
    ///
    /// # Errors
    /// As [`Recipe::mint`].
    pub fn token(
        &self,
        key: &str,
        mut claims: Map<String, Value>,
        now: UnixTime,
    ) -> Result<String> {
        claims.insert("iss".to_owned(), self.url().into());
        Recipe::plain(key, claims).mint(now)
    }

    /// Returns the current JWKS document.
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({"keys": self.state().keys})
    }

    /// The discovery document.
    #[must_use]
    pub fn discovery(&self) -> Value {
        json!({
            "issuer": self.url(),
            "jwks_uri": format!("{}{}", self.url(), self.keys_at),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ALGORITHMS,
        })
    }

    /// Replaces the published keys by these test keys.
    ///
    /// # Errors
    /// A key is unknown, and nothing is changed.
    pub fn rotate(&self, keys: &[&str]) -> Result<()> {
        let keys = keys
            .iter()
            .map(|name| TestKey::named(name)?.jwk())
            .collect::<Result<Vec<_>>>()?;
        self.state().keys = keys;
        Ok(())
    }

    /// Publishes a further JWK of any form.
    pub fn publish(&self, jwk: Value) {
        self.state().keys.push(jwk);
    }

    /// Removes the keys with this `kid`.
    pub fn withdraw(&self, kid: &str) {
        self.state().keys.retain(|key| key["kid"] != kid);
    }

    /// Sets `cache-control` of the responses.
    pub fn cache(&self, value: Option<&str>) {
        self.state().cache_control = value.map(str::to_owned);
    }

    /// Injects a fault into an endpoint; `None` removes it.
    pub fn fault(&self, endpoint: Endpoint, fault: Option<Fault>) {
        let mut state = self.state();
        match fault {
            Some(fault) => state.faults.insert(endpoint, fault),
            None => state.faults.remove(&endpoint),
        };
    }

    /// Returns the number of requests to an endpoint.
    #[must_use]
    pub fn requests(&self, endpoint: Endpoint) -> usize {
        self.state().requests.get(&endpoint).copied().unwrap_or(0)
    }

    /// Counts a request for a path with its query and returns how to handle it.
    #[must_use]
    pub fn react(&self, target: &str) -> Reaction {
        let (endpoint, document) = match target {
            DISCOVERY => (Endpoint::Discovery, self.discovery()),
            target if *target == *self.keys_at => (Endpoint::Keys, self.jwks()),
            _ => return answer(Duration::ZERO, 404, b"not found".to_vec()),
        };
        let mut state = self.state();
        *state.requests.entry(endpoint).or_default() += 1;
        let document = document.to_string().into_bytes();
        let mut reaction = match state.faults.get(&endpoint) {
            None => answer(Duration::ZERO, 200, document),
            Some(Fault::Status(status)) => {
                answer(Duration::ZERO, *status, b"out of order".to_vec())
            }
            Some(Fault::Body(body)) => answer(Duration::ZERO, 200, body.clone()),
            Some(Fault::Delay(delay)) => answer(*delay, 200, document),
            Some(Fault::Hang) => Reaction::Hang,
            Some(Fault::Reset) => Reaction::Reset,
        };
        if let Reaction::Answer { cache_control, .. } = &mut reaction {
            cache_control.clone_from(&state.cache_control);
        }
        reaction
    }

    /// Serves this one issuer on loopback.
    ///
    /// # Errors
    /// The port cannot be bound, or no thread started.
    pub fn serve(&self) -> Result<Server> {
        self.serve_at(Port::bind()?)
    }

    /// Serves this one issuer at `port`.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn serve_at(&self, port: Port) -> Result<Server> {
        Issuers(vec![self.clone()]).serve(port)
    }

    /// Serves this one issuer at `port`, over TLS with the certificate of this name.
    ///
    /// # Errors
    /// The certificate is missing, or the thread cannot be started.
    pub fn serve_over_tls(&self, port: Port, certificate: &str) -> Result<Server> {
        let issuer = self.clone();
        port.serve_over_tls(tls::serving(certificate)?, move |request| {
            respond(issuer.react(target_of(&request)))
        })
    }

    /// Creates and serves an issuer whose URL is the address of its server.
    ///
    /// # Errors
    /// As [`Self::new`] and [`Self::serve`].
    pub fn on_loopback(keys: &[&str]) -> Result<(Self, Server)> {
        let port = Port::bind()?;
        let issuer = Self::new(&format!("http://{}", port.address()), keys)?;
        let server = Issuers(vec![issuer.clone()]).serve(port)?;
        Ok((issuer, server))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Several issuers at one address, distinguished by `Host`.
#[derive(Clone)]
pub struct Issuers(pub Vec<Issuer>);

impl Issuers {
    /// The issuers of the scenarios. `http://issuer.test` publishes the key named after each
    /// algorithm, `http://other.test` the `other-*` keys; `http://down.test` closes every
    /// connection; then those of [`field`].
    ///
    /// # Errors
    /// A key is missing.
    pub fn of_scenarios() -> Result<Self> {
        let main = [
            "rs256", "rs384", "rs512", "ps256", "ps384", "ps512", "es256", "es384", "es512",
            "eddsa",
        ];
        let down = Issuer::new("http://down.test", &["rs256"])?;
        down.fault(Endpoint::Discovery, Some(Fault::Reset));
        down.fault(Endpoint::Keys, Some(Fault::Reset));
        let mut issuers = vec![
            Issuer::new("http://issuer.test", &main)?,
            Issuer::new(
                "http://other.test",
                &["other-rs256", "other-es256", "other-eddsa"],
            )?,
            down,
        ];
        issuers.extend(field::issuers()?);
        Ok(Self(issuers))
    }

    /// Returns the issuer whose URL has this authority (`host` or `host:port`).
    #[must_use]
    pub fn at(&self, authority: &str) -> Option<&Issuer> {
        self.0.iter().find(|issuer| {
            issuer
                .url()
                .split_once("://")
                .is_some_and(|(_, own)| own == authority)
        })
    }

    /// Returns how to handle a request; 404 for an unknown authority.
    #[must_use]
    pub fn react(&self, authority: &str, target: &str) -> Reaction {
        self.at(authority).map_or_else(
            || answer(Duration::ZERO, 404, b"no such issuer".to_vec()),
            |issuer| issuer.react(target),
        )
    }

    /// Serves them all on `port`. A request whose `Host` is the address itself goes to the first.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn serve(self, port: Port) -> Result<Server> {
        let address = port.address();
        port.serve(move |request| respond(self.react_to(&request, address)))
    }

    fn react_to(&self, request: &Request<Incoming>, address: SocketAddr) -> Reaction {
        let host = request
            .headers()
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default();
        match self.0.first() {
            Some(first) if host == address.to_string() => first.react(target_of(request)),
            _ => self.react(host, target_of(request)),
        }
    }
}

fn target_of(request: &Request<Incoming>) -> &str {
    request
        .uri()
        .path_and_query()
        .map_or("/", PathAndQuery::as_str)
}

const fn answer(after: Duration, status: u16, body: Vec<u8>) -> Reaction {
    Reaction::Answer {
        after,
        status,
        cache_control: None,
        body,
    }
}

async fn respond(reaction: Reaction) -> Option<Response<Full<Bytes>>> {
    let (after, status, cache_control, body) = match reaction {
        Reaction::Answer {
            after,
            status,
            cache_control,
            body,
        } => (after, status, cache_control, body),
        Reaction::Hang => std::future::pending().await,
        Reaction::Reset => return None,
    };
    tokio::time::sleep(after).await;
    let mut response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json");
    if let Some(value) = cache_control {
        response = response.header(CACHE_CONTROL, value);
    }
    response
        .body(Full::new(body.into()))
        .context("a header of the issuer is malformed")
        .ok()
}

#[cfg(test)]
mod tests;
