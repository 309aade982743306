//! The filter chain of each row, in Envoy's JSON form.

use std::path::Path;

use anyhow::Result;
use registry_auth_harness::workload::{self, AUDIENCE, ISSUER, Policy, REPOSITORY, SUBJECT};
use serde_json::{Value, json};

use crate::opa;

/// The name of the router filter.
const ROUTER: &str = "envoy.filters.http.router";
/// The key of the claims in the metadata that `jwt_authn` writes and `rbac` reads.
const CLAIMS: &str = "claims";

/// The filters of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chain {
    /// No filter.
    Nothing,
    /// A module that does nothing, written by hand.
    Empty,
    /// The same with the host calls of ours.
    Calls,
    /// A module that does nothing, with the Rust SDK.
    EmptySdk,
    /// Envoy's own filters; with the token cache of `jwt_authn` or without.
    Native {
        /// `jwt_cache_config` is set.
        cache: bool,
    },
    /// Envoy's filter for scripts in Lua, with one that does nothing.
    Lua,
    /// Envoy asks the cluster with the name of the listener by HTTP (`ext_authz`).
    Asked,
    /// Ours.
    Ours(Policy),
    /// Ours as a dynamic module.
    Dynamic(Policy),
    /// Ours in the intake role.
    Intake,
    /// Ours, with keys that are pushed.
    Pushed,
}

/// Paths of the modules.
pub(crate) struct Modules<'a> {
    /// The module that ships.
    pub(crate) ours: &'a Path,
    /// [`Chain::Empty`].
    pub(crate) empty: &'a Path,
    /// [`Chain::Calls`].
    pub(crate) calls: &'a Path,
    /// [`Chain::EmptySdk`].
    pub(crate) empty_sdk: &'a Path,
}

impl Chain {
    /// The list of HTTP filters, the router last. `name` is the listener's: listeners share no VM
    /// unless `vm` is the same.
    ///
    /// # Errors
    /// A test key is missing.
    pub(crate) fn filters(self, name: &str, vm: &str, modules: &Modules<'_>) -> Result<Vec<Value>> {
        let ours = |configuration: &Value| wasm(name, vm, modules.ours, &configuration.to_string());
        let mut filters = match self {
            Self::Nothing => Vec::new(),
            Self::Empty => vec![wasm(name, vm, modules.empty, "")],
            Self::Calls => vec![wasm(name, vm, modules.calls, "")],
            Self::EmptySdk => vec![wasm(name, vm, modules.empty_sdk, "")],
            Self::Native { cache } => vec![jwt_authn(cache)?, rbac()],
            Self::Lua => vec![lua()],
            Self::Asked => vec![ext_authz(name)],
            Self::Ours(policy) => vec![ours(&policy.configuration()?)],
            Self::Dynamic(policy) => vec![dynamic(name, &policy.configuration()?.to_string())],
            Self::Intake => vec![ours(&json!({"intake": {"pushKey": push_key()}}))],
            Self::Pushed => vec![ours(&pushed())],
        };
        let router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
        filters.push(json!({"name": ROUTER, "typed_config": {"@type": router}}));
        Ok(filters)
    }
}

impl Chain {
    /// Returns true if its filters verify tokens.
    pub(crate) const fn verifies(self) -> bool {
        match self {
            Self::Nothing | Self::Empty | Self::Calls | Self::EmptySdk | Self::Lua => false,
            Self::Native { .. }
            | Self::Asked
            | Self::Ours(_)
            | Self::Dynamic(_)
            | Self::Intake
            | Self::Pushed => true,
        }
    }
}

fn push_key() -> Value {
    json!({"env": "REGISTRY_AUTH_PUSH_KEY"})
}

fn pushed() -> Value {
    let secret = json!({"region": "us-east-1", "secretName": "keys"});
    json!({
        "http": {
            "auth": {"bearer": {"realm": "registry", "service": AUDIENCE, "awsSecretsManager": secret}},
            "accessControl": {"repositories": {"**": {"anonymousPolicy": ["read"]}}},
        },
        "proxy": {"pushKey": push_key()},
    })
}

fn wasm(name: &str, vm: &str, module: &Path, configuration: &str) -> Value {
    let config = json!({
        "name": name,
        "root_id": name,
        "failure_policy": "FAIL_CLOSED",
        "allow_on_headers_stop_iteration": true,
        "vm_config": {
            "vm_id": vm,
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": module}},
            "environment_variables": {"host_env_keys": ["REGISTRY_AUTH_PUSH_KEY"]},
        },
        "configuration": {
            "@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": configuration,
        },
    });
    json!({
        "name": "envoy.filters.http.wasm",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", "config": config},
    })
}

fn lua() -> Value {
    json!({
        "name": "envoy.filters.http.lua",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": "function envoy_on_request(handle) end\n"},
        },
    })
}

/// The head of a request with its token; whatever is not 200 is the answer to the client.
fn ext_authz(cluster: &str) -> Value {
    json!({
        "name": "envoy.filters.http.ext_authz",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
            "failure_mode_allow": false,
            "http_service": {
                "server_uri": {"uri": "http://policy", "cluster": cluster, "timeout": "2s"},
                "path_prefix": opa::PREFIX,
            },
        },
    })
}

/// The dynamic module, which Envoy finds by its name.
fn dynamic(name: &str, configuration: &str) -> Value {
    json!({
        "name": "envoy.filters.http.dynamic_modules",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter",
            "dynamic_module_config": {"name": "registry_auth", "do_not_close": true},
            "filter_name": name,
            "filter_config": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": configuration,
            },
        },
    })
}

/// Verifies as ours does: issuer, audience, times, signature; the claims go where `rbac` finds
/// them.
fn jwt_authn(cache: bool) -> Result<Value> {
    let mut provider = json!({
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "local_jwks": {"inline_string": workload::jwks()?.to_string()},
        "payload_in_metadata": CLAIMS,
    });
    if let (Value::Object(provider), true) = (&mut provider, cache) {
        provider.insert(
            "jwt_cache_config".to_owned(),
            json!({"jwt_cache_size": 1000}),
        );
    }
    Ok(json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": {"issuer": provider},
            "rules": [{"match": {"prefix": "/v2/"}, "requires": {"provider_name": "issuer"}}],
        },
    }))
}

/// One policy: this method, this prefix, this subject.
fn rbac() -> Value {
    let subject = json!({
        "filter": "envoy.filters.http.jwt_authn",
        "path": [{"key": CLAIMS}, {"key": "sub"}],
        "value": {"string_match": {"exact": SUBJECT}},
    });
    let permission = json!({"and_rules": {"rules": [
        {"header": {"name": ":method", "string_match": {"exact": "GET"}}},
        {"url_path": {"path": {"prefix": format!("/v2/{REPOSITORY}/")}}},
    ]}});
    json!({
        "name": "envoy.filters.http.rbac",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            "rules": {
                "action": "ALLOW",
                "policies": {"team": {
                    "permissions": [permission],
                    "principals": [{"sourced_metadata": {"metadata_matcher": subject}}],
                }},
            },
        },
    })
}
