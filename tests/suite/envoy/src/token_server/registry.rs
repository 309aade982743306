//! The registry that requires tokens, and the forms of its verification key.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use registry_auth_engine::keys::SigningKey;
use registry_auth_engine::keys::algorithm::Algorithm;
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::key::TestKey;
use serde_json::{Value, json};

use super::{PATIENCE, SERVICE, TOKEN_ISSUER, free_address, tool};

/// The form of the registry's verification key.
#[derive(Clone, Copy)]
pub(super) enum Trust {
    /// A certificate: the registry works out the key id.
    Certificate,
    /// A JWK Set.
    Keys,
    /// A certificate, and the registry is of the release 2.8, which works out another key id.
    OldCertificate,
}

impl Trust {
    pub(super) const fn key(self) -> (&'static str, Algorithm) {
        match self {
            Self::Certificate | Self::OldCertificate => ("es256", Algorithm::Es256),
            Self::Keys => ("eddsa", Algorithm::EdDsa),
        }
    }

    /// `mint.keyId`
    pub(super) const fn key_id(self) -> Option<&'static str> {
        match self {
            Self::Certificate | Self::Keys => None,
            Self::OldCertificate => Some("libtrust"),
        }
    }

    pub(super) const fn program(self) -> &'static str {
        match self {
            Self::Certificate | Self::Keys => "bin/registry",
            Self::OldCertificate => "bin/docker-registry",
        }
    }
}

pub(super) struct Registry {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Ignored: it may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(super) fn start_registry(
    folder: &Path,
    trust: Trust,
    realm: &str,
    jwks: &Value,
) -> Result<Registry> {
    let address = free_address()?;
    let file = folder.join("trust");
    let (text, kind) = match trust {
        Trust::Certificate | Trust::OldCertificate => (
            TestKey::named(trust.key().0)?.certificate_pem()?.to_owned(),
            "rootcertbundle",
        ),
        Trust::Keys => (
            SigningKey::from_jwks_value(jwks)?.1.to_jwks().to_string(),
            "jwks",
        ),
    };
    fs::write(&file, text)?;
    let token = json!({ "realm": realm, "service": SERVICE, "issuer": TOKEN_ISSUER, kind: file });
    let configuration = json!({
        "version": 0.1,
        "log": { "level": "warn", "accesslog": { "disabled": true } },
        "storage": {
            "filesystem": { "rootdirectory": folder.join("registry") },
            "delete": { "enabled": true },
        },
        "http": { "addr": address.to_string(), "secret": "only-for-tests" },
        "auth": { "token": token },
    });
    let file = folder.join("registry.json");
    fs::write(&file, configuration.to_string())?;
    let log = fs::File::create(folder.join("registry.log"))?;
    let mut command = Command::new(tool(trust.program()));
    command
        .arg("serve")
        .arg(file)
        .env("OTEL_TRACES_EXPORTER", "none");
    // The registry takes every variable of that prefix for a part of its own configuration.
    for (name, _) in
        env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("REGISTRY_"))
    {
        command.env_remove(name);
    }
    let child = command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn();
    let mut registry = Registry {
        child: child.context("the registry cannot be started")?,
        address,
    };
    let deadline = Instant::now() + PATIENCE;
    while client::send(address, &Request::new("GET", "/v2/"), PATIENCE).is_err() {
        if registry.child.try_wait()?.is_some() || Instant::now() > deadline {
            bail!(
                "the registry does not run: {}",
                fs::read_to_string(folder.join("registry.log"))?
            );
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(registry)
}
