//! The registry behind the proxy.

use registry_auth_engine::config::raw::Proxy;
use registry_auth_engine::url::{HttpUrl, UrlError};

use super::draft::Draft;
use super::members;
use crate::cluster::{Cluster, Endpoint, Trust};
use crate::options::{DEFAULT_UPSTREAM, Upstream};

/// The name of the registry's cluster, where the document has none.
const NAME: &str = "registry";

/// Where errors about the options are placed, and those about the document.
const OPTION: &str = "--upstream";
const KEY: &str = "proxy.upstream";

/// The registry, and what it sees of the host.
pub(super) struct Registry {
    pub(super) cluster: Cluster,
    /// Host and port as in the URL; `None` for a socket.
    pub(super) authority: Option<String>,
    pub(super) rewrite_host: Option<String>,
    /// The registry gets a credential.
    pub(super) authorization: bool,
}

/// Returns the registry; `None` after an error.
pub(super) fn complete(proxy: &Proxy, draft: &mut Draft<'_>) -> Option<Registry> {
    let assumed = Upstream {
        url: DEFAULT_UPSTREAM.to_owned(),
        ..Upstream::default()
    };
    let written = proxy.upstream.clone().map(|url| Upstream {
        url,
        ..Upstream::default()
    });
    if written.is_some()
        && let Some(proxy) = draft.object(&["proxy"])
    {
        // The filter does not read it.
        members::remove(proxy, "upstream");
    }
    if let (Some(option), Some(written)) = (&draft.options.upstream, &written)
        && option.url != written.url
    {
        let shown = registry(proxy, written).map(|_| written.url.as_str());
        draft.found.warn(KEY, ignored(shown.ok()));
    }
    let (place, said) = match (&draft.options.upstream, written) {
        (Some(option), _) => (OPTION, option.clone()),
        (None, Some(written)) => (KEY, written),
        (None, None) => {
            draft.assume(format!(
                "the registry is at {DEFAULT_UPSTREAM}: neither {OPTION} nor {KEY} says anything else"
            ));
            (OPTION, assumed)
        }
    };
    match registry(proxy, &said) {
        Ok(registry) => Some(registry),
        Err(message) => {
            draft.found.error(place, message);
            None
        }
    }
}

/// Says that a registry of the document is not used. It is named only where it is one: another text
/// may hold a password.
fn ignored(url: Option<&str>) -> String {
    let url = url.map(|url| format!(": `{url}` is not used"));
    format!("{OPTION} has precedence{}", url.unwrap_or_default())
}

fn registry(proxy: &Proxy, upstream: &Upstream) -> Result<Registry, String> {
    let name = proxy.upstream_cluster.as_deref().unwrap_or(NAME);
    let (cluster, authority) = if let Some(path) = upstream.url.strip_prefix("unix:") {
        (socket(name, path, upstream)?, None)
    } else {
        let url = url(&upstream.url)?;
        (
            server(name, &url, upstream)?,
            Some(url.authority().to_owned()),
        )
    };
    let rewrite_host = match (upstream.rewrite_host, &authority) {
        (false, _) => None,
        (true, Some(authority)) => Some(
            proxy
                .upstream_host
                .clone()
                .unwrap_or_else(|| authority.clone()),
        ),
        (true, None) => {
            return Err("a socket has no host that could be sent to the registry".to_owned());
        }
    };
    Ok(Registry {
        cluster,
        authority,
        rewrite_host,
        authorization: upstream.authorization,
    })
}

/// The filter authorizes paths as they are, so nothing may be added to them on the way.
fn url(text: &str) -> Result<HttpUrl, String> {
    let url = HttpUrl::parse(text).map_err(|error| match error {
        UrlError::NotHttp => {
            "write http://HOST:PORT, https://HOST:PORT or unix:/path/of/socket".to_owned()
        }
        // Not the text itself: it may hold a password.
        UrlError::UserInfo => {
            "has user information: give the credential by the environment, with --upstream-authorization".to_owned()
        }
        error => error.to_string(),
    })?;
    if url.target() != "/" {
        return Err("has a path: write scheme, host and port only".to_owned());
    }
    Ok(url)
}

fn socket(name: &str, path: &str, upstream: &Upstream) -> Result<Cluster, String> {
    if !path.starts_with('/') {
        return Err("write the absolute path of the socket: unix:/path/of/socket".to_owned());
    }
    without_tls(upstream)?;
    Ok(Cluster {
        name: name.to_owned(),
        endpoint: Endpoint::Unix(path.to_owned()),
        tls: None,
    })
}

fn server(name: &str, url: &HttpUrl, upstream: &Upstream) -> Result<Cluster, String> {
    if !url.is_https() {
        without_tls(upstream)?;
    }
    let trust = upstream
        .certificate_authority
        .clone()
        .map_or(Trust::System, Trust::File);
    let mut cluster = Cluster::of(name, url, trust);
    if let Some(tls) = &mut cluster.tls {
        tls.certificate.clone_from(&upstream.certificate);
    }
    Ok(cluster)
}

fn without_tls(upstream: &Upstream) -> Result<(), String> {
    if upstream.certificate_authority.is_some() || upstream.certificate.is_some() {
        return Err(
            "has certificates and is not https: write https://HOST:PORT, or leave them out"
                .to_owned(),
        );
    }
    Ok(())
}
