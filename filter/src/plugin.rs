//! A root context: takes the configuration.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::rc::Rc;

use log::{error, info, warn};
use registry_auth_engine::compile::{self, Compiled};
use registry_auth_engine::config::{self, Diagnostics, raw};
use registry_auth_engine::engine::Engine;
use registry_auth_engine::keys::cache::SharedDataKey;
use registry_auth_engine::keys::envelope::PushKey;
use registry_auth_engine::keys::source::{Source, SourceKind};
use registry_auth_policy::tests;

use crate::clock;
use crate::config_info;
use crate::enforce::Enforcer;
use crate::filter::Filter;
use crate::host::{self, HostError, LogLevel};
use crate::intake::Intake;
use crate::logging;
use crate::metrics::Metrics;
use crate::records::Records;
use crate::role::Role;
use crate::roots;
use crate::tick::Ticker;

/// What to do about an environment variable that is not there.
const NOT_SET: &str = if cfg!(target_arch = "wasm32") {
    "is not set for the VM; in Envoy, list it under vm_config.environment_variables.host_env_keys and set it for the proxy"
} else {
    "is not set for the process of the proxy"
};

/// One root context.
pub(crate) struct Plugin {
    id: u32,
    /// It tests its policy and says which one it is; others have the same configuration.
    leads: bool,
    ticker: Rc<Ticker>,
}

impl Plugin {
    pub(crate) fn new(id: u32, leads: bool) -> Self {
        roots::add(id);
        Self {
            id,
            leads,
            ticker: Rc::default(),
        }
    }

    /// Takes the configuration that the host has. Returns false if it is refused; the log says why.
    pub(crate) fn configure(&self) -> bool {
        match self.start() {
            Ok(role) if self.ticker.start().is_ok() => {
                roots::set_role(self.id, role);
                true
            }
            Ok(_) => {
                error!("the host does not tick");
                false
            }
            Err(diagnostics) => {
                for refused in &diagnostics.errors {
                    error!("configuration: {refused}");
                }
                false
            }
        }
    }

    fn start(&self) -> Result<Role, Diagnostics> {
        let mut refused = Diagnostics::default();
        let text = host::configuration().unwrap_or_else(|HostError(call)| {
            refused.error("", format!("the host failed in {call}"));
            Vec::new()
        });
        let (role, read) = config::decode(&text);
        refused.errors.extend(read.errors);
        refused.warnings.extend(read.warnings);
        let running = match role {
            config::Role::Intake(raw::Intake {
                push_key: from,
                read_request_bodies,
            }) => push_key("intake.pushKey", &from.env, &mut refused)
                .map(|key| Role::Intake(Rc::new(Intake::new(self.id, key, read_request_bodies)))),
            config::Role::Filter(document) => {
                let policy = config::digest(&text);
                self.start_filter(&document, policy, &mut refused)
            }
            config::Role::Unreadable => None,
        };
        if !refused.warnings.is_empty() && is_first(&text) {
            for warning in &refused.warnings {
                // Whatever `log.level` says: one of them may be that everything is open.
                host::log(LogLevel::Warn, &format!("configuration: {warning}"));
            }
        }
        match running {
            Some(running) if refused.errors.is_empty() => Ok(running),
            _ => Err(refused),
        }
    }

    fn start_filter(
        &self,
        document: &raw::Document,
        policy: String,
        diagnostics: &mut Diagnostics,
    ) -> Option<Role> {
        let push = document.proxy.push_key.as_ref();
        let push = push.map(|from| push_key("proxy.pushKey", &from.env, diagnostics));
        let upstream = document.proxy.upstream_authorization.as_ref();
        let upstream = upstream
            .map(|from| authorization("proxy.upstreamAuthorization", &from.env, diagnostics));
        let mut compiled: Compiled = compile::compile(document, diagnostics)?;
        if !diagnostics.errors.is_empty() {
            return None;
        }
        if document.tests.is_some() && self.leads {
            let now = clock::now_or_built();
            for failed in tests::check(document.tests.as_ref(), &compiled.engine, now) {
                diagnostics.error(failed.path, failed.message);
            }
            if !diagnostics.errors.is_empty() {
                return None;
            }
        }
        let level = logging::set_level(self.id, compiled.log_level);
        let push = push.flatten();
        // Before signatures: it says whether the host may be asked to verify them.
        let vm_id = host::vm_id();
        check_certificates(&compiled.engine, diagnostics);
        let share = shared_data_key(push.as_ref(), &vm_id, compiled.engine.sources());
        if !diagnostics.errors.is_empty() {
            return None;
        }
        let plugin = host::plugin_name();
        if self.leads {
            config_info::announce(self.id, &plugin, &policy);
        }
        let records = Records::new(
            compiled.records.take(),
            level,
            policy,
            push.clone(),
            compiled.proxy.sets_client_address,
        );
        let enforcer = Enforcer::new(
            Metrics::new(plugin, compiled.engine.sources()),
            compiled.proxy.head.clone(),
            upstream.flatten(),
            compiled.engine.realm().clone(),
            records,
        );
        let filter = Filter::new(
            self.id,
            Rc::clone(&self.ticker),
            compiled,
            enforcer,
            push,
            share.as_ref(),
        );
        if self.leads {
            info!("started; signatures are verified {}", filter.verification());
        }
        Some(Role::Filter(Rc::new(filter)))
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        roots::remove(self.id);
        config_info::withdraw(self.id);
        logging::forget_level(self.id);
    }
}

/// Refuses what a host that does not pass client certificates cannot do, and warns of what is not
/// checked there. Where that is not known of the host, requests show it.
fn check_certificates(engine: &Engine, diagnostics: &mut Diagnostics) {
    if !engine.reads_certificate() {
        return;
    }
    let Some((this, needed)) = host::without_certificates() else {
        return;
    };
    let path = "http.auth.mtls";
    if let Some(what) = engine.needs_certificate() {
        let message = format!(
            "{what} needs the whole client certificate, which {needed} hands to the filter; this is {this}"
        );
        diagnostics.error(path, message);
    } else {
        let message = format!(
            "this is {this}, which does not say when a client certificate expires: one that expires is accepted until its connection ends, and on new connections that resume its TLS session; limit `max_connection_duration` and switch session resumption off, or take {needed}"
        );
        diagnostics.warn(path, message);
    }
}

/// Returns true for the first worker that gets a configuration: the others would repeat its
/// warnings. Two that start at once may both be the first; so is every one on a host without shared
/// data. Errors are not asked about: each worker that refuses says so.
fn is_first(configuration: &[u8]) -> bool {
    let mut hasher = DefaultHasher::new();
    configuration.hash(&mut hasher);
    let name = format!("registry-auth/warned/1/{:016x}", hasher.finish());
    if matches!(host::shared(&name), Ok(Some(_))) {
        return false;
    }
    // A failure means that the next worker warns too.
    let _ = host::set_shared(&name, b"1", None);
    true
}

/// Returns the key by which workers trust each other's fetches; logs it if they cannot share them.
fn shared_data_key(
    push_key: Option<&PushKey>,
    vm_id: &[u8],
    sources: &[Source],
) -> Option<SharedDataKey> {
    let shared_data_key = SharedDataKey::choose(push_key, vm_id);
    if shared_data_key.is_none()
        && sources
            .iter()
            .any(|source| matches!(source.kind, SourceKind::Callout(_)))
    {
        warn!(
            "each worker fetches the keys of issuers for itself: set `proxy.pushKey`, or a `vm_id` that begins with `registry-auth`"
        );
    }
    shared_data_key
}

fn push_key(path: &str, env: &str, diagnostics: &mut Diagnostics) -> Option<PushKey> {
    let value = secret(path, env, diagnostics)?;
    PushKey::new(value.as_bytes())
        .map_err(|short| {
            diagnostics.error(
                path,
                format!("`{env}`: {short}; make one with `openssl rand -hex 32`"),
            );
        })
        .ok()
}

/// The value of a header field `Authorization` (RFC 9110 section 11.6.2): the host would refuse
/// each request with another one.
fn authorization(path: &str, env: &str, diagnostics: &mut Diagnostics) -> Option<String> {
    let value = secret(path, env, diagnostics)?;
    let is_visible = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_visible
        && value
            .split_once(' ')
            .is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.trim().is_empty())
    {
        return Some(value);
    }
    let message = format!(
        "`{env}` does not hold the value of `Authorization`, such as `Basic dXNlcjpwYXNz`: a scheme, a blank and a credential, without a line break"
    );
    diagnostics.error(path, message);
    None
}

/// The value of an environment variable that the host hands to the VM.
fn secret(path: &str, env: &str, diagnostics: &mut Diagnostics) -> Option<String> {
    let value = std::env::var(env).ok().filter(|value| !value.is_empty());
    if value.is_none() {
        diagnostics.error(path, format!("the environment variable `{env}` {NOT_SET}"));
    }
    value
}
