//! `http.tls` of zot: TLS and client certificates, whose files may be replaced.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::tls;
use registry_auth_harness::upstream::Upstream;
use serde_json::json;
use tempfile::TempDir;

use super::fixture::{PATIENCE, Run, Setup};

const REQUEST: &[u8] = b"GET /v2/team/app/tags/list HTTP/1.1\r\nhost: a\r\n\r\n";

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
    let resumptions = tls::resumptions(address, &tls::pem("alice")?, REQUEST)?;
    ensure!(!resumptions.contains(&true), "{resumptions:?}");
    // Another authority: alice's certificate is of nobody known.
    put(files.path(), "ca.cert", "issuer-ca.pem")?;
    run.is_live(2)?;
    ensure!(
        client::send_over_tls(address, &alice, PATIENCE).is_err(),
        "alice is known"
    );
    let answer = client::send_over_tls(address, &nobody, PATIENCE)?;
    ensure!(answer.status == 401, "{}", answer.status);
    // What is none changes nothing.
    put(files.path(), "ca.cert", "server.key.pem")?;
    run.says("the configuration is refused; the one of before stays", 1)?;
    ensure!(run.refused()?.as_deref() == Some("http.tls.cacert"));
    put(files.path(), "ca.cert", "ca.pem")?;
    run.is_live(3)?;
    let answer = client::send_over_tls(address, &alice, PATIENCE)?;
    ensure!(answer.status == 200, "{}", answer.status);
    // The certificate of the server is read by Envoy.
    put(files.path(), "server.cert", "server.pem")?;
    ensure!(run.log().with("the configuration is live")?.len() == 3);
    Ok(())
}

/// Each row: whether the file is another one, or has another content.
#[test]
fn connections_end_that_other_authorities_vouched_for() -> Result<()> {
    for is_path in [false, true] {
        let files = TempDir::with_prefix("ra-tls-")?;
        put(files.path(), "ca.cert", "ca.pem")?;
        put(files.path(), "other.cert", "issuer-ca.pem")?;
        let document = |authorities: &str| {
            json!({"http": {
                "address": "127.0.0.1",
                "port": "0",
                "tls": {
                    "cert": tls::folder().join("server.pem"),
                    "key": tls::folder().join("server.key.pem"),
                    "cacert": files.path().join(authorities),
                },
                "auth": {"mtls": {}},
                "accessControl": {"repositories": {"**": {
                    "policies": [{"users": ["alice"], "actions": ["read"]}],
                }}},
            }})
        };
        let upstream = Upstream::start()?;
        let mut run = Run::start(&Setup {
            document: &document("ca.cert"),
            upstream: upstream.address(),
            arguments: &[],
            environment: &[],
        })?;
        let socket = TcpStream::connect(run.address()?)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut old = tls::connect(socket, Some(&tls::pem("alice")?))?;
        old.write_all(REQUEST)?;
        let mut answer = [0; 12];
        old.read_exact(&mut answer)?;
        ensure!(&answer == b"HTTP/1.1 200", "{answer:?}");
        if is_path {
            run.replace(&document("other.cert"))?;
        } else {
            put(files.path(), "ca.cert", "issuer-ca.pem")?;
        }
        run.is_live(2)?;
        old.write_all(REQUEST)?;
        let mut rest = Vec::new();
        old.read_to_end(&mut rest).context("it is still open")?;
        ensure!(
            String::from_utf8_lossy(&rest).contains("connection: close"),
            "another path: {is_path}"
        );
    }
    Ok(())
}
