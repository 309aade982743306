//! `req.client` where Envoy does not pass the address of the client, and behind another proxy.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use registry_auth_cases::Outcome;
use registry_auth_cases::client_address::{
    ANYWHERE, HERE, NOT_THERE, THERE, WARNING, plugin, request,
};
use registry_auth_harness::envoy::{Bootstrap, Envoy, Listener};
use registry_auth_harness::upstream::Upstream;
use registry_auth_harness::{client, module};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);

/// Starts an Envoy whose connection manager has these settings in addition to the usual ones.
fn start(settings: &Value, upstream: &Upstream) -> Result<Envoy> {
    const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let bootstrap = Bootstrap {
        module: module::path()?,
        listeners: vec![Listener {
            name: "main".to_owned(),
            configuration: plugin()?.to_string(),
            vm_id: "client-address".to_owned(),
            cluster: Some("upstream".to_owned()),
            ..Listener::default()
        }],
        clusters: vec![("upstream".to_owned(), upstream.address())],
        environment: Vec::new(),
    };
    let mut json = bootstrap.to_json()?;
    let manager = json
        .pointer_mut(MANAGER)
        .and_then(Value::as_object_mut)
        .context("there is no connection manager")?;
    manager.extend(settings.as_object().context("not an object")?.clone());
    Envoy::launch(&json, 1, &bootstrap.environment)
}

fn status(address: SocketAddr, path: &str, forwarded_for: Option<&str>) -> Result<u16> {
    Ok(client::send(address, &request(path, forwarded_for)?, PATIENCE)?.status)
}

/// The address of the client comes from the proxy: from its own connection, or from the trusted
/// proxy before it. What a client sends has no effect.
#[test]
fn the_address_is_what_the_proxy_says_envoy() -> Outcome {
    let upstream = Upstream::start()?;
    let direct = json!({"use_remote_address": true});
    let behind_one = json!({"use_remote_address": true, "xff_num_trusted_hops": 1});
    let not_told = json!({"use_remote_address": false});
    // (settings, path, x-forwarded-for, status)
    let rows = [
        (&direct, HERE, None, 200),
        (&direct, HERE, Some("10.0.0.5"), 200),
        (&direct, THERE, Some("10.0.0.5"), 403),
        (&direct, THERE, Some("10.0.0.5, 10.0.0.5"), 403),
        (&direct, NOT_THERE, Some("10.0.0.5"), 200),
        // The proxy before this one has added the last address; the client wrote the first.
        (&behind_one, THERE, Some("10.0.0.5"), 200),
        (&behind_one, THERE, Some("192.0.2.7, 10.0.0.5"), 200),
        (&behind_one, THERE, Some("10.0.0.5, 192.0.2.7"), 403),
        (&behind_one, NOT_THERE, Some("192.0.2.7, 10.0.0.5"), 403),
        (&behind_one, HERE, None, 200),
        // Contrary to the configuration: no proxy passes the address of the client.
        (&not_told, HERE, None, 403),
        (&not_told, NOT_THERE, None, 403),
        (&not_told, ANYWHERE, None, 200),
    ];
    for settings in [&direct, &behind_one, &not_told] {
        let envoy = start(settings, &upstream)?;
        for (_, path, forwarded_for, expected) in rows.iter().filter(|(of, ..)| *of == settings) {
            let got = status(envoy.listener("main")?, path, *forwarded_for)?;
            check(
                got == *expected,
                &format!(
                    "{settings} {path} {forwarded_for:?}: {got}\n{}",
                    envoy.log_tail()
                ),
            )?;
        }
        let warnings = envoy
            .log()
            .lines()
            .filter(|line| line.contains(WARNING))
            .count();
        check(
            warnings == usize::from(settings == &not_told),
            &format!("{settings}: {warnings} warnings"),
        )?;
    }
    Ok(())
}

fn check(holds: bool, message: &str) -> Result<()> {
    ensure!(holds, "{message}");
    Ok(())
}
