//! Callers of the end-to-end tests: tokens, each in its own Docker configuration.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use crate::mint::Recipe;
use crate::substrate::now;

/// The audience of tokens, and the service in `envoy/filter.json`.
pub const AUDIENCE: &str = "registry.test";
/// The issuer of `envoy/filter.json`.
pub const ISSUER: &str = "http://issuer.test";
/// The key that the issuer publishes.
pub const ISSUER_KEY: &str = "rs256";

/// Returns a token of a Kubernetes service account, valid until `expires` (`+1h`, `-1m`).
///
/// # Errors
/// As [`Recipe::mint`].
pub fn service_account(namespace: &str, name: &str, expires: &str) -> Result<String> {
    mint(
        ISSUER_KEY,
        json!({
            "iss": ISSUER,
            "sub": format!("system:serviceaccount:{namespace}:{name}"),
            "aud": [AUDIENCE],
            "iat": "-1h",
            "nbf": "-1h",
            "exp": expires,
            "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": "9d1b42c1"}},
        }),
    )
}

/// Returns a token of the build farm with `access` claims, signed with a key whose public key is in
/// Secrets Manager.
///
/// # Errors
/// As [`Recipe::mint`].
pub fn builder(key: &str, repository: &str) -> Result<String> {
    mint(
        key,
        json!({
            "iss": "build-farm",
            "sub": "build-farm/linux",
            "aud": AUDIENCE,
            "iat": "-1m",
            "exp": "+1h",
            "access": [{"type": "repository", "name": repository, "actions": ["pull", "push"]}],
        }),
    )
}

fn mint(key: &str, claims: Value) -> Result<String> {
    let claims: Map<String, Value> =
        serde_json::from_value(claims).context("claims are an object")?;
    Recipe::plain(key, claims).mint(now())
}

/// Writes the Docker configuration of a caller: the token is the password, as `docker login` would
/// store it.
///
/// # Errors
/// The folder cannot be written.
pub fn log_in(folder: &Path, registry: SocketAddr, token: Option<&str>) -> Result<()> {
    log_in_as(folder, registry, token.map(|token| ("token", token)))
}

/// As [`log_in`], with a user name and what is its password.
///
/// # Errors
/// The folder cannot be written.
pub fn log_in_as(folder: &Path, registry: SocketAddr, login: Option<(&str, &str)>) -> Result<()> {
    fs::create_dir_all(folder)?;
    let mut auths = Map::new();
    if let Some((user, secret)) = login {
        fs::write(folder.join("token"), secret)?;
        let auth = BASE64_STANDARD.encode(format!("{user}:{secret}"));
        auths.insert(registry.to_string(), json!({"auth": auth}));
    }
    fs::write(
        folder.join("config.json"),
        json!({"auths": auths}).to_string(),
    )?;
    Ok(())
}
