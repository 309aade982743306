//! Rows of what a configuration makes of providers.

use std::path::Path;

use serde_json::{Value, json};

use crate::config;
use crate::social::from_config::{origins, providers};
use crate::social::provider::{Credential, Kind};
use crate::social::{External, Provider};

const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";

fn file(path: &Path) -> Result<Vec<u8>, String> {
    let key =
        |pem: &str| json!({ "type": "serviceaccount", "keyId": "k1", "key": pem, "clientId": "c" });
    let text = match path.to_str().unwrap() {
        "/key" => key(PEM).to_string(),
        "/p384" => key(&pem::encode(&pem::Pem::new("PRIVATE KEY", vec![1, 2, 3]))).to_string(),
        "/credentials" => json!({ "clientid": "of-file", "clientsecret": "x" }).to_string(),
        other => return Err(format!("no file {other}")),
    };
    Ok(text.into_bytes())
}

fn read(written: &Value) -> Result<Vec<Provider>, Vec<String>> {
    let document = json!({ "http": {
        "externalUrl": "https://reg.example",
        "auth": { "openid": { "providers": written, "callbackAllowOrigins": ["https://ui.example"] } },
    } });
    let texts = |errors: Vec<config::ConfigError>| {
        let errors = errors.into_iter();
        errors
            .map(|error| format!("{}: {}", error.path, error.message))
            .collect::<Vec<_>>()
    };
    let config = config::read(&document).map_err(texts)?.unwrap();
    let loaded = config::load(&config, &file).map_err(texts)?;
    providers(config.openid.as_ref().unwrap(), &loaded).map_err(texts)
}

#[test]
fn a_configuration_names_providers() {
    let found = read(&json!({
        "oidc": { "name": "Example", "clientid": "c", "clientsecret": "s", "issuer": "https://i.example/", "scopes": ["openid"], "claimMapping": { "username": "preferred_username", "groups": "roles" } },
        "google": { "credentialsFile": "/credentials", "issuer": "https://accounts.google.com", "scopes": ["openid", "email"] },
        "gitlab": { "clientid": "c", "keypath": "/key", "issuer": "https://gitlab.example", "scopes": ["openid"] },
        "github": { "clientid": "c", "clientsecret": "s", "scopes": ["read:org"], "authurl": "https://ghe.example/a", "tokenurl": "https://ghe.example/t" },
    }));
    let found = found.unwrap();
    let summary: Vec<_> = found
        .iter()
        .map(|provider| {
            let credential = match &provider.credential {
                Credential::None => "none",
                Credential::Secret(_) => "secret",
                Credential::Key(_) => "key",
            };
            let kind = match &provider.kind {
                Kind::GitHub(github) => github.api.url().to_string(),
                Kind::OpenId(openid) => format!(
                    "{} {} {}",
                    openid.issuer, openid.username_claim, openid.groups_claim
                ),
            };
            format!(
                "{} {:?} {} {credential} {kind}",
                provider.name, provider.label, provider.client_id
            )
        })
        .collect();
    assert_eq!(
        summary,
        [
            "github \"GitHub\" c secret https://ghe.example/api/v3",
            "gitlab \"GitLab\" c key https://gitlab.example email groups",
            "google \"Google\" of-file secret https://accounts.google.com email groups",
            "oidc \"Example\" c secret https://i.example/ preferred_username roles",
        ]
    );
    assert!(!format!("{found:?}").contains("\"s\""));
}

#[test]
fn a_key_that_cannot_sign_is_named() {
    let errors = read(&json!({
        "gitlab": { "clientid": "c", "keypath": "/p384", "issuer": "https://gitlab.example", "scopes": ["openid"] },
    }));
    assert_eq!(
        errors.unwrap_err(),
        [
            "http.auth.openid.providers.gitlab.keypath: names a file whose `key` is not an RSA key of at least 2048 bits, a P-256 key or an Ed25519 key",
        ]
    );
}

#[test]
fn a_login_leads_back_to_the_configured_origins() {
    let openid = config::OpenId {
        providers: Vec::new(),
        callback_allow_origins: vec!["https://ui.example".to_owned()],
        external_url: None,
    };
    let origins = origins(&openid, &External::new("https://reg.example/sub").unwrap());
    for (callback_ui, expected) in [
        ("https://ui.example/x", "https://ui.example/x"),
        ("https://reg.example/x", "https://reg.example/x"),
        ("https://other.example/x", "/"),
    ] {
        assert_eq!(origins.checked(callback_ui), expected);
    }
}
