//! `registry-auth render`: writes the configuration of a proxy around the filter.

mod envoy_gateway;
mod folder;
mod istio;
mod kubelet;
mod kubernetes;
mod resources;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use registry_auth_render::envoy::{self, Place};
use registry_auth_render::{Completed, PUSH_KEY};

use crate::check;
use crate::configuration::{Configuration, View};
use crate::people::LoginAddress;
use crate::upstream::UpstreamArguments;

/// Writes the configuration of a proxy with the filter in it
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    target: Target,
}

#[derive(Debug, clap::Subcommand)]
enum Target {
    Envoy(EnvoyArguments),
    Istio(istio::Arguments),
    Kubernetes(kubernetes::Arguments),
    EnvoyGateway(envoy_gateway::Arguments),
    Kubelet(kubelet::Arguments),
}

/// Writes the configuration of Envoy: one file on stdout, or a folder of files that it watches
///
/// What the configuration leaves out is completed, and what is assumed is said on stderr. No secret
/// is written: keys and credentials are in the environment and in named files.
#[derive(Debug, clap::Args)]
struct EnvoyArguments {
    /// The configuration of zot or of the filter, JSON or (by its ending .yaml or .yml) YAML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    upstream: UpstreamArguments,
    /// Path of the module on the host of Envoy
    #[arg(long, value_name = "FILE", default_value_t = Place::default().module)]
    module: String,
    /// Folder on the host of Envoy for its sockets, and for the files of `--out`, which is it when
    /// absent; `/run/registry-auth` for one file
    #[arg(long, value_name = "DIR")]
    folder: Option<String>,
    /// PEM file of the system's authorities on the host of Envoy
    #[arg(long, value_name = "FILE", default_value_t = Place::default().system_authorities)]
    system_ca: String,
    /// Where the folder of files is written; changed files are replaced in the order that a running
    /// Envoy needs
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where people log in: the `--login` of `registry-auth serve`, which has to run for it
    #[arg(long, value_name = "ADDRESS")]
    login: Option<LoginAddress>,
}

/// Runs the command. An invalid configuration is an exit status, not an error.
///
/// # Errors
/// A file cannot be read or written.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.target {
        Target::Envoy(arguments) => arguments.run(),
        Target::Istio(arguments) => arguments.run(),
        Target::Kubernetes(arguments) => arguments.run(),
        Target::EnvoyGateway(arguments) => arguments.run(),
        Target::Kubelet(arguments) => arguments.run(),
    }
}

impl EnvoyArguments {
    fn run(&self) -> anyhow::Result<ExitCode> {
        let place = self.place()?;
        if let Some(problem) = place.problem() {
            eprintln!("error: --folder: `{}` {problem}", place.folder);
            return Ok(ExitCode::from(USAGE));
        }
        let options = self.upstream.options(false);
        let configuration = match &self.login {
            Some(login) => {
                Configuration::read_with_login(&self.config, &options, login.endpoint())?
            }
            None => Configuration::read(&self.config, View::Proxy(&options))?,
        };
        check::print(&configuration);
        let Some(completed) = configuration.completed() else {
            return Ok(refusal(&configuration));
        };
        match &self.out {
            Some(folder) => folder::replace(folder, &envoy::directory(completed, &place))?,
            None => io::stdout()
                .write_all(envoy::bootstrap(completed, &place).as_bytes())
                .context("cannot write")?,
        }
        self.say(completed, &place);
        Ok(ExitCode::SUCCESS)
    }

    /// The folder is that of the files unless Envoy runs elsewhere.
    fn place(&self) -> anyhow::Result<Place> {
        let folder = match (&self.folder, &self.out) {
            (Some(folder), _) => folder.clone(),
            (None, Some(out)) => absolute(out)?,
            (None, None) => Place::default().folder,
        };
        Ok(Place {
            module: self.module.clone(),
            folder,
            system_authorities: self.system_ca.clone(),
        })
    }

    /// Says what was assumed, and what is needed to run it.
    fn say(&self, completed: &Completed, place: &Place) {
        for line in &completed.assumptions {
            eprintln!("assumed: {line}");
        }
        for name in &completed.environment {
            eprintln!("needed: {name} in the environment of Envoy");
        }
        if completed.intake.is_some() {
            eprintln!(
                "needed: {PUSH_KEY}=... registry-auth serve --config {} --envoy unix:{}",
                self.config.display(),
                place.intake()
            );
        }
    }
}

/// The exit status for wrong usage.
const USAGE: u8 = 2;

/// Returns the exit status for a configuration that cannot be rendered.
fn refusal(configuration: &Configuration) -> ExitCode {
    let errors = configuration.errors();
    if errors.is_empty() {
        // It is good for an intake, which has nothing to complete.
        eprintln!(
            "error: intake: is the configuration of an intake: give the document of the filter"
        );
    }
    if errors.iter().any(|error| error.path.starts_with("--")) {
        ExitCode::from(USAGE)
    } else {
        ExitCode::FAILURE
    }
}

fn absolute(folder: &Path) -> anyhow::Result<String> {
    let path = std::path::absolute(folder)
        .with_context(|| format!("cannot find `{}`", folder.display()))?;
    let text = path
        .to_str()
        .context("the path of the folder is not UTF-8")?;
    Ok(text.to_owned())
}
