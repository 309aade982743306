//! How the cluster is reached.

use std::path::Path;
use std::time::Duration;

use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use registry_auth_credential_helper::token;
use secrecy::ExposeSecret;

use crate::bounded;
use crate::registry::{Registry, RegistryError, shown};
use crate::said::innermost;

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

/// A cluster, and who asks it.
pub struct Cluster {
    /// The client.
    pub client: Client,
    /// The namespace of the pod, or of the file.
    pub namespace: String,
    /// The audiences of the token that is shown to the API server: its own.
    audiences: Vec<String>,
}

impl Cluster {
    /// Checks that no registry has an audience of the API server: a token for one is a token for the
    /// cluster.
    ///
    /// # Errors
    /// One has.
    pub fn check(&self, registries: &[Registry]) -> Result<(), RegistryError> {
        let is_own = |registry: &&Registry| self.audiences.contains(&registry.audience);
        match registries.iter().find(is_own) {
            Some(registry) => Err(RegistryError::ApiServer(shown(&registry.audience))),
            None => Ok(()),
        }
    }
}

/// Returns the cluster of a file, or without one that of the pod.
///
/// # Errors
/// See [`ConfigError`].
pub async fn cluster(file: Option<&Path>) -> Result<Cluster, ConfigError> {
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
    let audiences = audiences(&config.auth_info);
    let client = Client::try_from(config);
    let client = client.map_err(|error| ConfigError::Client(innermost(&error)))?;
    Ok(Cluster {
        client: bounded::client(client),
        namespace,
        audiences,
    })
}

/// Returns the audiences of the token that is shown; none if there is no token that says. A program that gives
/// one (`exec`) is not started for that.
fn audiences(shown: &AuthInfo) -> Vec<String> {
    let of_file = || std::fs::read_to_string(shown.token_file.as_deref()?).ok();
    let written = shown.token.as_ref().map(ExposeSecret::expose_secret);
    let text = written.map(str::to_owned).or_else(of_file);
    text.map(|text| token::audiences(&text)).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[tokio::test]
    async fn no_registry_has_an_audience_of_the_api_server() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"aud": ["https://10.0.0.1", "api"]}"#);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, format!("e30.{claims}.c2ln\n")).unwrap();
        // A token in the kubeconfig, one in a file, an opaque one, none.
        let rows = [
            (format!("token: e30.{claims}.c2ln"), true),
            (format!("tokenFile: {}", file.display()), true),
            ("token: opaque".to_owned(), false),
            (String::new(), false),
        ];
        for (user, is_refused) in rows {
            let text = format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: it\n\
                 clusters: [{{name: it, cluster: {{server: \"http://127.0.0.1:1\"}}}}]\n\
                 users: [{{name: it, user: {{{user}}}}}]\n\
                 contexts: [{{name: it, context: {{cluster: it, user: it}}}}]\n"
            );
            let path = folder.path().join("kubeconfig");
            std::fs::write(&path, text).unwrap();
            let cluster = cluster(Some(&path)).await.unwrap();
            let check = |text: &str| cluster.check(&[text.parse().unwrap()]);
            assert!(check("r.example").is_ok());
            for own in ["r.example=api", "r.example=https://10.0.0.1"] {
                let error = check(own).err().map(|error| error.to_string());
                let is_named =
                    error.is_some_and(|error| error.contains("is that of an API server"));
                assert_eq!(is_named, is_refused, "{user}: {own}");
            }
        }
    }
}
