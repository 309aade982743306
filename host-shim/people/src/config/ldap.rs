//! `http.auth.ldap`.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use super::reader::Object;
use crate::ldap_syntax::dn::is_distinguished_name;
use crate::ldap_syntax::filter::UserFilter;
use crate::ldap_syntax::is_attribute;

/// The directory that people log in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ldap {
    /// Host name or address of the server.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// The server's certificate is not verified.
    pub skip_verify: bool,
    /// Authorities that the server's certificate is verified with, PEM; else those of the system.
    pub ca_cert: Option<PathBuf>,
    /// The entry below which people are.
    pub base_dn: String,
    /// How deep below it.
    pub scope: SearchScope,
    /// The attribute that holds the name of a user.
    pub user_attribute: String,
    /// A filter that narrows who may log in.
    pub user_filter: Option<UserFilter>,
    /// The attribute whose values are the groups of a user.
    pub group_attribute: Option<String>,
    /// The file with the service account; without one searches are anonymous.
    pub credentials_file: Option<PathBuf>,
}

/// How a connection to a directory is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte.
    Ldaps,
    /// TLS after a first request in the clear (RFC 4511 section 4.14).
    StartTls,
    /// No protection.
    Plain,
}

/// How deep a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchScope {
    /// Entries right below the base.
    OneLevel,
    /// All entries below the base, and itself.
    Subtree,
}

pub(super) fn read(object: &mut Object<'_>) -> Option<Ldap> {
    if object.is_empty() {
        object.error_here(
            "is empty, which zot takes as no authentication at all (D17): write `address`, `port`, `baseDN` and `userAttribute`, or remove the section",
        );
        return None;
    }
    let security = security(object);
    let address = address(object, security);
    let port = port(object, security);
    let skip_verify = object.flag("skipVerify").unwrap_or(false);
    let ca_cert = object.text("caCert").map(PathBuf::from);
    warn_of_tls(object, security, skip_verify, ca_cert.is_some());
    let base_dn = object.needed("baseDN", "ou=users,dc=example,dc=org");
    if base_dn
        .as_deref()
        .is_some_and(|base| !is_distinguished_name(base))
    {
        object.error(
            "baseDN",
            "must be a distinguished name (RFC 4514), such as `ou=users,dc=example,dc=org`",
        );
    }
    let scope = if object.flag("subtreeSearch").unwrap_or(false) {
        SearchScope::Subtree
    } else {
        SearchScope::OneLevel
    };
    let user_attribute = object.needed("userAttribute", "uid");
    if user_attribute
        .as_deref()
        .is_some_and(|name| !is_attribute(name))
    {
        object.error(
            "userAttribute",
            "must be the name of one attribute, such as `uid`",
        );
    }
    let user_filter = user_filter(object);
    let group_attribute = object.text("userGroupAttribute");
    if group_attribute
        .as_deref()
        .is_some_and(|name| !is_attribute(name))
    {
        object.error(
            "userGroupAttribute",
            "must be the name of one attribute, such as `memberOf`: `*` and `+` would make every value of an entry a group (D26)",
        );
    }
    inline_account(object);
    let credentials_file = object.text("credentialsFile").map(PathBuf::from);
    Some(Ldap {
        address: address?,
        port: port?,
        security,
        skip_verify,
        ca_cert,
        base_dn: base_dn?,
        scope,
        user_attribute: user_attribute?,
        user_filter,
        group_attribute,
        credentials_file,
    })
}

/// As in zot: `insecure` false is LDAPS, whatever `startTLS` says.
fn security(object: &mut Object<'_>) -> Security {
    let insecure = object.flag("insecure").unwrap_or(false);
    let start_tls = object.flag("startTLS").unwrap_or(false);
    match (insecure, start_tls) {
        (false, false) => Security::Ldaps,
        (false, true) => {
            object.warn(
                "startTLS",
                "is not used, as in zot, because `insecure` is false: the connection is LDAPS; for StartTLS set `insecure` to true too",
            );
            Security::Ldaps
        }
        (true, true) => Security::StartTls,
        (true, false) => Security::Plain,
    }
}

fn address(object: &mut Object<'_>, security: Security) -> Option<String> {
    let address = object.needed("address", "ldap.example.com")?;
    let bare = address
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(&address);
    if bare.parse::<Ipv6Addr>().is_ok() {
        if security != Security::Plain {
            object.error(
                "address",
                "an IPv6 address cannot be verified here: write the host name of the certificate",
            );
        }
        return Some(bare.to_owned());
    }
    let is_host = address.len() <= 253
        && address
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    if !is_host {
        object.error(
            "address",
            "must be a host name without scheme and port, such as `ldap.example.com`; the port is written in `port`",
        );
    }
    Some(address)
}

fn port(object: &mut Object<'_>, security: Security) -> Option<u16> {
    let (usual, other) = match security {
        Security::Ldaps => (636, 389),
        Security::StartTls | Security::Plain => (389, 636),
    };
    let advice = format!(
        "a port from 1 to 65535: {usual} is usual for this connection, {other} for the other kind"
    );
    let before = object.errors();
    let number = object.whole("port", &advice);
    let port = number
        .and_then(|number| u16::try_from(number).ok())
        .filter(|port| *port != 0);
    if port.is_none() && before == object.errors() {
        object.error("port", format!("must be given: {advice}"));
    }
    if port == Some(other) {
        object.warn(
            "port",
            format!(
                "{other} is not the usual port of this connection: check `insecure` and `startTLS`"
            ),
        );
    }
    port
}

fn warn_of_tls(object: &mut Object<'_>, security: Security, skip_verify: bool, has_ca: bool) {
    if security == Security::Plain {
        object.warn("insecure", "passwords are sent to the directory unencrypted (D24): set `startTLS` to true, or `insecure` to false");
        if has_ca {
            object.warn("caCert", "is not used: the connection has no TLS");
        }
    } else if skip_verify {
        object.warn("skipVerify", "the directory's certificate is not verified (D24): whoever is between reads passwords; write `caCert` instead");
    }
}

fn user_filter(object: &mut Object<'_>) -> Option<UserFilter> {
    let text = object.text("userFilter")?;
    match UserFilter::parse(&text) {
        Ok(filter) => Some(filter),
        Err(error) => {
            object.error("userFilter", format!("{error} (D27)"));
            None
        }
    }
}

/// The service account belongs into a file. Values are not repeated.
fn inline_account(object: &mut Object<'_>) {
    for name in ["bindDN", "bindPassword"] {
        if object.take(name).is_some() {
            object.error(
                name,
                "belongs into the file that `credentialsFile` names: {\"bindDN\": \"...\", \"bindPassword\": \"...\"}",
            );
        }
    }
}
