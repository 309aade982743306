//! The configurations that ship in `envoy/`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use registry_auth_cases::Outcome;
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::program::free_address;
use registry_auth_harness::push::random_key;
use registry_auth_harness::shipped::{self, Addresses};
use registry_auth_harness::upstream::Upstream;
use registry_auth_harness::{envoy, module};
use tempfile::TempDir;

const CONFIGURATION: &str = "envoy/envoy.yaml";

/// Envoy loads the module and lets it compile its configuration when it validates.
#[test]
fn envoy_accepts_the_shipped_configuration_and_refuses_it_without_the_push_key() -> Outcome {
    module::path()?;
    let validate = |push_key: Option<&str>| -> anyhow::Result<(bool, String)> {
        let mut command = Command::new(envoy::binary()?);
        command
            .current_dir(module::workspace())
            .args(["--mode", "validate", "-c", CONFIGURATION]);
        command
            .env_remove("REGISTRY_AUTH_PUSH_KEY")
            .envs(push_key.map(|key| ("REGISTRY_AUTH_PUSH_KEY", key)));
        let output = command.output().context("envoy cannot be run")?;
        Ok((
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ))
    };
    let (accepted, log) = validate(Some("0123456789abcdef0123456789abcdef"))?;
    if !accepted {
        return Err(anyhow::anyhow!("{log}").into());
    }
    if validate(None)?.0 {
        return Err(anyhow::anyhow!("envoy accepted a plugin without push key").into());
    }
    Ok(())
}

/// Clients of private networks, the loopback one of this test among them, are no part of the mesh
/// to Envoy.
#[test]
fn no_client_of_the_shipped_configuration_steers_retries_in_envoy() -> Outcome {
    let folder = TempDir::with_prefix("registry-auth-shipped-").context("no folder")?;
    let registry = Upstream::start()?;
    let [clients, admin, issuer] = [free_address()?, free_address()?, free_address()?];
    let intake = folder.path().join("intake.sock");
    let text = Addresses {
        clients,
        intake,
        admin,
        registry: registry.address(),
        issuer,
    }
    .configuration()?;
    let _envoy = shipped::start(&text, admin, &random_key()?, folder.path())?;
    let steering = [
        ("x-envoy-retry-on", "retriable-status-codes"),
        ("x-envoy-retriable-status-codes", "200"),
        ("x-envoy-max-retries", "5"),
        ("x-envoy-upstream-alt-stat-name", "evil"),
    ];
    let request = steering.iter().fold(
        Request::new("GET", "/v2/public/x/tags/list"),
        |request, (name, value)| request.header(name, value),
    );
    assert_eq!(
        client::send(clients, &request, Duration::from_secs(20))?.status,
        200
    );
    assert_eq!(registry.requests(), 1, "it was sent again");
    let seen = registry.seen(0).context("nothing came")?;
    for (name, _) in steering.iter().chain(&[("x-envoy-internal", "")]) {
        assert_eq!(seen.values(name), Vec::<String>::new(), "{name}");
    }
    Ok(())
}

#[test]
fn the_intake_of_the_shipped_configuration_is_a_socket_of_envoys_user_in_envoy() -> Outcome {
    the_shipped_socket()?;
    Ok(())
}

fn the_shipped_socket() -> anyhow::Result<()> {
    let folder = TempDir::with_prefix("registry-auth-shipped-")?;
    let intake = folder.path().join("intake.sock");
    let [clients, admin, registry, issuer] = [
        free_address()?,
        free_address()?,
        free_address()?,
        free_address()?,
    ];
    let text = Addresses {
        clients,
        intake: intake.clone(),
        admin,
        registry,
        issuer,
    }
    .configuration()?;
    let _envoy = shipped::start(&text, admin, &random_key()?, folder.path())?;
    let found = fs::metadata(&intake)?;
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    let mut stream = UnixStream::connect(&intake)?;
    stream
        .write_all(b"GET /keys/v2/bearer HTTP/1.1\r\nhost: intake\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    Ok(())
}
