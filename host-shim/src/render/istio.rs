//! `registry-auth render istio`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use registry_auth_render::istio::{self, Form, Image, Mesh, Workload};

use super::resources;
use crate::upstream::UpstreamArguments;

/// Writes the resources of Istio on stdout
///
/// A plugin where one is enough, an `EnvoyFilter` where keys are pushed or request bodies are read.
/// What is assumed is said on stderr. No secret is written: keys and credentials are in the
/// environment of the proxy, from Secrets.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration of zot or of the filter, JSON or (by its ending .yaml or .yml) YAML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    upstream: UpstreamArguments,
    /// The module: `oci://REGISTRY/NAME:TAG`, `https://` or `file:///path` in the container of the
    /// proxy
    #[arg(long, value_name = "URL", value_parser = resources::image)]
    image: String,
    /// Its digest, of the manifest for `oci://`, else of the file: 64 hexadecimal digits
    #[arg(long, value_name = "DIGEST", value_parser = resources::digest)]
    sha256: Option<String>,
    /// Secret with the credential for the registry of the module
    #[arg(long, value_name = "NAME")]
    pull_secret: Option<String>,
    /// The proxy: a gateway, the sidecar of the registry, or its waypoint
    #[arg(long, value_name = "MODE", default_value = "gateway")]
    mode: Mode,
    /// Namespace of the proxy
    #[arg(long, value_name = "NAME", default_value_t = Mesh::default().namespace)]
    namespace: String,
    /// Labels of a gateway or of the registry with its sidecar: `NAME=VALUE`, several with commas
    #[arg(long, value_name = "LABELS", value_delimiter = ',', value_parser = resources::label,
        default_value = "istio=ingressgateway")]
    labels: Vec<(String, String)>,
    /// Name of the waypoint
    #[arg(long, value_name = "NAME", default_value = "waypoint")]
    waypoint: String,
    /// The only port of the gateway that has the filter, as its container listens on it; all ports
    /// when absent
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Port of the listener that keys are pushed to, on loopback
    #[arg(long, value_name = "PORT", default_value_t = Mesh::default().intake_port)]
    intake_port: u16,
    /// The resource with the filter; the plainest that can do what is asked when absent
    #[arg(long, value_name = "FORM")]
    form: Option<FormName>,
    /// Name of the resources, and how the names of those that belong to them begin
    #[arg(long, value_name = "NAME", default_value_t = Mesh::default().name)]
    name: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Mode {
    Gateway,
    Sidecar,
    Ambient,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormName {
    WasmPlugin,
    TrafficExtension,
    EnvoyFilter,
}

impl Arguments {
    /// Runs the command. An invalid configuration is an exit status, not an error.
    ///
    /// # Errors
    /// A file cannot be read, or stdout cannot be written.
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let mesh = self.mesh();
        resources::write(&self.config, &self.upstream, |document, options, files| {
            istio::render(document, options, &mesh, files)
        })
    }

    fn mesh(&self) -> Mesh {
        let labels = self.labels.clone();
        Mesh {
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            workload: match self.mode {
                Mode::Gateway => Workload::Gateway(labels, self.port),
                Mode::Sidecar => Workload::Sidecar(labels),
                Mode::Ambient => Workload::Waypoint(self.waypoint.clone()),
            },
            image: Image {
                url: self.image.clone(),
                sha256: self.sha256.clone(),
                pull_secret: self.pull_secret.clone(),
            },
            form: self.form.map(|form| match form {
                FormName::WasmPlugin => Form::Plugin,
                FormName::TrafficExtension => Form::TrafficExtension,
                FormName::EnvoyFilter => Form::EnvoyFilter,
            }),
            intake_port: self.intake_port,
        }
    }
}
