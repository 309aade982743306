//! `run` with other versions of Envoy.

use anyhow::{Result, ensure};
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::upstream::Upstream;
use registry_auth_harness::{envoy, tls};
use serde_json::{Value, json};

use super::fixture::{PATIENCE, Run, Setup};

/// The oldest that is supported: it describes client certificates and does not pass them.
const OLDEST: &str = "1.36.4";
/// Others that `cargo xtask hosts` installs.
const OTHERS: [&str; 3] = ["1.37.0", "1.38.2", "1.39.3"];

fn document(mtls: &Value, user: &str) -> Value {
    let file = |name: &str| tls::folder().join(name);
    json!({"http": {
        "address": "127.0.0.1",
        "port": "0",
        "tls": {"cert": file("server.pem"), "key": file("server.key.pem"), "cacert": file("ca.pem")},
        "auth": {"mtls": mtls},
        "accessControl": {"repositories": {"**": {
            "policies": [{"users": [user], "actions": ["read"]}],
        }}},
    }})
}

/// Starts with a policy for `alice`, changes it to one for `workload`, and then, if this Envoy must
/// not take it, to one that needs the whole certificate.
fn changes(version: &str, passes_certificates: bool) -> Result<()> {
    let upstream = Upstream::start()?;
    let common_name = json!({});
    let mut run = Run::spawn_with(
        &envoy::of_version(version)?,
        &Setup {
            document: &document(&common_name, "alice"),
            upstream: upstream.address(),
            arguments: &[],
            environment: &[],
        },
    )?;
    run.is_live(1)?;
    let status = |run: &Run, name: Option<&str>| -> Result<u16> {
        let mut request = Request::new("GET", "/v2/team/app/tags/list");
        request.certificate = name.map(tls::pem).transpose()?;
        Ok(client::send_over_tls(run.address()?, &request, PATIENCE)?.status)
    };
    let is = |run: &Run, expected: [u16; 3]| {
        let names = [None, Some("alice"), Some("workload")];
        for (name, expected) in names.into_iter().zip(expected) {
            let got = status(run, name)?;
            ensure!(got == expected, "{version}, {name:?}: {got}");
        }
        Ok(())
    };
    is(&run, [401, 200, 403])?;
    // A resumed session would have a certificate that nobody verifies again.
    let request = b"GET /v2/team/app/tags/list HTTP/1.1\r\nhost: a\r\n\r\n";
    let resumptions = tls::resumptions(run.address()?, &tls::pem("alice")?, request)?;
    ensure!(!resumptions.contains(&true), "{version}: {resumptions:?}");
    run.replace(&document(&common_name, "workload"))?;
    run.is_live(2)?;
    is(&run, [401, 403, 200])?;
    run.replace(&document(
        &json!({"identityAttributes": ["Subject"]}),
        "CN=alice",
    ))?;
    if passes_certificates {
        run.is_live(3)?;
        return is(&run, [401, 200, 403]);
    }
    let log = run.log().clone();
    run.until("it is refused", || {
        Ok(log
            .text()
            .contains("`Subject` needs the whole client certificate"))
    })?;
    is(&run, [401, 403, 200])
}

#[test]
fn the_oldest_envoy_takes_certificates_and_changes() -> Result<()> {
    changes(OLDEST, false)
}

#[test]
#[ignore = "`cargo xtask hosts` installs what it needs and runs it"]
fn hosts_between_take_certificates_and_changes() -> Result<()> {
    for version in OTHERS {
        changes(version, version != "1.37.0")?;
    }
    Ok(())
}
