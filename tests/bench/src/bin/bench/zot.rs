//! zot as the registry behind Envoy, once with tokens and a policy, and once open.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::issuer::Issuer;
use registry_auth_harness::program::{Program, free_address};
use registry_auth_harness::substrate::now;
use registry_auth_harness::workload::{self, ALGORITHMS, Policy, REPOSITORY};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::companion::Running;

const PATIENCE: Duration = Duration::from_secs(20);
/// The digest of `{}`, the configuration of an artifact that has none (OCI image spec, descriptor.md).
const NOTHING: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Starts the program at `path`, and pushes the manifest that requests are for.
///
/// # Errors
/// It does not start, refuses the configuration, or a push fails.
pub(crate) fn start(path: &Path, checks: bool) -> Result<Running> {
    let folder = TempDir::with_prefix("registry-auth-zot-")?;
    let (issuer, server) = Issuer::on_loopback(&ALGORITHMS.map(|algorithm| algorithm.key))?;
    let address = free_address()?;
    let file = folder.path().join("zot.json");
    let guarded = checks.then_some(issuer.url());
    fs::write(
        &file,
        document(folder.path(), address, guarded)?.to_string(),
    )?;
    let mut command = Command::new(path);
    command.arg("serve").arg(&file);
    let mut program = Program::start("zot", &mut command, folder.path())?;
    program.wait(address, "/v2/")?;
    push(address).with_context(|| program.log())?;
    Ok(Running::new(program, address, Some(server), folder))
}

/// The document: that of the benchmark, with the keys from an issuer at `issuer`; without one, no authentication.
fn document(folder: &Path, address: SocketAddr, issuer: Option<&str>) -> Result<Value> {
    let mut http = Map::new();
    if let Some(issuer) = issuer {
        let mut ours = Policy::PLAIN.configuration()?;
        let entry = ours
            .pointer_mut("/http/auth/bearer/oidc/0")
            .and_then(Value::as_object_mut)
            .context("the configuration has an issuer")?;
        entry.remove("jwks");
        entry.insert("issuer".to_owned(), issuer.into());
        // `iss` of the tokens is another than where the keys are.
        entry.insert("skipIssuerVerification".to_owned(), true.into());
        let guarded = ours.get_mut("http").and_then(Value::as_object_mut);
        http = std::mem::take(guarded.context("the configuration has a section `http`")?);
    }
    http.insert("address".to_owned(), address.ip().to_string().into());
    http.insert("port".to_owned(), address.port().to_string().into());
    Ok(json!({
        "distSpecVersion": "1.1.1",
        "storage": {"rootDirectory": folder.join("data"), "gc": false, "dedupe": false},
        "http": http,
        "log": {"level": "error"},
    }))
}

/// Pushes a manifest without layers.
fn push(address: SocketAddr) -> Result<()> {
    let [algorithm, ..] = ALGORITHMS;
    let token = workload::token(algorithm, now())?;
    let nothing =
        json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": NOTHING, "size": 2});
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": "application/vnd.example.benchmark",
        "config": nothing,
        "layers": [nothing],
    });
    let uploads = format!("/v2/{REPOSITORY}/blobs/uploads/?digest={NOTHING}");
    let blob = Request::new("POST", &uploads)
        .header("content-type", "application/octet-stream")
        .body(b"{}".to_vec());
    let manifest = Request::new("PUT", &format!("/v2/{REPOSITORY}/manifests/v1"))
        .header("content-type", MANIFEST)
        .body(manifest.to_string().into_bytes());
    for request in [blob, manifest] {
        let request = request.header("authorization", &format!("Bearer {token}"));
        let status = client::send(address, &request, PATIENCE)?.status;
        ensure!(
            status == 201,
            "zot answered {status} to the {} of a push",
            request.method
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn only_the_guarded_one_has_an_issuer_and_a_policy_and_no_member_that_zot_does_not_know() {
        let at = |issuer| {
            let address = SocketAddr::from(([127, 0, 0, 1], 5000));
            document(Path::new("/folder"), address, issuer).unwrap()
        };
        let open = at(None);
        assert_eq!(
            open["http"],
            json!({"address": "127.0.0.1", "port": "5000"})
        );
        let guarded = at(Some("http://127.0.0.1:5556"));
        let entry = &guarded["http"]["auth"]["bearer"]["oidc"][0];
        let members: BTreeSet<_> = entry
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let known = [
            "audiences",
            "claimMapping",
            "issuer",
            "skipIssuerVerification",
        ];
        assert_eq!(members, BTreeSet::from(known));
        assert_eq!(entry["issuer"], "http://127.0.0.1:5556");
        assert!(
            guarded
                .pointer("/http/accessControl/repositories/team~1**")
                .is_some()
        );
    }
}
