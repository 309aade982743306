//! How the cluster is reached.

use std::path::Path;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

use crate::call::shown_message;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Why the cluster cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be used.
    #[error("`{path}` is not a kubeconfig that can be used: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why not.
        reason: String,
    },
    /// There is neither a file nor a service account.
    #[error(
        "this is no pod with a service account, and there is no kubeconfig: name one by `--kubeconfig` ({0})"
    )]
    Nothing(String),
    /// The client cannot be made of it.
    #[error("cannot connect with this configuration: {0}")]
    Client(String),
}

/// Returns a client for the cluster of a file, or without one for that of the pod, and the
/// namespace of it.
///
/// # Errors
/// See [`ConfigError`].
pub async fn client(file: Option<&Path>) -> Result<(Client, String), ConfigError> {
    let mut config = if let Some(path) = file {
        read(path).await.map_err(|reason| ConfigError::File {
            path: path.display().to_string(),
            reason,
        })?
    } else {
        let config = Config::incluster();
        config.map_err(|error| ConfigError::Nothing(innermost(&error)))?
    };
    config.connect_timeout = Some(CONNECT);
    // Tries again are planned by the queue, which knows how long the server asks to wait.
    config.default_retry = false;
    let namespace = config.default_namespace.clone();
    let client = Client::try_from(config);
    let client = client.map_err(|error| ConfigError::Client(innermost(&error)))?;
    Ok((client, namespace))
}

async fn read(path: &Path) -> Result<Config, String> {
    // What a parser says may quote the file, and it has secrets.
    let file = Kubeconfig::read_from(path).map_err(|error| match error {
        KubeconfigError::ReadConfig(error, _) => error.to_string(),
        _ => "it is not YAML of a `Config`".to_owned(),
    })?;
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(file, &options).await;
    config.map_err(|_| {
        "its current context, or what that names, is missing or cannot be used".to_owned()
    })
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    shown_message(&cause.to_string())
}
