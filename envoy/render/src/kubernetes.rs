//! Plain manifests of Kubernetes: what the Helm chart deploys in its mode `standalone`, with
//! `registry-auth run` and Envoy in one container.
//!
//! A test compares the objects with those of the chart (`envoy/helm/registry-auth`).

mod container;
mod network;
mod pod;
mod settings;

use registry_auth_engine::config::ConfigError;
use serde_json::{Value, json};

use crate::cluster::Endpoint;
use crate::complete::{complete, members};
use crate::files::Files;
use crate::json_text;
use crate::node::{Member, Node, list, map, member};
use crate::options::Options;
use crate::resources::{self, Document, Rendered};

pub use settings::Settings;

/// The key of the policy in its `ConfigMap`.
const KEY: &str = "registry.json";
/// Port of clients in the container.
const PORT: u16 = 8080;
/// Port of /healthz, /readyz and /metrics.
const ADMIN_PORT: u16 = 9903;

/// Returns the manifests for a document of zot. Where clients connect is set here: `http.address`,
/// `http.port` and `http.tls` of the document are not used.
///
/// # Errors
/// All that is wrong with the document or the settings.
pub fn render(
    document: &Value,
    options: &Options,
    settings: &Settings,
    files: &dyn Files,
) -> Result<Rendered, Vec<ConfigError>> {
    let mut found = Vec::new();
    settings.check(options, &mut found);
    let mut assumptions = Vec::new();
    let policy = policy(document, settings, &mut assumptions);
    container::check(&policy, settings, &mut found);
    let completed = complete(&policy, options, files);
    let (Ok(completed), true) = (&completed, found.is_empty()) else {
        found.extend(completed.err().into_iter().flatten());
        return Err(found);
    };
    if let Some(error) = container::check_account(completed, settings) {
        return Err(vec![error]);
    }
    let Endpoint::Host(_, registry_port) = &completed.upstream.endpoint else {
        let message = "a socket is not reached from another pod: write http://HOST:PORT, the Service of the registry";
        return Err(vec![ConfigError {
            path: "--upstream".to_owned(),
            message: message.to_owned(),
        }]);
    };
    assumptions.extend(completed.assumptions.iter().cloned());
    settings.assume(&mut assumptions);
    let documents = [
        config_map(settings, &container::document(&policy, completed)),
        service_account(settings),
        service(settings),
        metrics(settings),
        pod::deployment(settings, options),
        disruptions(settings),
        network::of_filter(settings),
        network::of_registry(settings, *registry_port),
    ];
    Ok(Rendered {
        yaml: resources::join(&documents),
        assumptions,
        warnings: completed.warnings.clone(),
    })
}

/// Returns the document as the container reads it.
fn policy(document: &Value, settings: &Settings, assumptions: &mut Vec<String>) -> Value {
    let mut document = document.clone();
    let Some(http) = members::object(&mut document, "http") else {
        return document;
    };
    for name in ["address", "port", "tls"] {
        if members::remove(http, name).is_some() {
            assumptions.push(format!(
                "http.{name}: not used, the manifests say where clients connect"
            ));
        }
    }
    members::set(http, "address", "0.0.0.0");
    members::set(http, "port", PORT);
    if settings.tls_secret.is_some() {
        let mut tls = json!({
            "cert": "/etc/registry-auth/tls/tls.crt",
            "key": "/etc/registry-auth/tls/tls.key",
        });
        if let (Some(key), Some(tls)) = (&settings.client_ca_key, tls.as_object_mut()) {
            members::set(tls, "cacert", format!("/etc/registry-auth/tls/{key}"));
        }
        members::set(http, "tls", tls);
    }
    document
}

/// Returns an object with the labels that all of them have.
fn object(
    settings: &Settings,
    version: &str,
    kind: &str,
    suffix: &str,
    rest: impl IntoIterator<Item = Member>,
) -> Node {
    let metadata = map([
        member("name", format!("{}{suffix}", settings.name)),
        member("namespace", settings.namespace.as_str()),
        member("labels", settings.labels()),
    ]);
    let head = [
        member("apiVersion", version),
        member("kind", kind),
        member("metadata", metadata),
    ];
    Node::Map(head.into_iter().chain(rest).collect())
}

fn config_map(settings: &Settings, policy: &Value) -> Document {
    let data = Node::Map(vec![member(KEY, Node::Text(json_text::write(policy)))]);
    Document {
        node: object(settings, "v1", "ConfigMap", "", [member("data", data)]),
        head: "The policy. A change goes live without a restart; a wrong one is refused, and the one before stays.",
    }
}

fn service_account(settings: &Settings) -> Document {
    let never = member("automountServiceAccountToken", false);
    Document {
        node: object(settings, "v1", "ServiceAccount", "", [never]),
        head: "",
    }
}

fn service(settings: &Settings) -> Document {
    let (name, port): (&str, u16) = match settings.tls_secret {
        Some(_) => ("https", 443),
        None => ("http", 80),
    };
    let ports = list([json!({"name": name, "port": port, "targetPort": "registry-auth"})]);
    let spec = map([
        member("type", "ClusterIP"),
        member("selector", settings.selector()),
        member("ports", ports),
    ]);
    Document {
        node: object(settings, "v1", "Service", "", [member("spec", spec)]),
        head: "What clients connect to.",
    }
}

fn metrics(settings: &Settings) -> Document {
    let ports =
        list([json!({"name": "metrics", "port": ADMIN_PORT, "targetPort": "auth-metrics"})]);
    let spec = map([
        member("clusterIP", "None"),
        member("publishNotReadyAddresses", true)
            .why("Prometheus sees pods that are not ready as well."),
        member("selector", settings.selector()),
        member("ports", ports),
    ]);
    Document {
        node: object(
            settings,
            "v1",
            "Service",
            "-metrics",
            [member("spec", spec)],
        ),
        head: "What Prometheus connects to.",
    }
}

fn disruptions(settings: &Settings) -> Document {
    let spec = map([
        member("maxUnavailable", 1_u16),
        member(
            "selector",
            map([member("matchLabels", settings.selector())]),
        ),
    ]);
    let spec = [member("spec", spec)];
    Document {
        node: object(settings, "policy/v1", "PodDisruptionBudget", "", spec),
        head: "",
    }
}
