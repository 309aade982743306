//! From the document as written to an engine, or to the list of all errors.

mod bearer;
mod issuer;
mod login;
mod mint;
mod mtls;
mod proxy;
mod push;
mod records;
mod shadow;
mod sources;
#[cfg(test)]
mod tests;
mod user_names;

use std::time::Duration;

use crate::authz::Policy;
use crate::config::Diagnostics;
use crate::config::raw::{AccessControl, Document};
use crate::engine::{Engine, Reads, Shadow};
use crate::ping::PingMode;
use crate::reply::Realm;
use crate::route::{Route, RouteConfig};
use crate::url::BaseUrl;

pub use bearer::is_certificate;
pub use login::LoginService;
pub use mint::algorithm as mint_algorithm;
pub use proxy::{Enforcement, Upstream};
pub use records::Records;

/// The longest `failDelay`, seconds: held requests take room.
const MAX_FAIL_DELAY: u64 = 60;

/// A compiled document without errors.
#[derive(Debug)]
pub struct Compiled {
    /// Decides requests.
    pub engine: Engine,
    /// What the host does around decisions.
    pub proxy: Enforcement,
    /// How the login service is asked, where people log in.
    pub login: Option<LoginService>,
    /// How long refusals of a presented credential are held back; zero for not at all.
    pub fail_delay: Duration,
    /// What is logged.
    pub log_level: LogLevel,
    /// Which decisions are recorded; none are if absent.
    pub records: Option<Records>,
    /// The next policy, which is evaluated in addition to this one.
    pub shadow: Option<Shadow>,
}

/// `log.level`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// Grants too.
    Debug,
    /// Refusals, and what changes.
    #[default]
    Info,
    /// What needs attention.
    Warn,
    /// What fails.
    Error,
}

/// Compiles a document. All errors are reported with their paths; the result is `None` if there is
/// one.
#[must_use]
pub fn compile(document: &Document, diagnostics: &mut Diagnostics) -> Option<Compiled> {
    let compiled = compile_live(document, diagnostics);
    let Some(next) = &document.shadow else {
        return compiled;
    };
    let shadow = shadow::compile(document, next, diagnostics);
    if !diagnostics.errors.is_empty() {
        return None;
    }
    let (mut compiled, shadow) = (compiled?, shadow?);
    compiled.engine.beside = shadow.engine.reads();
    compiled.shadow = Some(shadow);
    Some(compiled)
}

/// Compiles all but the shadow. Apart, as it is called in two places and is large.
#[inline(never)]
fn compile_live(document: &Document, diagnostics: &mut Diagnostics) -> Option<Compiled> {
    let mut sources = Vec::new();
    let authn = document
        .bearer
        .as_ref()
        .map(|raw| {
            let people = document.login.is_some();
            bearer::compile(raw, people, &document.proxy, &mut sources, diagnostics)
        })
        .unwrap_or_default();
    let login = document
        .login
        .as_ref()
        .map(|raw| login::compile(raw, &document.proxy, &mut sources, diagnostics));
    login::keep_issuer(document.bearer.as_ref(), diagnostics);
    let policy = document
        .access_control
        .as_ref()
        .map(|raw| policy(raw, authenticates(document), diagnostics));
    let client_readers = policy.iter().flatten().find_map(Policy::client_readers);
    proxy::client_address(&document.proxy, client_readers, diagnostics);
    let mtls = document
        .mtls
        .as_ref()
        .map(|raw| mtls::compile(raw, diagnostics));
    nobody_may_enter(document, diagnostics);
    let fail_delay = fail_delay(document, diagnostics);
    let mut routes = proxy::routes(&document.proxy, diagnostics);
    routes.login = login.is_some();
    let realm = realm(document, &routes, diagnostics);
    let endpoint = realm
        .token_endpoint
        .as_deref()
        .and_then(|url| BaseUrl::parse(url).ok());
    routes.token_endpoint = endpoint.map(|url| url.url().path().to_owned());
    let enforcement = proxy::enforcement(&document.proxy, diagnostics);
    let log_level = log_level(document.log_level.as_deref(), diagnostics);
    let records = document.decisions.as_ref();
    let records = records.map(|raw| Records::compile(raw, &document.proxy, diagnostics));
    if !diagnostics.errors.is_empty() {
        return None;
    }
    let shown = records.as_ref().map(|records| records.claims.clone());
    let (login, service) = login.unzip();
    let engine = Engine {
        routes,
        login,
        realm,
        providers: authn.providers,
        bearer: authn.bearer,
        mtls,
        mint: authn.mint,
        // A policy that is configured and did not compile has left an error, so it cannot get lost
        // here.
        policy: policy.flatten(),
        sources,
        asks_upstream: document.proxy.upstream_cluster.is_some(),
        forwards_mounts: document.proxy.mounts,
        ping: PingMode::new(
            document.proxy.upstream_authorization.is_some(),
            document.proxy.forward_authorization,
        ),
        shown_claims: shown.unwrap_or_default(),
        beside: Reads::default(),
    };
    Some(Compiled {
        engine,
        proxy: enforcement?,
        login: service,
        fail_delay,
        log_level,
        records,
        shadow: None,
    })
}

/// Returns true if callers can authenticate.
const fn authenticates(document: &Document) -> bool {
    document.bearer.is_some() || document.mtls.is_some() || document.login.is_some()
}

fn policy(
    raw: &AccessControl,
    authenticates: bool,
    diagnostics: &mut Diagnostics,
) -> Option<Policy> {
    let policy = Policy::compile(raw, "http.accessControl", diagnostics)?;
    if raw.repositories.is_empty() && raw.admin_policy.is_none() {
        diagnostics.warn(
            "http.accessControl",
            "is empty: nobody may do anything; leave it out to allow every authenticated caller everything",
        );
    }
    if !authenticates && !policy.is_anonymous_only() {
        let message = "names users, groups or a default policy, but nobody can authenticate: add http.auth.bearer, http.auth.mtls or a way to log in (such as http.auth.htpasswd), or keep anonymousPolicy only";
        diagnostics.error("http.accessControl", message);
    }
    Some(policy)
}

fn nobody_may_enter(document: &Document, diagnostics: &mut Diagnostics) {
    match (authenticates(document), &document.access_control) {
        (false, None) => {
            diagnostics.error(
                "http",
                "has neither a way to authenticate (auth.bearer, auth.mtls, or one to log in, such as auth.htpasswd) nor accessControl: say who may do what",
            );
        }
        (true, None) => {
            diagnostics.warn(
                "http.accessControl",
                "is absent: every authenticated caller may do everything",
            );
        }
        _ => {}
    }
}

fn fail_delay(document: &Document, diagnostics: &mut Diagnostics) -> Duration {
    let seconds = document.fail_delay.unwrap_or_default();
    if seconds > MAX_FAIL_DELAY {
        diagnostics.error("http.auth.failDelay", "must be 60 seconds at most");
    }
    Duration::from_secs(seconds.min(MAX_FAIL_DELAY))
}

fn realm(document: &Document, routes: &RouteConfig, diagnostics: &mut Diagnostics) -> Realm {
    let bearer = document.bearer.as_ref();
    let configured = bearer
        .and_then(|bearer| bearer.realm.clone())
        .unwrap_or_default();
    let service = bearer
        .and_then(|bearer| bearer.service.clone())
        .unwrap_or_default();
    let endpoint = BaseUrl::parse(&configured);
    if let Err(error) = &endpoint
        && configured.contains("://")
    {
        let message = format!("{error}; write the URL of the token endpoint, or plain text");
        diagnostics.error("http.auth.bearer.realm", message);
    }
    if let Ok(url) = &endpoint {
        let path = url.url().path();
        let route = Route::parse(b"GET", path.as_bytes(), routes);
        if route != Err(crate::reason::Reason::NotFound) {
            let message = format!(
                "its path `{path}` is also a registry route; choose another, such as /auth/token"
            );
            diagnostics.error("http.auth.bearer.realm", message);
        }
    }
    let basic = [
        document.realm.clone(),
        (endpoint.is_err()).then(|| configured.clone()),
    ];
    let name = basic
        .into_iter()
        .flatten()
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "registry".to_owned());
    Realm {
        token_endpoint: endpoint.is_ok().then_some(configured),
        name,
        service,
    }
}

fn log_level(level: Option<&str>, diagnostics: &mut Diagnostics) -> LogLevel {
    match level {
        None | Some("info") => LogLevel::Info,
        Some("trace") => LogLevel::Trace,
        Some("debug") => LogLevel::Debug,
        Some("warn") => LogLevel::Warn,
        Some("error") => LogLevel::Error,
        Some(other) => {
            diagnostics.error(
                "log.level",
                format!("`{other}` is not a level; write trace, debug, info, warn or error"),
            );
            LogLevel::Info
        }
    }
}
