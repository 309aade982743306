//! What the caller says about the cluster.

use registry_auth_engine::config::ConfigError;

use crate::node::{Node, map, member};
use crate::options::Options;

/// Names in the cluster, and what the container uses of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The name of the objects, and how others begin.
    pub name: String,
    /// Their namespace.
    pub namespace: String,
    /// The image with Envoy and registry-auth.
    pub image: String,
    /// A Secret of type `kubernetes.io/tls`, for TLS to clients.
    pub tls_secret: Option<String>,
    /// The key in it with the authorities of clients' certificates.
    pub client_ca_key: Option<String>,
    /// The Secret with the value of `Authorization` for the registry, in its key `authorization`.
    pub authorization_secret: Option<String>,
    /// A token of the service account is mounted, for issuers with `tokenFile`.
    pub token: bool,
    /// Labels of the registry's pods.
    pub registry_labels: Vec<(String, String)>,
    /// Their namespace; that of the objects when absent.
    pub registry_namespace: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "registry-auth".to_owned(),
            namespace: "registry".to_owned(),
            image: format!("registry-auth-envoy:{}", env!("CARGO_PKG_VERSION")),
            tls_secret: None,
            client_ca_key: None,
            authorization_secret: None,
            token: false,
            registry_labels: vec![("app".to_owned(), "registry".to_owned())],
            registry_namespace: None,
        }
    }
}

impl Settings {
    /// Returns the labels by which the pods are found.
    pub(super) fn selector(&self) -> Node {
        map([
            member("app.kubernetes.io/name", "registry-auth"),
            member("app.kubernetes.io/instance", self.name.as_str()),
        ])
    }

    /// Returns the labels of all objects.
    pub(super) fn labels(&self) -> Node {
        self.selector()
            .and(member(
                "app.kubernetes.io/version",
                env!("CARGO_PKG_VERSION"),
            ))
            .and(member("app.kubernetes.io/managed-by", "registry-auth"))
    }

    /// Finds what is missing or does not fit.
    pub(super) fn check(&self, options: &Options, found: &mut Vec<ConfigError>) {
        let mut error = |path: &str, message: &str| {
            found.push(ConfigError {
                path: path.to_owned(),
                message: message.to_owned(),
            });
        };
        match &options.upstream {
            None => error(
                "--upstream",
                "must be given: http://NAME.NAMESPACE.svc.cluster.local:PORT, the Service of the registry",
            ),
            Some(upstream) => {
                if upstream.certificate_authority.is_some() || upstream.certificate.is_some() {
                    let message = "files of this host are not in the container: use the chart, whose `upstream` mounts Secrets";
                    error("--upstream-ca, --upstream-cert", message);
                }
                if upstream.authorization != self.authorization_secret.is_some() {
                    let message = "goes with --authorization-secret, the Secret that has the value: write both or none";
                    error("--upstream-authorization", message);
                }
            }
        }
        if self.client_ca_key.is_some() && self.tls_secret.is_none() {
            error(
                "--client-ca-key",
                "is a key of the Secret of --tls-secret, which is absent",
            );
        }
        if self.registry_labels.is_empty() {
            error(
                "--registry-labels",
                "must name the pods of the registry: NAME=VALUE",
            );
        }
    }

    /// Says what has to be true of the cluster.
    pub(super) fn assume(&self, assumptions: &mut Vec<String>) {
        assumptions.push("the network plugin of the cluster enforces NetworkPolicies: else whoever is in the cluster reaches the registry past the filter".to_owned());
        if self.tls_secret.is_none() {
            assumptions.push("something in front of the Service ends TLS: --tls-secret is absent, and tokens come in clear text".to_owned());
        }
        if !self.image.contains("@sha256:") {
            assumptions.push(format!(
                "{}: whatever is there when it is fetched; @sha256:... pins it",
                self.image
            ));
        }
    }
}
