//! Options about the registry, which a configuration of zot does not name.

use registry_auth_render::{Certificate, Options, Upstream};

/// Where the registry is, and how the proxy connects to it.
#[derive(Debug, clap::Args)]
pub(crate) struct UpstreamArguments {
    /// The registry: `http://HOST:PORT`, `https://HOST:PORT` or `unix:/path/of/socket`;
    /// `http://127.0.0.1:5000` when absent
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// PEM file of the authorities that vouch for the registry; the system's when absent
    #[arg(long, value_name = "FILE", requires = "upstream")]
    upstream_ca: Option<String>,
    /// PEM file of the certificate that the registry is shown
    #[arg(
        long,
        value_name = "FILE",
        requires = "upstream_key",
        requires = "upstream"
    )]
    upstream_cert: Option<String>,
    /// PEM file of its private key
    #[arg(long, value_name = "FILE", requires = "upstream_cert")]
    upstream_key: Option<String>,
    /// The registry gets the `Authorization` in the environment variable
    /// `REGISTRY_UPSTREAM_AUTHORIZATION` of the proxy
    #[arg(long, requires = "upstream")]
    upstream_authorization: bool,
    /// The registry gets its own host as `Host`, and not the client's
    #[arg(long, requires = "upstream")]
    upstream_rewrite_host: bool,
}

impl UpstreamArguments {
    /// Returns the options for the completion of a configuration. With `check_files` the files that
    /// the proxy reads have to be on this host.
    pub(crate) fn options(&self, check_files: bool) -> Options {
        let certificate = self.upstream_cert.clone().zip(self.upstream_key.clone());
        let upstream = self.upstream.clone().map(|url| Upstream {
            url,
            certificate_authority: self.upstream_ca.clone(),
            certificate: certificate.map(|(chain, key)| Certificate { chain, key }),
            authorization: self.upstream_authorization,
            rewrite_host: self.upstream_rewrite_host,
        });
        Options {
            upstream,
            check_files,
            login: None,
        }
    }
}
