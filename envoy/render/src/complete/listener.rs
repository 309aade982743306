//! `http.address`, `http.port`, `http.tls` and `http.externalUrl`: where clients connect.

use std::net::{IpAddr, Ipv4Addr};

use registry_auth_engine::config::Diagnostics;
use registry_auth_engine::url::HttpUrl;
use serde_json::{Map, Value};

use super::draft::Draft;
use super::members;
use super::named::Content;
use crate::cluster::Certificate;
use crate::listener::{Listener, ServerTls};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PORT: u16 = 8080;

/// What is written about the listener.
#[derive(Default)]
pub(super) struct Written {
    address: Option<String>,
    port: Option<Value>,
    tls: Option<Value>,
    external_url: Option<String>,
}

/// The listener, and the URL that clients know.
pub(super) struct Reached {
    pub(super) listener: Listener,
    pub(super) external_url: Option<String>,
}

/// Takes the members out of the document, so that the engine does not call them ignored.
pub(super) fn take(document: &mut Value, found: &mut Diagnostics) -> Written {
    let root = document.as_object_mut();
    let http = root.and_then(|root| {
        let key = members::key(root, "http")?.to_owned();
        root.get_mut(&key)?.as_object_mut()
    });
    let Some(http) = http else {
        return Written::default();
    };
    let mut member = |name: &str| member(http, name, found);
    let (address, port) = (member("address"), member("port"));
    let (tls, external_url) = (member("tls"), member("externalUrl"));
    let mut text = |name: &str, value: Option<Value>| {
        let value = value?;
        if !value.is_string() {
            found.error(format!("http.{name}"), "must be a string");
        }
        value.as_str().map(str::to_owned)
    };
    Written {
        address: text("address", address),
        port,
        tls,
        external_url: text("externalUrl", external_url).filter(|url| !url.is_empty()),
    }
}

fn member(http: &mut Map<String, Value>, name: &str, found: &mut Diagnostics) -> Option<Value> {
    let value = members::remove(http, name)?;
    let path = format!("http.{name}");
    if members::remove(http, name).is_some() {
        found.error(path, "duplicate key: names are compared without case");
        return None;
    }
    if value.is_null() {
        found.error(path, "is null: write a value, or remove the key");
        return None;
    }
    Some(value)
}

/// Returns the listener; `None` after an error.
pub(super) fn complete(written: Written, draft: &mut Draft<'_>) -> Option<Reached> {
    let address = address(written.address.as_deref(), draft);
    let port = port(written.port.as_ref(), draft);
    let tls = written.tls.as_ref().map(|tls| server_tls(tls, draft));
    let external_url = external_url(written.external_url, draft);
    let (address, port, tls) = (
        address?,
        port?,
        tls.map_or(Some(None), |tls| tls.map(Some))?,
    );
    if tls.is_none() && !address.is_loopback() {
        let line = format!(
            "clients connect to {address} without TLS, and tokens are sent in clear text: http.tls is absent"
        );
        draft.assume(line);
    }
    let listener = Listener { address, port, tls };
    Some(Reached {
        listener,
        external_url,
    })
}

fn address(written: Option<&str>, draft: &mut Draft<'_>) -> Option<IpAddr> {
    match written {
        None | Some("") => {
            draft.assume(format!(
                "clients connect to {LOOPBACK}: http.address says nothing else"
            ));
            Some(LOOPBACK)
        }
        Some("localhost") => Some(LOOPBACK),
        Some(text) => {
            let address = text.parse().ok();
            if address.is_none() {
                draft.found.error(
                    "http.address",
                    format!("`{text}` is not an address: write one, such as 127.0.0.1, or 0.0.0.0 for all"),
                );
            }
            address
        }
    }
}

/// A number, or its text, as in zot.
fn port(written: Option<&Value>, draft: &mut Draft<'_>) -> Option<u16> {
    let Some(written) = written.filter(|value| value.as_str() != Some("")) else {
        draft.assume(format!(
            "clients connect to port {PORT}: http.port says nothing else"
        ));
        return Some(PORT);
    };
    let port = match written {
        Value::String(text) => text.parse().ok(),
        number => number
            .as_u64()
            .and_then(|number| u16::try_from(number).ok()),
    };
    if port.is_none() {
        draft.found.error(
            "http.port",
            "is not a port: write a number up to 65535, such as 8080",
        );
    }
    port
}

fn external_url(written: Option<String>, draft: &mut Draft<'_>) -> Option<String> {
    let url = written?;
    if let Err(error) = HttpUrl::parse(&url) {
        draft.found.error("http.externalUrl", error.to_string());
    }
    Some(url)
}

/// `cert` and `key`, and `cacert` for client certificates: paths of PEM files.
fn server_tls(written: &Value, draft: &mut Draft<'_>) -> Option<ServerTls> {
    let Some(members) = written.as_object() else {
        draft.found.error("http.tls", "must be an object");
        return None;
    };
    let mut members = members.clone();
    let mut path = |name: &str| match members::remove(&mut members, name) {
        Some(Value::String(path)) => Ok(Some(path).filter(|path| !path.is_empty())),
        None => Ok(None),
        Some(_) => Err(format!("http.tls.{name}")),
    };
    let paths = [path("cert"), path("key"), path("cacert")];
    for wrong in paths.iter().filter_map(|path| path.as_ref().err()) {
        draft.found.error(wrong, "must be the path of a file");
    }
    let unknown: Vec<_> = members.keys().collect();
    for name in &unknown {
        let message = "unknown key; known here: cert, key, cacert";
        draft.found.error(format!("http.tls.{name}"), message);
    }
    let [Ok(chain), Ok(key), Ok(client_authorities)] = paths else {
        return None;
    };
    let (Some(chain), Some(key)) = (chain, key) else {
        let message = "needs both `cert` and `key`, the paths of the server's certificate and its private key";
        draft.found.error("http.tls", message);
        return None;
    };
    let authorities = client_authorities.iter();
    for (name, path, content) in [
        ("cert", &chain, Content::Certificates),
        ("key", &key, Content::PrivateKey),
    ]
    .into_iter()
    .chain(authorities.map(|path| ("cacert", path, Content::Certificates)))
    {
        draft.name(format!("http.tls.{name}"), path, content);
    }
    unknown.is_empty().then_some(ServerTls {
        certificate: Certificate { chain, key },
        client_authorities,
        client_authorities_text: None,
    })
}
