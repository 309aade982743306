//! From the document as written to an engine that cannot be wrong, or to the list of everything that is.

use std::time::Duration;

use super::raw::{AccessControl, Document};
use super::{Diagnostics, bearer, proxy};
use crate::authz::Policy;
use crate::engine::Engine;
use crate::reply::Realm;
use crate::route::{Route, Surface};
use crate::url::HttpUrl;

/// How long keys are used after the last success, when nothing is configured.
pub(super) const DEFAULT_MAX_STALE: Duration = Duration::from_hours(1);

/// A document that holds, compiled.
#[derive(Debug)]
pub struct Compiled {
    /// Decides requests.
    pub engine: Engine,
    /// What the host does around decisions.
    pub proxy: proxy::Enforcement,
    /// What is logged.
    pub log_level: LogLevel,
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

/// Compiles a document. All mistakes are noted, with their paths; nothing comes out if there is any.
#[must_use]
pub fn compile(document: &Document, diagnostics: &mut Diagnostics) -> Option<Compiled> {
    let mut sources = Vec::new();
    let authn = document
        .bearer
        .as_ref()
        .map(|raw| bearer::compile(raw, &document.proxy, &mut sources, diagnostics))
        .unwrap_or_default();
    let policy = document.access_control.as_ref().map(|raw| policy(raw, document.bearer.is_some(), diagnostics));
    nobody_may_enter(document, diagnostics);
    if document.fail_delay.is_some_and(|delay| delay > 0) {
        diagnostics.warn("http.auth.failDelay", "is not in effect yet: refusals are answered at once");
    }
    let mut surface = proxy::surface(&document.proxy, diagnostics);
    let realm = realm(document, &surface, diagnostics);
    let endpoint = realm.token_endpoint.as_deref().and_then(HttpUrl::parse);
    surface.token_endpoint = endpoint.map(|url| url.path().to_owned());
    let enforcement = proxy::enforcement(&document.proxy, diagnostics);
    let log_level = log_level(document.log_level.as_deref(), diagnostics);
    if !diagnostics.errors.is_empty() {
        return None;
    }
    let engine = Engine {
        surface,
        realm,
        providers: authn.providers,
        bearer: authn.bearer,
        mint: authn.mint,
        // A policy that is configured and did not compile has left an error, so it cannot get lost here.
        policy: policy.flatten(),
        sources,
        asks_upstream: document.proxy.upstream_cluster.is_some(),
    };
    Some(Compiled { engine, proxy: enforcement?, log_level })
}

fn policy(raw: &AccessControl, has_bearer: bool, diagnostics: &mut Diagnostics) -> Option<Policy> {
    let policy = Policy::compile(raw, "http.accessControl", diagnostics)?;
    if raw.repositories.is_empty() && raw.admin_policy.is_none() {
        diagnostics.warn(
            "http.accessControl",
            "is empty: nobody may do anything; leave it out to allow every authenticated caller everything",
        );
    }
    if !has_bearer && !policy.is_anonymous_only() {
        let message = "names users, groups or a default policy, but nobody can authenticate: add http.auth.bearer, or keep anonymousPolicy only";
        diagnostics.error("http.accessControl", message);
    }
    Some(policy)
}

fn nobody_may_enter(document: &Document, diagnostics: &mut Diagnostics) {
    match (&document.bearer, &document.access_control) {
        (None, None) => {
            diagnostics.error("http", "has neither auth.bearer nor accessControl: say who may do what");
        }
        (Some(_), None) => {
            diagnostics.warn("http.accessControl", "is absent: every authenticated caller may do everything");
        }
        _ => {}
    }
}

fn realm(document: &Document, surface: &Surface, diagnostics: &mut Diagnostics) -> Realm {
    let bearer = document.bearer.as_ref();
    let configured = bearer.and_then(|bearer| bearer.realm.clone()).unwrap_or_default();
    let service = bearer.and_then(|bearer| bearer.service.clone()).unwrap_or_default();
    let endpoint = HttpUrl::parse(&configured);
    if configured.contains("://") && endpoint.is_none() {
        let message =
            format!("`{configured}` is not an absolute http or https URL without query; write one, or plain text");
        diagnostics.error("http.auth.bearer.realm", message);
    }
    if let Some(url) = &endpoint {
        let route = Route::parse(b"GET", url.path().as_bytes(), surface);
        if route != Err(crate::decision::Reason::NotFound) {
            let message =
                format!("its path `{}` is also a registry route; choose another, such as /auth/token", url.path());
            diagnostics.error("http.auth.bearer.realm", message);
        }
    }
    let basic = [document.realm.clone(), (endpoint.is_none()).then(|| configured.clone())];
    let name = basic.into_iter().flatten().find(|name| !name.is_empty()).unwrap_or_else(|| "registry".to_owned());
    Realm { token_endpoint: endpoint.map(|_| configured), name, service }
}

fn log_level(level: Option<&str>, diagnostics: &mut Diagnostics) -> LogLevel {
    match level {
        None | Some("info") => LogLevel::Info,
        Some("trace") => LogLevel::Trace,
        Some("debug") => LogLevel::Debug,
        Some("warn") => LogLevel::Warn,
        Some("error") => LogLevel::Error,
        Some(other) => {
            diagnostics
                .error("log.level", format!("`{other}` is not a level; write trace, debug, info, warn or error"));
            LogLevel::Info
        }
    }
}
