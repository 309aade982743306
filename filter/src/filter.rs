//! The filter of one worker: an engine, the keys it holds, the requests that are not done.

mod notices;
mod replies;
mod request;
mod turn;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use registry_auth_engine::authn::cache::IdentityCache;
use registry_auth_engine::compile::{Compiled, Upstream};
use registry_auth_engine::engine::Engine;
use registry_auth_engine::facts::Gathered;
use registry_auth_engine::keys::cache::SharedDataKey;
use registry_auth_engine::keys::envelope::PushKey;
use registry_auth_engine::time::UnixTime;

use crate::enforce::Enforcer;
use crate::host;
use crate::keys::{KeyStore, ReadySources};
use crate::login::Login;
use crate::next_policy::NextPolicy;
use crate::parked::Parked;
use crate::tick::Ticker;
use crate::verifier::HostVerifier;

/// One plugin configuration on one worker. No borrow is held over a host call that can call back.
pub(crate) struct Filter {
    root: u32,
    engine: Engine,
    enforcer: Enforcer,
    /// The registry, for questions of the filter itself.
    upstream: Option<Upstream>,
    /// The login service, where people log in.
    login: Option<Login>,
    /// The proxy adds the client's address to `x-forwarded-for`.
    proxy_sets_address: bool,
    /// The host hands bodies over while headers wait.
    reads_bodies: bool,
    verifier: HostVerifier,
    /// The next policy.
    next: Option<NextPolicy>,
    keys: RefCell<KeyStore>,
    identities: RefCell<IdentityCache>,
    parked: RefCell<Parked>,
    /// What is fetched for a request when it comes: making it each time costs more than to keep it.
    nothing: Gathered,
    /// Sources whose waiting requests are decided on the host's next tick.
    ready: RefCell<ReadySources>,
    /// When the root context ran last.
    last_turn: Cell<UnixTime>,
    ticker: Rc<Ticker>,
    /// Requests that are granted need no exact time: nothing is recorded of them, and there is no next policy.
    takes_recent_time: bool,
    /// It was logged that the proxy does not set the client's address.
    warned_of_address: Cell<bool>,
    /// It was logged that the host does not pass client certificates.
    warned_of_certificate: Cell<bool>,
}

impl Filter {
    /// Starts with the inline keys of the configuration.
    pub(crate) fn new(
        root: u32,
        ticker: Rc<Ticker>,
        compiled: Compiled,
        enforcer: Enforcer,
        push_key: Option<PushKey>,
        shared_data_key: Option<&SharedDataKey>,
    ) -> Self {
        Self {
            root,
            keys: RefCell::new(KeyStore::new(
                compiled.engine.sources(),
                push_key.clone(),
                shared_data_key,
            )),
            login: compiled
                .login
                .zip(push_key)
                .map(|(service, key)| Login::new(service, key)),
            proxy_sets_address: compiled.proxy.sets_client_address,
            takes_recent_time: compiled.shadow.is_none() && !enforcer.records.may_show_grants(),
            enforcer,
            engine: compiled.engine,
            upstream: compiled.proxy.upstream,
            reads_bodies: compiled.proxy.read_request_bodies,
            verifier: HostVerifier::self_test(),
            next: compiled.shadow.map(NextPolicy::new),
            identities: RefCell::new(IdentityCache::with_key(host::random_bytes())),
            parked: RefCell::new(Parked::new(compiled.fail_delay)),
            nothing: Gathered::default(),
            ready: RefCell::default(),
            last_turn: Cell::new(UnixTime::from_millis(0)),
            ticker,
            warned_of_address: Cell::new(false),
            warned_of_certificate: Cell::new(false),
        }
    }

    /// Where signatures are verified, for the log.
    pub(crate) const fn verification(&self) -> &'static str {
        self.verifier.describe()
    }

    /// Returns true if a request of this context is not done.
    pub(crate) fn holds(&self, context: u32) -> bool {
        self.parked.borrow().contains(context)
    }

    /// Returns true if no request is parked.
    pub(crate) fn is_idle(&self) -> bool {
        self.parked.borrow().is_empty()
    }
}
