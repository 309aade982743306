//! The module where Envoy loads it.

use registry_auth_lint::Finding;
use registry_auth_render::envoy::CAPABILITIES;
use serde_json::Value;

/// Deeper nesting is not read.
const MAX_DEPTH: usize = 64;

/// What a configuration makes of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Decides requests.
    Filter,
    /// Takes pushed keys.
    Intake,
}

/// A `config` of a Wasm filter that holds a configuration of ours.
pub(super) struct Plugin {
    /// Where it is.
    pub(super) path: String,
    /// What the configuration makes of it.
    pub(super) role: Role,
    /// The configuration.
    pub(super) value: Value,
    /// Its text.
    pub(super) text: String,
    /// `vm_config.vm_id`.
    pub(super) vm_id: Option<String>,
    config: Value,
}

impl Plugin {
    /// Finds all.
    pub(super) fn all(envoy: &Value) -> Vec<Self> {
        let mut found = Vec::new();
        search(envoy, "", MAX_DEPTH, &mut found);
        found
    }

    fn at(path: &str, config: &Value) -> Option<Self> {
        let text = config.get("configuration")?.get("value")?.as_str()?;
        let value: Value = serde_json::from_str(text).ok()?;
        let role = if value.get("intake").is_some() {
            Role::Intake
        } else if value.get("http").is_some() {
            Role::Filter
        } else {
            return None;
        };
        let vm_id = config.pointer("/vm_config/vm_id").and_then(Value::as_str);
        Some(Self {
            path: path.to_owned(),
            role,
            value,
            text: text.to_owned(),
            vm_id: vm_id.map(str::to_owned),
            config: config.clone(),
        })
    }

    /// What is wrong with how Envoy loads it.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let found = [self.fails_open(), self.waits(), self.capabilities()];
        found
            .into_iter()
            .flatten()
            .chain(self.environment())
            .collect()
    }

    fn fails_open(&self) -> Option<Finding> {
        let policy = self.config.get("failure_policy").and_then(Value::as_str);
        let opens = self.config.get("fail_open").and_then(Value::as_bool) == Some(true);
        let name = if opens { "fail_open" } else { "failure_policy" };
        let message = match policy {
            _ if opens => "lets every request pass when the module has failed",
            Some("FAIL_OPEN") => "lets every request pass when the module has failed",
            Some("FAIL_RELOAD" | "FAIL_CLOSED") => return None,
            _ => {
                "is not said: what happens when the module has failed differs between versions of Envoy"
            }
        };
        let id = if opens || policy == Some("FAIL_OPEN") {
            "envoy-fail-open"
        } else {
            "envoy-failure-policy"
        };
        let place = format!("{}.{name}", self.path);
        Some(Finding::new(id, place, message).write("failure_policy: FAIL_RELOAD"))
    }

    /// Bodies are read while headers wait.
    fn waits(&self) -> Option<Finding> {
        let stops = self
            .config
            .get("allow_on_headers_stop_iteration")
            .and_then(Value::as_bool);
        let reads = match self.role {
            Role::Intake => {
                self.value
                    .pointer("/intake/readRequestBodies")
                    .and_then(Value::as_bool)
                    != Some(false)
            }
            Role::Filter => {
                self.value
                    .pointer("/proxy/readRequestBodies")
                    .and_then(Value::as_bool)
                    == Some(true)
            }
        };
        (reads && stops != Some(true)).then(|| {
            let message =
                "is not true, and the configuration reads request bodies: they never come";
            let place = format!("{}.allow_on_headers_stop_iteration", self.path);
            Finding::new("envoy-body", place, message)
                .write("allow_on_headers_stop_iteration: true")
        })
    }

    /// Variables that the configuration names.
    fn environment(&self) -> Vec<Finding> {
        let keys = self.config.pointer("/vm_config/environment_variables");
        let list = keys.and_then(|keys| keys.get("host_env_keys")?.as_array());
        let host: Vec<&str> = list
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let own = keys.and_then(|keys| keys.get("key_values")?.as_object());
        let pointers = match self.role {
            Role::Intake => ["/intake/pushKey/env"].as_slice(),
            Role::Filter => ["/proxy/pushKey/env", "/proxy/upstreamAuthorization/env"].as_slice(),
        };
        let wanted = pointers
            .iter()
            .filter_map(|pointer| self.value.pointer(pointer)?.as_str());
        wanted
            .filter(|name| !host.contains(name) && !own.is_some_and(|own| own.contains_key(*name)))
            .map(|name| {
                let message = format!("does not hand `{name}` to the module, and the configuration names it: it does not start");
                let place = format!("{}.vm_config.environment_variables", self.path);
                Finding::new("envoy-environment", place, message)
                    .write(format!("environment_variables: {{ host_env_keys: [{name}] }}"))
            })
            .collect()
    }

    fn capabilities(&self) -> Option<Finding> {
        let allowed = self
            .config
            .pointer("/capability_restriction_config/allowed_capabilities")?;
        let allowed = allowed.as_object().filter(|allowed| !allowed.is_empty())?;
        let missing: Vec<&str> = CAPABILITIES
            .iter()
            .copied()
            .filter(|name| !allowed.contains_key(*name))
            .collect();
        (!missing.is_empty()).then(|| {
            let message = format!(
                "lacks {}: a callback that is not called decides nothing",
                missing.join(", ")
            );
            let place = format!(
                "{}.capability_restriction_config.allowed_capabilities",
                self.path
            );
            Finding::new("envoy-capability", place, message)
                .write(format!("{}: {{}}", missing.join(": {}, ")))
        })
    }
}

fn search(value: &Value, path: &str, depth: usize, found: &mut Vec<Plugin>) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    match value {
        Value::Object(members) => {
            if let Some(plugin) = Plugin::at(path, value) {
                found.push(plugin);
                return;
            }
            for (name, value) in members {
                search(value, &join(path, name), depth, found);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                search(value, &format!("{path}[{index}]"), depth, found);
            }
        }
        _ => {}
    }
}

pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
