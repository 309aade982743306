//! `registry-auth render envoy-gateway`.

use std::path::PathBuf;
use std::process::ExitCode;

use registry_auth_render::envoy_gateway::{self, Gateway};
use registry_auth_render::istio::Image;

use super::resources;
use crate::upstream::UpstreamArguments;

/// Writes the resources of Envoy Gateway on stdout
///
/// A policy with the filter, and a patch with the servers that it asks. What is assumed is said on
/// stderr. No secret is written: keys and credentials are in the environment of the proxy.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration of zot or of the filter, JSON or (by its ending .yaml or .yml) YAML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    upstream: UpstreamArguments,
    /// The module: `oci://REGISTRY/NAME:TAG` or `https://`
    #[arg(long, value_name = "URL", value_parser = fetched)]
    image: String,
    /// Its digest, of the manifest for `oci://`, else of the file: 64 hexadecimal digits
    #[arg(long, value_name = "DIGEST", value_parser = resources::digest)]
    sha256: Option<String>,
    /// Secret with the credential for the registry of the module
    #[arg(long, value_name = "NAME")]
    pull_secret: Option<String>,
    /// The Gateway that has the filter, for all of its routes
    #[arg(long, value_name = "NAME", default_value_t = Gateway::default().gateway)]
    gateway: String,
    /// Namespace of the Gateway
    #[arg(long, value_name = "NAME", default_value_t = Gateway::default().namespace)]
    namespace: String,
    /// Name of the resources
    #[arg(long, value_name = "NAME", default_value_t = Gateway::default().name)]
    name: String,
}

impl Arguments {
    /// Runs the command. An invalid configuration is an exit status, not an error.
    ///
    /// # Errors
    /// A file cannot be read, or stdout cannot be written.
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let gateway = Gateway {
            gateway: self.gateway.clone(),
            namespace: self.namespace.clone(),
            image: Image {
                url: self.image.clone(),
                sha256: self.sha256.clone(),
                pull_secret: self.pull_secret.clone(),
            },
            name: self.name.clone(),
        };
        resources::write(&self.config, &self.upstream, |document, options, files| {
            envoy_gateway::render(document, options, &gateway, files)
        })
    }
}

/// Checks the URL of a module that Envoy Gateway fetches.
fn fetched(text: &str) -> Result<String, String> {
    if text.starts_with("file:") {
        return Err(
            "Envoy Gateway reads no files: write oci://REGISTRY/NAME:TAG or https://".to_owned(),
        );
    }
    resources::image(text)
}
