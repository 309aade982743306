//! `registry-auth render kubernetes`.

use std::path::PathBuf;
use std::process::ExitCode;

use registry_auth_render::kubernetes::{self, Settings};

use super::resources;
use crate::upstream::UpstreamArguments;

/// Writes manifests of Kubernetes on stdout: what the Helm chart deploys in its mode `standalone`
///
/// What is assumed is said on stderr. No secret is written: certificates and credentials are in
/// Secrets, by their names.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration of zot or of the filter, JSON or (by its ending .yaml or .yml) YAML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    upstream: UpstreamArguments,
    /// Image with Envoy and registry-auth
    #[arg(long, value_name = "IMAGE")]
    image: String,
    /// Name of the objects, and how the names of those that belong to them begin
    #[arg(long, value_name = "NAME", default_value_t = Settings::default().name)]
    name: String,
    /// Namespace of the objects
    #[arg(long, value_name = "NAME", default_value_t = Settings::default().namespace)]
    namespace: String,
    /// Secret of type kubernetes.io/tls, for TLS to clients
    #[arg(long, value_name = "NAME")]
    tls_secret: Option<String>,
    /// Key in it with the authorities of clients' certificates
    #[arg(long, value_name = "KEY")]
    client_ca_key: Option<String>,
    /// Secret whose key `authorization` has the credential for the registry
    #[arg(long, value_name = "NAME")]
    authorization_secret: Option<String>,
    /// Mounts a token of the service account and the authorities of the API server at
    /// /var/run/secrets/kubernetes.io/serviceaccount/token and ca.crt, for issuers with `tokenFile`
    #[arg(long)]
    token: bool,
    /// Labels of the registry's pods: `NAME=VALUE`, several with commas
    #[arg(long, value_name = "LABELS", value_delimiter = ',', value_parser = resources::label, required = true)]
    registry_labels: Vec<(String, String)>,
    /// Their namespace; that of the objects when absent
    #[arg(long, value_name = "NAME")]
    registry_namespace: Option<String>,
}

impl Arguments {
    /// Runs the command. An invalid configuration is an exit status, not an error.
    ///
    /// # Errors
    /// A file cannot be read, or stdout cannot be written.
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let settings = Settings {
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            image: self.image.clone(),
            tls_secret: self.tls_secret.clone(),
            client_ca_key: self.client_ca_key.clone(),
            authorization_secret: self.authorization_secret.clone(),
            token: self.token,
            registry_labels: self.registry_labels.clone(),
            registry_namespace: self.registry_namespace.clone(),
        };
        resources::write(&self.config, &self.upstream, |document, options, files| {
            kubernetes::render(document, options, &settings, files)
        })
    }
}
