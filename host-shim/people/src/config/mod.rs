//! What a zot file says of people: `http.auth` without `bearer` and `mtls`.
//!
//! [`read()`] reads the document, pure; [`load()`] reads the files that it names.

#[cfg(test)]
mod examples;
mod ldap;
mod load;
mod openid;
mod reader;
mod session;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub use registry_auth_engine::config::ConfigError;
use registry_auth_engine::config::Diagnostics;
use serde_json::{Map, Value};

pub use ldap::{Ldap, SearchScope, Security};
pub use load::{
    ClientCredentials, ClientKey, FileReader, Loaded, ServiceAccount, SessionKeys, load,
};
pub use openid::{ClaimMapping, ClientSecret, OpenId, Provider, ProviderKey};
use reader::Object;
pub use session::{ApiKeys, Driver, Sessions};

/// The keys of `http.auth` that are read here, and not by the filter.
pub const SECTIONS: &[&str] = &[
    "htpasswd",
    "ldap",
    "openid",
    "apiKey",
    "apiKeyMaxAge",
    "sessionKeysFile",
    "sessionDriver",
    "secureSession",
    "sessionMaxAge",
];

/// How people log in. At least one method is there.
#[derive(Clone, Debug)]
pub struct PeopleConfig {
    /// The file of users and password hashes.
    pub htpasswd: Option<Htpasswd>,
    /// The directory.
    pub ldap: Option<Ldap>,
    /// Providers for browsers.
    pub openid: Option<OpenId>,
    /// API keys, where people may make them.
    pub api_keys: Option<ApiKeys>,
    /// Sessions of browsers.
    pub sessions: Sessions,
    /// What an operator ought to know; `registry-auth check` prints it and the log has it at start.
    pub findings: Vec<ConfigError>,
}

/// A file of users and password hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Htpasswd {
    /// The file.
    pub path: PathBuf,
}

impl PeopleConfig {
    /// The names of the methods, as the section `http.auth.login` lists them for the filter:
    /// providers by name, so that a login at one that is gone does not last.
    #[must_use]
    pub fn methods(&self) -> Vec<String> {
        let methods = [
            ("htpasswd", self.htpasswd.is_some()),
            ("ldap", self.ldap.is_some()),
            ("apiKey", self.api_keys.is_some()),
        ];
        let providers = self.openid.iter().flat_map(|openid| &openid.providers);
        methods
            .into_iter()
            .filter(|(_, is_there)| *is_there)
            .map(|(name, _)| name.to_owned())
            .chain(providers.map(|provider| format!("openid:{}", provider.key.as_str())))
            .collect()
    }
}

/// Reads what a zot document says of people. None if it configures no method for them.
///
/// # Errors
/// Everything that is wrong, each with its JSON path; no message holds a value that may be secret.
pub fn read(document: &Value) -> Result<Option<PeopleConfig>, Vec<ConfigError>> {
    let mut diagnostics = Diagnostics::default();
    let config = read_into(document, &mut diagnostics);
    if !diagnostics.errors.is_empty() {
        return Err(diagnostics.errors);
    }
    Ok(config.map(|config| PeopleConfig {
        findings: diagnostics.warnings,
        ..config
    }))
}

fn read_into(document: &Value, diagnostics: &mut Diagnostics) -> Option<PeopleConfig> {
    let http = member(document, "http")?;
    let sections = Value::Object(sections(member(http, "auth")?)?);
    let mut auth = Object::new("http.auth", &sections, diagnostics);
    let htpasswd = auth.object("htpasswd", htpasswd).flatten();
    let ldap = auth.object("ldap", ldap::read).flatten();
    let openid = auth.object("openid", openid::read).flatten();
    let api_keys = session::api_keys(&mut auth, openid.is_some());
    let sessions = session::sessions(&mut auth);
    let has_password = htpasswd.is_some() || ldap.is_some();
    let is_faultless = auth.errors() == 0;
    if api_keys.is_some() && !has_password && openid.is_none() && is_faultless {
        auth.error("apiKey", "needs a method to log in with, so that somebody can make a key: add `htpasswd`, `ldap` or `openid`");
    }
    if htpasswd.is_some() && ldap.is_some() {
        auth.warn("ldap", "a name that is in the htpasswd file and in the directory is one person with two passwords (D29)");
    }
    if openid.is_some() && ldap.is_some() {
        auth.warn(
            "openid",
            "a name that a provider gives and the same name in the directory are one person (D29)",
        );
    }
    auth.end();
    let mut http = Object::new("http", http, diagnostics);
    let external_url = http.text("externalUrl").filter(|_| openid.is_some());
    if let Some(url) = &external_url {
        openid::check_url(&mut http, "externalUrl", url);
    } else if openid.is_some() {
        http.warn("externalUrl", "is not given: providers send browsers back to the address that is listened at; write the URL by which browsers reach this registry");
    }
    if !has_password && openid.is_none() {
        return None;
    }
    Some(PeopleConfig {
        htpasswd,
        ldap,
        openid: openid.map(|openid| OpenId {
            external_url,
            ..openid
        }),
        api_keys,
        sessions,
        findings: Vec::new(),
    })
}

fn htpasswd(object: &mut Object<'_>) -> Option<Htpasswd> {
    if object.is_empty() {
        object.error_here("is empty, which zot takes as no authentication at all (D17): write `path`, or remove the section");
        return None;
    }
    let path = object.needed("path", "/etc/registry/htpasswd")?;
    Some(Htpasswd {
        path: PathBuf::from(path),
    })
}

/// A member of an object, its name in any case.
fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object
        .as_object()?
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// What of `http.auth` is for people. The rest is the filter's, and reported by it.
fn sections(auth: &Value) -> Option<Map<String, Value>> {
    let is_ours = |key: &str| SECTIONS.iter().any(|name| name.eq_ignore_ascii_case(key));
    let ours = auth.as_object()?.iter().filter(|(key, _)| is_ours(key));
    Some(
        ours.map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    )
}
