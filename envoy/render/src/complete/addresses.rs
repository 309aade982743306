//! Addresses of issuers from which keys should not come.

use std::net::IpAddr;

use registry_auth_engine::config::ConfigError;
use registry_auth_engine::config::raw::{Document, Oidc};
use registry_auth_engine::url::{BaseUrl, HttpUrl};

/// Names of the metadata services of clouds, which have link-local addresses.
const METADATA: [&str; 2] = ["metadata.google.internal", "instance-data"];

/// Returns a warning for each issuer whose keys are fetched without TLS or from a link-local
/// address. Whoever answers there has any identity.
#[must_use]
pub fn issuer_warnings(document: &Document) -> Vec<ConfigError> {
    let entries = document.bearer.iter().flat_map(|bearer| &bearer.oidc);
    let warnings = entries.enumerate().flat_map(|(index, entry)| {
        let found = of_entry(entry);
        found.into_iter().map(move |(member, message)| ConfigError {
            path: format!("http.auth.bearer.oidc[{index}].{member}"),
            message: message.to_owned(),
        })
    });
    warnings.collect()
}

fn of_entry(entry: &Oidc) -> Vec<(&'static str, &'static str)> {
    // Nothing is fetched.
    if entry.jwks.is_some() {
        return Vec::new();
    }
    // What is no URL is the engine's to report.
    let issuer = BaseUrl::parse(&entry.issuer).ok();
    let mut urls = vec![("issuer", issuer.map(|issuer| issuer.url().clone()))];
    if let Some(jwks_uri) = &entry.jwks_uri {
        urls = vec![("jwksUri", HttpUrl::parse(jwks_uri).ok())];
    }
    let mut found = Vec::new();
    for (member, url) in urls {
        let Some(url) = url else {
            continue;
        };
        if !url.is_https() {
            found.push((
                member,
                "is http: whoever is on the way to it can choose its keys, and so have any identity of this issuer; write https",
            ));
        }
        if is_link_local(url.host()) {
            found.push((
                member,
                "is a link-local address, as metadata services have: whoever answers there chooses the keys; write the address of the issuer",
            ));
        }
    }
    found
}

fn is_link_local(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    match host.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => address.is_link_local(),
        // The second is that of the metadata service of AWS.
        Ok(IpAddr::V6(address)) => {
            address.is_unicast_link_local()
                || address.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
        }
        Err(_) => METADATA.iter().any(|name| host.eq_ignore_ascii_case(name)),
    }
}

#[cfg(test)]
mod tests {
    use registry_auth_engine::config::{Role, decode_value};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn keys_without_tls_or_from_a_link_local_address_are_a_warning() {
        let (http, link) = ("is http", "is a link-local address");
        let rows: [(Value, &[(&str, &str)]); 10] = [
            (json!({"issuer": "https://issuer.test"}), &[]),
            (json!({"issuer": "http://issuer.test"}), &[("issuer", http)]),
            (
                json!({"issuer": "http://127.0.0.1:80"}),
                &[("issuer", http)],
            ),
            (
                json!({"issuer": "http://a.test", "jwks": {"keys": []}}),
                &[],
            ),
            (
                json!({"issuer": "http://a.test", "jwksUri": "https://a.test/k"}),
                &[],
            ),
            (
                json!({"issuer": "http://a.test", "jwksUri": "http://a.test/k"}),
                &[("jwksUri", http)],
            ),
            (
                json!({"issuer": "http://169.254.169.254"}),
                &[("issuer", http), ("issuer", link)],
            ),
            (
                json!({"issuer": "https://169.254.169.254/x"}),
                &[("issuer", link)],
            ),
            (
                json!({"issuer": "https://[fd00:ec2::254]"}),
                &[("issuer", link)],
            ),
            (
                json!({"issuer": "https://a.test", "jwksUri": "https://metadata.google.internal/k"}),
                &[("jwksUri", link)],
            ),
        ];
        for (entry, expected) in rows {
            let (role, _) = decode_value(json!({"http": {"auth": {"bearer": {"oidc": [entry]}}}}));
            let found = match role {
                Role::Filter(document) => issuer_warnings(&document),
                _ => Vec::new(),
            };
            assert_eq!(found.is_empty(), expected.is_empty(), "{entry}");
            assert_eq!(found.len(), expected.len(), "{entry}: {found:?}");
            for (warning, (member, message)) in found.iter().zip(expected) {
                assert_eq!(warning.path, format!("http.auth.bearer.oidc[0].{member}"));
                assert!(warning.message.starts_with(message), "{entry}: {warning}");
            }
        }
    }
}
