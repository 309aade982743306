//! `http.tls` of zot: TLS and client certificates, whose files may be replaced.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::tls;
use registry_auth_harness::upstream::Upstream;
use serde_json::json;
use tempfile::TempDir;

use super::fixture::{PATIENCE, Run, Setup};

/// Replaces a file by renaming another one to it.
fn put(folder: &Path, name: &str, certificate: &str) -> Result<()> {
    let new = folder.join("new");
    fs::copy(tls::folder().join(certificate), &new)?;
    Ok(fs::rename(&new, folder.join(name))?)
}

#[test]
fn client_certificates_decide_and_their_authorities_may_change() -> Result<()> {
    let files = TempDir::with_prefix("ra-tls-")?;
    for (name, certificate) in [
        ("server.cert", "server.pem"),
        ("server.key", "server.key.pem"),
        ("ca.cert", "ca.pem"),
    ] {
        put(files.path(), name, certificate)?;
    }
    let path = |name: &str| files.path().join(name);
    let document = json!({"http": {
        "address": "127.0.0.1",
        "port": "0",
        "tls": {"cert": path("server.cert"), "key": path("server.key"), "cacert": path("ca.cert")},
        "auth": {"mtls": {}},
        "accessControl": {"repositories": {"**": {
            "policies": [{"users": ["alice"], "actions": ["read"]}],
        }}},
    }});
    let upstream = Upstream::start()?;
    let mut run = Run::start(&Setup {
        document: &document,
        upstream: upstream.address(),
        arguments: &[],
        environment: &[],
    })?;
    let address = run.address()?;
    let request = |certificate: Option<&str>| -> Result<Request> {
        let mut request = Request::new("GET", "/v2/team/app/tags/list");
        request.certificate = certificate.map(tls::pem).transpose()?;
        Ok(request)
    };
    let (nobody, alice, workload) = (
        request(None)?,
        request(Some("alice"))?,
        request(Some("workload"))?,
    );
    for (who, request, status) in [
        ("nobody", &nobody, 401),
        ("alice", &alice, 200),
        ("workload", &workload, 403),
    ] {
        let answer = client::send_over_tls(address, request, PATIENCE)?;
        ensure!(answer.status == status, "{who}: {}", answer.status);
    }
    // Another authority: Envoy reads the file by itself, and alice's certificate is of nobody known.
    put(files.path(), "ca.cert", "issuer-ca.pem")?;
    run.until("alice is unknown", || {
        let answer = client::send_over_tls(address, &alice, PATIENCE);
        Ok(answer.is_err())
    })?;
    let answer = client::send_over_tls(address, &nobody, PATIENCE)?;
    ensure!(answer.status == 401, "{}", answer.status);
    let live = run.log().with("the configuration is live")?;
    ensure!(live.len() == 1, "the files of certificates are Envoy's");
    Ok(())
}
