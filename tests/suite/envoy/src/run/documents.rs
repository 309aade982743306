//! The configurations in zot's documents run as they are.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::module;
use registry_auth_harness::tls;
use registry_auth_harness::upstream::Upstream;
use serde_json::Value;
use tempfile::TempDir;

use super::fixture::{Run, Setup};

/// Files that the documents name, and what they are here.
const FILES: [(&str, &str); 6] = [
    ("/etc/zot/k8s-ca.pem", "certificates/issuer-ca.pem"),
    ("/etc/zot/auth.crt", "public/rsa.crt"),
    ("/etc/zot/certs/server.cert", "certificates/server.pem"),
    ("/etc/zot/certs/server.key", "certificates/server.key.pem"),
    ("/etc/zot/certs/ca.cert", "certificates/ca.pem"),
    (
        "examples/config-ldap-credentials.json",
        "ldap-credentials.json",
    ),
];
/// Marks those by which people log in, not workloads.
const PEOPLE: &str = "issue on people";
/// The placeholder of a certificate.
const PLACEHOLDER: &str = "MIIC...";

/// Makes the named files below `folder`, and lets the text name them there.
fn placed(text: &str, folder: &Path) -> Result<String> {
    let mut text = text.to_owned();
    for (named, source) in FILES {
        let file = folder.join(named.trim_start_matches('/').replace('/', "-"));
        fs::copy(
            module::workspace().join("tests/fixtures").join(source),
            &file,
        )?;
        text = text.replace(named, file.to_str().context("a path in UTF-8")?);
    }
    Ok(text)
}

/// On a free port, since tests run at the same time.
fn on_a_free_port(text: &str) -> Result<Value> {
    let mut document: Value = serde_json::from_str(text)?;
    let http = document
        .get_mut("http")
        .and_then(Value::as_object_mut)
        .context("no `http`")?;
    http.insert("port".to_owned(), "0".into());
    let ca = http
        .get_mut("auth")
        .and_then(|auth| auth.pointer_mut("/bearer/oidc/0/certificateAuthority"));
    if let Some(ca) = ca
        && ca.as_str().is_some_and(|text| text.contains(PLACEHOLDER))
    {
        *ca = tls::pem("issuer-ca")?.into();
    }
    Ok(document)
}

#[test]
fn each_configuration_of_zot_runs() -> Result<()> {
    let text = include_str!("../../../../fixtures/zot-documents.json");
    let all: Value = serde_json::from_str(text)?;
    let all = all.get("configurations").and_then(Value::as_array);
    let folder = TempDir::with_prefix("ra-documents-")?;
    let upstream = Upstream::start()?;
    let mut ran = 0;
    for entry in all.context("no list")? {
        let name = entry
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let document = entry.get("document").unwrap_or(&Value::Null);
        let document = on_a_free_port(&placed(&document.to_string(), folder.path())?)?;
        let store = folder.path().join("store").display().to_string();
        let arguments: &[&str] = if name.contains(PEOPLE) {
            &["--store", &store]
        } else {
            &[]
        };
        let setup = Setup {
            document: &document,
            upstream: upstream.address(),
            arguments,
            environment: &[],
        };
        let run = Run::start(&setup).with_context(|| name.to_owned())?;
        let metrics = String::from_utf8(run.page("/metrics")?.body)?;
        ensure!(
            metrics.contains("\nregistry_auth_run_configuration_generation 1\n"),
            "{name}: {metrics}"
        );
        if document.pointer("/http/tls").is_none() {
            let request = registry_auth_harness::client::Request::new("GET", "/v2/a/tags/list");
            let answer = run.send(&request)?;
            ensure!(answer.status == 401, "{name}: {}", answer.status);
        }
        ran += 1;
    }
    ensure!(ran == 16, "{ran}");
    Ok(())
}
