//! The command line of `run`.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::upstream::UpstreamArguments;

/// Runs Envoy with the filter in front of a registry
///
/// Takes a zot file as it is: what `http.auth` and `http.accessControl` say decides about requests,
/// `http.address`, `http.port` and `http.tls` say where clients connect (127.0.0.1:8080 when
/// absent), and what only zot itself reads is ignored. The rest is completed. A change of the file,
/// or of a file that it names, is made live without dropping a request; one that is wrong is
/// refused, and the configuration of before stays.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The configuration, JSON or (by its ending .yaml or .yml) YAML
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    #[command(flatten)]
    pub(crate) upstream: UpstreamArguments,
    /// Where /healthz, /readyz and /metrics are answered
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9903")]
    pub(crate) listen: SocketAddr,
    /// Answer these nowhere
    #[arg(long, conflicts_with = "listen")]
    pub(crate) no_listen: bool,
    /// The program Envoy; when absent that of the environment variable `ENVOY`, of `PATH`, or next to
    /// this program
    #[arg(long, value_name = "PATH")]
    pub(crate) envoy: Option<PathBuf>,
    /// Another module than the one in this program
    #[arg(long, value_name = "FILE")]
    pub(crate) module: Option<PathBuf>,
    /// Number of worker threads of Envoy; that of the processors when absent
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) concurrency: Option<u32>,
    /// The file of API keys and ended logins; when absent `registry-auth.db` in the folder that
    /// the environment variable `STATE_DIRECTORY` names, else in the current one
    #[arg(long, value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,
    /// Print what would be done, and end
    #[arg(long)]
    pub(crate) check: bool,
}
