//! Providers, as `http.auth.openid` and the files that it names say.

use registry_auth_engine::config::ConfigError;
use registry_auth_engine::url::UrlError;

use super::assertion::AssertionKey;
use super::provider::{Credential, GitHub, Kind, OpenId, Provider};
use super::{AllowedOrigins, External};
use crate::config::{self, ClientCredentials, Loaded, ProviderKey};

/// Returns the providers in the order of the configuration.
///
/// # Errors
/// Each key that cannot sign, and each URL that cannot be used, with its JSON path.
pub fn providers(
    openid: &config::OpenId,
    loaded: &Loaded,
) -> Result<Vec<Provider>, Vec<ConfigError>> {
    let mut errors = Vec::new();
    let mut providers = Vec::new();
    for written in &openid.providers {
        match provider(written, loaded.clients.get(&written.key)) {
            Ok(provider) => providers.push(provider),
            Err((key, message)) => errors.push(ConfigError {
                path: format!("http.auth.openid.providers.{}.{key}", written.key.as_str()),
                message,
            }),
        }
    }
    if errors.is_empty() {
        Ok(providers)
    } else {
        Err(errors)
    }
}

/// Returns the origins that a login may lead back to.
#[must_use]
pub fn origins(openid: &config::OpenId, external: &External) -> AllowedOrigins {
    let own = external.url().url().to_string();
    let configured = openid.callback_allow_origins.iter().map(String::as_str);
    AllowedOrigins::new(configured.chain([own.as_str()]))
}

/// Returns the key that is wrong, and what is wrong with it.
fn provider(
    written: &config::Provider,
    client: Option<&ClientCredentials>,
) -> Result<Provider, (&'static str, String)> {
    let client = client.ok_or_else(|| ("clientid", "is missing".to_owned()))?;
    let kind = match (written.key, &written.issuer) {
        (ProviderKey::GitHub, _) => {
            let server = written.authurl.as_deref().zip(written.tokenurl.as_deref());
            let github = GitHub::new(server, written.apiurl.as_deref());
            Kind::GitHub(github.map_err(|error| wrong("authurl", error))?)
        }
        (_, Some(issuer)) => {
            let username = written.claim_mapping.username.as_deref();
            let groups = written.claim_mapping.groups.as_deref();
            let openid = OpenId::new(issuer, username, groups);
            Kind::OpenId(openid.map_err(|error| wrong("issuer", error))?)
        }
        (_, None) => return Err(("issuer", "is missing".to_owned())),
    };
    Ok(Provider {
        name: written.key.as_str().to_owned(),
        label: label(written).to_owned(),
        client_id: client.id.clone(),
        credential: credential(client)?,
        scopes: written.scopes.clone(),
        kind,
    })
}

fn credential(client: &ClientCredentials) -> Result<Credential, (&'static str, String)> {
    if let Some(key) = &client.key {
        let text = std::str::from_utf8(key.pem.expose()).unwrap_or_default();
        let key = AssertionKey::from_pem(text, Some(&key.key_id));
        return match key {
            Ok(key) => Ok(Credential::Key(key)),
            Err(error) => Err(("keypath", format!("names a file whose `key` {error}"))),
        };
    }
    let secret = client.secret.as_ref();
    let secret = secret.filter(|secret| !secret.expose().is_empty());
    Ok(secret.map_or(Credential::None, |secret| {
        Credential::Secret(secret.clone())
    }))
}

fn label(written: &config::Provider) -> &str {
    let usual = match written.key {
        ProviderKey::GitHub => "GitHub",
        ProviderKey::GitLab => "GitLab",
        ProviderKey::Google => "Google",
        ProviderKey::Oidc => "OpenID",
    };
    let name = written.name.as_deref();
    name.filter(|name| !name.trim().is_empty()).unwrap_or(usual)
}

fn wrong(key: &'static str, error: UrlError) -> (&'static str, String) {
    (key, error.to_string())
}
