//! The composition: request head to verdict.

mod decide;
mod explain;
mod identify;
mod issue;
mod login;
mod permit;
mod principal;
mod shadow;
mod simulate;

use crate::authn::bearer::Bearer;
use crate::authn::cache::IdentityCache;
use crate::authn::login::Login;
use crate::authn::mtls::Mtls;
use crate::authn::provider::Provider;
use crate::authn::verify::SignatureVerifier;
use crate::authz::Policy;
use crate::decision::Verdict;
use crate::facts::Facts;
use crate::keys::source::{KeyRing, Source};
use crate::ping::PingMode;
use crate::reply::Realm;
use crate::request::{RequestHead, SummaryNeeds};
use crate::route::RouteConfig;
use crate::scope::Scope;
use crate::time::UnixTime;
use crate::token_endpoint::mint::Mint;
use crate::topic::Topic;
use crate::trace::{Causes, Recorder};
use decide::Decision;
pub use principal::Principal;
pub use shadow::{Difference, Shadow, ShadowOutcome};
pub use simulate::{Report, Simulated, Situation};

/// One configuration, compiled: it cannot be wrong any more.
#[derive(Debug)]
pub struct Engine {
    pub(crate) routes: RouteConfig,
    pub(crate) realm: Realm,
    pub(crate) providers: Vec<Provider>,
    pub(crate) bearer: Option<Bearer>,
    pub(crate) mtls: Option<Mtls>,
    /// People log in.
    pub(crate) login: Option<Login>,
    pub(crate) mint: Option<Mint>,
    pub(crate) policy: Option<Policy>,
    pub(crate) sources: Vec<Source>,
    /// True if the host can send questions to the upstream.
    pub(crate) asks_upstream: bool,
    /// Mounts are forwarded where their sources may be read (`proxy.mounts`).
    pub(crate) forwards_mounts: bool,
    pub(crate) ping: PingMode,
    /// The claims that records show.
    pub(crate) shown_claims: Vec<String>,
    /// What the policy reads that is evaluated in addition to this one.
    pub(crate) beside: Reads,
}

/// What conditions read of a request that hosts do not have at hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reads {
    pub(crate) connection: bool,
    pub(crate) headers: bool,
    pub(crate) client: bool,
}

impl Engine {
    /// The sources of keys, in the order of their ids.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// What challenges say.
    #[must_use]
    pub const fn realm(&self) -> &Realm {
        &self.realm
    }

    /// Returns true if some condition reads the connection, so that the host has to read its
    /// attributes.
    #[must_use]
    pub fn reads_connection(&self) -> bool {
        self.beside.connection || self.policy.as_ref().is_some_and(Policy::reads_connection)
    }

    /// Returns true if some condition reads headers about the client.
    #[must_use]
    pub fn reads_headers(&self) -> bool {
        self.beside.headers || self.policy.as_ref().is_some_and(Policy::reads_headers)
    }

    /// Returns true if some condition reads the client's address, which the proxy has to set.
    #[must_use]
    pub fn reads_client_address(&self) -> bool {
        let reads = |policy: &Policy| policy.client_readers().is_some();
        self.beside.client || self.policy.as_ref().is_some_and(reads)
    }

    /// What conditions read.
    pub(crate) fn reads(&self) -> Reads {
        Reads {
            connection: self.reads_connection(),
            headers: self.reads_headers(),
            client: self.reads_client_address(),
        }
    }

    /// Returns true if client certificates authenticate, so that the host has to pass the
    /// connection's.
    #[must_use]
    pub const fn reads_certificate(&self) -> bool {
        self.mtls.is_some()
    }

    /// Returns true if people log in, so that the host has to read cookies and the header of user
    /// interfaces, and to ask the login service.
    #[must_use]
    pub const fn takes_logins(&self) -> bool {
        self.login.is_some()
    }

    /// What is read of a client certificate that the host does not pass; `None` if it cannot be
    /// done without the certificate, or none is read.
    #[must_use]
    pub fn summary_needs(&self) -> Option<SummaryNeeds> {
        if self.needs_certificate().is_some() {
            return None;
        }
        self.mtls.as_ref().and_then(Mtls::summary_needs)
    }

    /// What is configured for which a host has to pass the client certificate itself, in words;
    /// `None` if attributes of it suffice.
    #[must_use]
    pub fn needs_certificate(&self) -> Option<&'static str> {
        let mtls = self.mtls.as_ref()?;
        // A minted token ends with the certificate that it is minted for.
        let mints = self.mint.is_some().then_some("`mint`");
        mtls.needs_whole().or(mints)
    }

    /// The `Authorization` that a question of the filter itself is asked with at a registry that
    /// wants tokens which are minted here; nothing if none are, or the key is not there. `scope` is
    /// what the question needs.
    #[must_use]
    pub fn filter_token(&self, scope: Scope, keys: &KeyRing, now: UnixTime) -> Option<String> {
        let mint = self.mint.as_ref()?;
        Some(mint.filter_token(scope, keys.signing(mint.own.source)?, now))
    }

    /// Decides a request. Pure and total: the same arguments give the same verdict, and every input
    /// gives one.
    pub fn decide(
        &self,
        head: &RequestHead<'_>,
        facts: &Facts<'_>,
        cache: &mut IdentityCache,
        verifier: &dyn SignatureVerifier,
    ) -> Verdict {
        self.record(head, facts, cache, verifier, Recorder::OFF)
    }

    /// As [`decide`](Self::decide), and records the steps that lead to the verdict.
    #[inline(never)]
    pub fn record(
        &self,
        head: &RequestHead<'_>,
        facts: &Facts<'_>,
        cache: &mut IdentityCache,
        verifier: &dyn SignatureVerifier,
        recorder: Recorder<'_>,
    ) -> Verdict {
        let causes = Causes::default();
        Decision {
            engine: self,
            head,
            facts,
            cache,
            verifier,
            recorder: recorder.with_causes(&causes),
            wait: None,
            topic: Topic::default(),
        }
        .verdict()
    }
}
