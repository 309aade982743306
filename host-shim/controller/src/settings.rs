//! What the operator wants.

use std::time::Duration;

use crate::registry::Registry;

/// The shortest life that the API server gives to a token, in seconds.
pub const MIN_LIFETIME: u32 = 600;
/// The longest life that is asked for, in seconds: whoever reads a Secret has its tokens that long.
pub const MAX_LIFETIME: u32 = 86_400;
/// The life that is asked for when the operator says nothing, in seconds.
pub const DEFAULT_LIFETIME: u32 = 3_600;
/// The user name of credentials when nobody says another.
pub const DEFAULT_USERNAME: &str = "kubernetes";
/// The service account whose tokens Argo CD gets.
pub const DEFAULT_ARGO_ACCOUNT: &str = "argocd-repo-server";

/// Settings of the controller.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The registries that Secrets may be for. Service accounts choose among them; they cannot
    /// name others, or whoever may annotate an account would choose the audience of its tokens.
    pub registries: Vec<Registry>,
    /// The user name of credentials.
    pub username: String,
    /// The life of tokens that is asked for, in seconds.
    pub lifetime: u32,
    /// Whether Secrets are added to `imagePullSecrets` of their service accounts.
    pub patch_accounts: bool,
    /// Repository Secrets of Argo CD, if they are written.
    pub argo: Option<Argo>,
    /// Where the Lease is.
    pub lease_namespace: String,
    /// How this process calls itself in the Lease and in events.
    pub identity: String,
    /// How long a request may take.
    pub timeout: Duration,
}

/// Where Argo CD is.
#[derive(Clone, Debug)]
pub struct Argo {
    /// The namespace of its repository Secrets.
    pub namespace: String,
    /// The service account in it whose tokens they get.
    pub account: String,
    /// How often they are listed.
    pub interval: Duration,
}

impl Settings {
    /// Returns the registry with this host.
    #[must_use]
    pub fn registry(&self, host: &str) -> Option<&Registry> {
        self.registries.iter().find(|known| known.host == host)
    }
}
