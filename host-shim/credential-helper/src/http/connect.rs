//! Connections: direct, over TLS, or for `https` through the proxy of the environment.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Call, HttpError};
use crate::environment::Environment;

/// The longest head of a proxy's answer, in bytes.
const MAX_HEAD: usize = 8 * 1024;

/// A connection of either kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Connects to the host of a request.
///
/// # Errors
/// See [`HttpError`].
pub(super) async fn open(
    call: &Call,
    environment: &Environment,
) -> Result<Box<dyn Stream>, HttpError> {
    if !call.is_https() {
        // Metadata services are on the link: a proxy cannot reach them, and must not see them.
        return Ok(Box::new(direct(call.host(), call.port()).await?));
    }
    let stream = match proxy_of(call.host(), environment)? {
        Some(proxy) => through(&proxy, call).await?,
        None => direct(call.host(), call.port()).await?,
    };
    let name = ServerName::try_from(call.host().to_owned())
        .map_err(|_| HttpError::Request("its host is not a name"))?;
    let stream = TlsConnector::from(tls()?).connect(name, stream).await;
    Ok(Box::new(stream.map_err(|error| {
        HttpError::Unreachable(error.to_string())
    })?))
}

async fn direct(host: &str, port: u16) -> Result<TcpStream, HttpError> {
    let stream = TcpStream::connect((host, port)).await;
    stream.map_err(|error| HttpError::Unreachable(error.to_string()))
}

/// Returns the proxy for a host; `None` if it is asked directly.
fn proxy_of(host: &str, environment: &Environment) -> Result<Option<Call>, HttpError> {
    let of = |names: [&str; 2]| names.into_iter().find_map(|name| environment.get(name));
    let bypassed = of(["no_proxy", "NO_PROXY"]).is_some_and(|list| is_bypassed(host, list));
    let Some(proxy) = of(["https_proxy", "HTTPS_PROXY"]).filter(|_| !bypassed && !is_local(host))
    else {
        return Ok(None);
    };
    let url = if proxy.contains("://") {
        proxy.to_owned()
    } else {
        format!("http://{proxy}")
    };
    let proxy = Call::get(&url).ok().filter(|proxy| !proxy.is_https());
    proxy.map(Some).ok_or(HttpError::Request(
        "HTTPS_PROXY is not a URL of http without a user: write http://HOST:PORT",
    ))
}

/// Returns true for addresses of this machine and of its link.
fn is_local(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unicast_link_local(),
        Err(_) => host == "localhost",
    }
}

/// Returns true if a list of `NO_PROXY` names a host or a domain above it.
fn is_bypassed(host: &str, list: &str) -> bool {
    list.split(',').map(str::trim).any(|entry| {
        let domain = entry.trim_start_matches("*.").trim_start_matches('.');
        let above = host
            .strip_suffix(domain)
            .is_some_and(|rest| rest.ends_with('.'));
        entry == "*" || (!domain.is_empty() && (host.eq_ignore_ascii_case(domain) || above))
    })
}

/// Connects through a proxy (RFC 9110 section 9.3.6).
async fn through(proxy: &Call, call: &Call) -> Result<TcpStream, HttpError> {
    let mut stream = direct(proxy.host(), proxy.port()).await?;
    let target = format!("{}:{}", call.uri.host().unwrap_or_default(), call.port());
    let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
    let failed = |error: std::io::Error| HttpError::Unreachable(format!("the proxy: {error}"));
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    let mut head = Vec::new();
    // Byte by byte: what follows the head belongs to TLS.
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_HEAD {
            return Err(HttpError::TooLong);
        }
        head.push(stream.read_u8().await.map_err(failed)?);
    }
    let status = head.split(|byte| *byte == b' ').nth(1);
    if status == Some(b"200") {
        Ok(stream)
    } else {
        Err(HttpError::Request("the proxy refuses the connection"))
    }
}

/// Returns what is trusted: the authorities of the system.
fn tls() -> Result<Arc<ClientConfig>, HttpError> {
    let mut roots = RootCertStore::empty();
    // Some certificates of most systems are malformed: the others are enough.
    let found = rustls_native_certs::load_native_certs().certs;
    let (_added, _ignored) = roots.add_parsable_certificates(found);
    if roots.is_empty() {
        return Err(HttpError::Trust(
            "the system has no certificate authorities: install them, or set SSL_CERT_FILE",
        ));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| HttpError::Trust("TLS cannot be set up"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Returns true for an address of this machine, where nobody else listens to plain HTTP.
pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_proxy_is_used_for_other_machines_only() {
        let rows = [
            ("a.example.com", "http://10.0.0.1:3128", "", "10.0.0.1:3128"),
            ("a.example.com", "proxy:3128", "", "proxy:3128"),
            (
                "a.example.com",
                "proxy",
                "b.example.com,.example.org",
                "proxy",
            ),
            ("a.example.com", "proxy", "b, example.com", "-"),
            ("a.example.com", "proxy", "*.example.com", "-"),
            ("a.example.com", "proxy", "a.example.com", "-"),
            ("badexample.com", "proxy", "example.com", "proxy"),
            ("a.example.com", "proxy", "*", "-"),
            ("a.example.com", "", "", "-"),
            ("169.254.169.254", "proxy", "", "-"),
            ("127.0.0.1", "proxy", "", "-"),
            ("localhost", "proxy", "", "-"),
            (
                "a.example.com",
                "https://proxy",
                "",
                "HTTPS_PROXY is not a URL",
            ),
            (
                "a.example.com",
                "http://u:tops3cret@proxy",
                "",
                "HTTPS_PROXY is not a URL",
            ),
        ];
        for (host, proxy, bypass, expected) in rows {
            let variables = [("HTTPS_PROXY", proxy), ("NO_PROXY", bypass)];
            let found = match proxy_of(host, &Environment::new(&variables, Path::new("/"))) {
                Ok(proxy) => proxy.map_or("-".to_owned(), |proxy| proxy.authority().to_owned()),
                Err(error) => error.to_string(),
            };
            assert!(found.contains(expected), "{host} {proxy} {bypass}: {found}");
            assert!(!found.contains("tops3cret"));
        }
    }
}
