//! What a document of zot does not say: the registry behind the proxy, and how it is reached.

use crate::cluster::{Certificate, Endpoint};

/// What the caller knows in addition to the document. The default assumes [`DEFAULT_UPSTREAM`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The registry; [`DEFAULT_UPSTREAM`] when absent, which is among the assumptions then.
    pub upstream: Option<Upstream>,
    /// Files that the proxy and the shim read themselves (certificates, authorities, tokens) are
    /// read here too, and an error if they cannot be used. For a proxy on this host.
    pub check_files: bool,
    /// Where people log in, for a document that says how; without it nobody can.
    pub login: Option<Login>,
}

/// The login service of `registry-auth run` or `serve`, which reads zot's sections of people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// `htpasswd`, `ldap`, `openid:PROVIDER`, `apiKey`: what the document has.
    pub methods: Vec<String>,
    /// Where the service listens: its socket, or a loopback address.
    pub endpoint: Endpoint,
}

/// The name of the cluster of the login service, as the filter asks it.
pub const LOGIN_CLUSTER: &str = "registry_auth_login";

/// The name of the cluster of the same service, as browsers reach it.
pub const PAGES_CLUSTER: &str = "registry_auth_pages";

/// The registry that is assumed when nothing is said.
pub const DEFAULT_UPSTREAM: &str = "http://127.0.0.1:5000";

/// The environment variable of the push key, where the document names none.
pub const PUSH_KEY: &str = "REGISTRY_AUTH_PUSH_KEY";

/// The environment variable of the credential for the registry, where the document names none.
pub const UPSTREAM_AUTHORIZATION: &str = "REGISTRY_UPSTREAM_AUTHORIZATION";

/// The registry that the proxy forwards to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upstream {
    /// `http://HOST[:PORT]`, `https://HOST[:PORT]`, or `unix:/path/of/socket`.
    pub url: String,
    /// Path of the authorities that vouch for it; the system's when absent. Needs https.
    pub certificate_authority: Option<String>,
    /// What the proxy shows to it. Needs https.
    pub certificate: Option<Certificate>,
    /// The registry gets the credential in [`UPSTREAM_AUTHORIZATION`].
    pub authorization: bool,
    /// The registry sees its own host in `Host`, not the client's.
    pub rewrite_host: bool,
}
