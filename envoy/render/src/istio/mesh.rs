//! Where the filter is put in a mesh.

use registry_auth_engine::config::ConfigError;
use serde_json::Value;

use crate::completed::Completed;
use crate::foreign;

/// What the caller says about the mesh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mesh {
    /// The name of the plugin, and how the names of what belongs to it begin.
    pub name: String,
    /// The namespace of the proxy.
    pub namespace: String,
    /// The proxy.
    pub workload: Workload,
    /// The module.
    pub image: Image,
    /// Which resource carries the filter; by itself the plainest that can do what is asked.
    pub form: Option<Form>,
    /// The port of the listener that keys are pushed to, on loopback.
    pub intake_port: u16,
}

/// The proxy that runs the filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Workload {
    /// A gateway with these labels. The filter is on this port that it listens on, else on all.
    Gateway(Vec<(String, String)>, Option<u16>),
    /// The sidecar of the registry, which has these labels.
    Sidecar(Vec<(String, String)>),
    /// The waypoint of this name.
    Waypoint(String),
}

/// Where Istio fetches the module from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// `oci://`, `https://` or `file://`.
    pub url: String,
    /// Of the manifest for `oci://`, of the file otherwise; 64 hexadecimal digits.
    pub sha256: Option<String>,
    /// The Secret with the credential for the registry of the image.
    pub pull_secret: Option<String>,
}

impl Image {
    /// Returns what to say of an image that is not pinned.
    pub(crate) fn assumption(&self) -> Option<String> {
        let is_pinned = self.sha256.is_some() || self.url.contains("@sha256:");
        (!is_pinned).then(|| {
            format!(
                "{}: whatever is there when it is fetched; --sha256 pins it",
                self.url
            )
        })
    }
}

/// The resource that carries the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `WasmPlugin`.
    Plugin,
    /// `TrafficExtension`, which replaces it in Istio 1.30 and newer.
    TrafficExtension,
    /// `EnvoyFilter`, which can do all that Envoy can.
    EnvoyFilter,
}

impl Default for Mesh {
    /// The gateway of Istio's chart `gateway`, in its usual place.
    fn default() -> Self {
        Self {
            name: "registry-auth".to_owned(),
            namespace: "istio-ingress".to_owned(),
            workload: Workload::Gateway(
                vec![("istio".to_owned(), "ingressgateway".to_owned())],
                None,
            ),
            image: Image {
                url: format!(
                    "oci://registry.example.com/registry-auth:{}",
                    env!("CARGO_PKG_VERSION")
                ),
                sha256: None,
                pull_secret: None,
            },
            form: None,
            intake_port: 9902,
        }
    }
}

impl Mesh {
    /// Returns the labels of the proxy; a waypoint is named instead.
    pub(super) fn labels(&self) -> Option<&[(String, String)]> {
        match &self.workload {
            Workload::Gateway(labels, _) | Workload::Sidecar(labels) => Some(labels),
            Workload::Waypoint(_) => None,
        }
    }

    /// Returns the one port that has the filter, if the gateway has it on one only.
    pub(super) fn client_port(&self) -> Option<u16> {
        match &self.workload {
            Workload::Gateway(_, port) => *port,
            _ => None,
        }
    }

    /// Says what has to be true of the mesh.
    pub(super) fn assume(&self, completed: &Completed, assumptions: &mut Vec<String>) {
        assumptions.extend(self.image.assumption());
        if let Workload::Gateway(labels, port) = &self.workload {
            let labels: Vec<_> = labels
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let labels = labels.join(",");
            assumptions.push(match port {
                None => format!(
                    "the gateway {labels} is for the registry alone: all that it listens on has the filter; --port says on which port only"
                ),
                Some(port) => format!(
                    "clients reach the registry by port {port} of the gateway {labels} only: its other ports have no filter"
                ),
            });
        }
        if foreign::has(&completed.filter, &["http", "auth", "mtls"]) {
            assumptions.push("the proxy has to verify client certificates".to_owned());
            assumptions.push(match foreign::whole_certificate(&completed.filter) {
                Some(what) => format!(
                    "{what} needs client certificates themselves: Envoy 1.38 or newer, which is in Istio 1.31; older ones refuse the configuration"
                ),
                None => "with an Envoy before 1.38, so an Istio before 1.31, a client certificate that expires is accepted until its connection ends".to_owned(),
            });
        }
        if completed.environment.is_empty() && !completed.issuers.is_empty() {
            assumptions.push(
                "each worker of the proxy fetches the keys of issuers for itself: `pushKey` below `proxy`, a variable from a Secret, lets them share".to_owned(),
            );
        }
        if !completed.environment.is_empty() {
            assumptions.push(format!(
                "the proxy has the environment variables {}, from a Secret",
                completed.environment.join(", ")
            ));
        }
    }
}

/// Returns the form that is wanted, or one that can do what the document asks for.
pub(super) fn form(
    mesh: &Mesh,
    document: &Value,
    completed: &Completed,
    assumptions: &mut Vec<String>,
    found: &mut Vec<ConfigError>,
) -> Form {
    let is_pushed = completed.intake.is_some();
    let why = if is_pushed {
        Some("keys are pushed to the filter")
    } else if foreign::wants_bodies(document) {
        Some("proxy.readRequestBodies is true")
    } else {
        None
    };
    let form = mesh.form.unwrap_or(match why {
        Some(_) => Form::EnvoyFilter,
        None => Form::Plugin,
    });
    let mut refuse = |path: &str, message: String| {
        found.push(ConfigError {
            path: path.to_owned(),
            message,
        });
    };
    let is_gateway = matches!(mesh.workload, Workload::Gateway(..));
    if !is_gateway && (is_pushed || form == Form::EnvoyFilter) {
        let reason = why.unwrap_or("an EnvoyFilter is asked for");
        refuse(
            "--mode",
            format!(
                "{reason}, and that is rendered for gateways only: write --mode gateway, or let the proxy fetch keys (keySource `callout`, or inline `jwks`)"
            ),
        );
    } else if form != Form::EnvoyFilter && foreign::wants_bodies(document) {
        refuse("--form", "proxy.readRequestBodies is true, and a plugin of Istio gets no request bodies: write --form envoy-filter".to_owned());
    } else if is_pushed && mesh.client_port().is_none() {
        refuse("--port", "must be given, because keys are pushed to another listener of the gateway: write the port that the gateway listens on for clients (that of its container, not of its Service)".to_owned());
    } else if let (Form::EnvoyFilter, Some(why)) = (form, why) {
        assumptions.push(format!(
            "an EnvoyFilter, because {why}: a WasmPlugin gets no request bodies{}",
            if is_pushed {
                "; --form wasm-plugin has keys pushed in header fields, 48 KiB at most"
            } else {
                ""
            }
        ));
    }
    form
}
