//! A real Kubernetes API server as issuer: its keys by `keySource` `push` with its own authority and a
//! token, and tokens that the controller has written into pull secrets. Where it is not built
//! (`cargo xtask kube`) nothing is run, and a line says so.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use registry_auth_harness::cluster::Cluster;
use registry_auth_harness::module;
use registry_auth_harness::program::{Program, free_address};
use registry_auth_harness::upstream::Upstream;
use serde_json::{Value, json};

use crate::Outcome;
use crate::pushed::{PATIENCE, Proxy, is_ready, shim_by};

/// The registry, and the audience of its tokens.
const REGISTRY: &str = "registry.test";

#[test]
fn bound_tokens_of_pull_secrets_pass_through_envoy() -> Outcome {
    if let Some(cluster) = Cluster::start()? {
        play(&cluster)?;
    }
    Ok(())
}

fn play(cluster: &Cluster) -> Result<()> {
    let controller = cluster.controller()?;
    // Two namespaces: the policy takes one.
    for (namespace, label) in [("team", "true"), ("other", "true"), ("out", "false")] {
        let body = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": namespace, "labels": {"registry-auth.dev/pull-secret": label}},
        });
        make(cluster, "/api/v1/namespaces", &body)?;
        let body =
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "puller"}});
        make(
            cluster,
            &format!("/api/v1/namespaces/{namespace}/serviceaccounts"),
            &body,
        )?;
    }
    let mut command = Command::new(module::shim()?);
    command
        .args([
            "controller",
            "--registry",
            REGISTRY,
            "--lease-namespace",
            "registry",
        ])
        .arg("--kubeconfig")
        .arg(controller);
    let program = Program::start("controller", &mut command, &cluster.file(""))?;
    let [team, other] = ["team", "other"].map(|namespace| token(cluster, namespace));
    let (team, other) = (team?, other?);

    let upstream = Upstream::start()?;
    let plugin = plugin(cluster)?;
    let intake = free_address()?;
    let address = json!({"socket_address": {"address": "127.0.0.1", "port_value": intake.port()}});
    let mut proxy = Proxy::new(&plugin, &address, &upstream)?;
    proxy.start()?;
    let folder = cluster.file("shim");
    fs::create_dir_all(&folder)?;
    let intakes = [format!("http://{intake}")];
    let (mut shim, endpoints) = shim_by(Command::new(module::shim()?), &plugin, &intakes, &folder)?;
    shim.wait_until(|| is_ready(endpoints))?;
    proxy.comes_to(200, &team)?;
    proxy.comes_to(403, &other)?;
    // A token of the same account for the API server itself.
    let for_server = requested(cluster, "team", &json!({}))?;
    proxy.comes_to(401, &for_server)?;
    ensure!(
        read(cluster, "out")?.is_none(),
        "a namespace that is out has a Secret"
    );
    let log = program.output();
    ensure!(
        log.contains("wrote tokens") && !log.contains("eyJ"),
        "{log}"
    );
    eprintln!(
        "the token of team/puller passed, that of other/puller got 403, that for the API server 401"
    );
    Ok(())
}

fn make(cluster: &Cluster, path: &str, body: &Value) -> Result<()> {
    let (status, answer) = cluster.request("POST", path, Some(body))?;
    ensure!(status == 201, "POST {path}: {status} {answer}");
    Ok(())
}

/// A configuration for the API server as issuer; the shim reads discovery with a token that may.
fn plugin(cluster: &Cluster) -> Result<Value> {
    let bearer = cluster.file("bearer");
    let token = requested(cluster, "registry", &json!({}))?;
    fs::write(&bearer, token)?;
    Ok(json!({
        "http": {
            "auth": {"bearer": {"realm": "registry", "service": REGISTRY, "oidc": [{
                "issuer": cluster.url(), "audiences": [REGISTRY], "keySource": "push", "tokenFile": bearer,
                "certificateAuthorityFile": cluster.authority(), "claimMapping": {"username": "claims.sub"},
            }]}},
            "accessControl": {"repositories": {"team/**": {"policies": [
                {"users": ["system:serviceaccount:team:puller"], "actions": ["read"]},
            ]}}},
        },
        "proxy": {"pushKey": {"env": "REGISTRY_AUTH_PUSH_KEY"}},
    }))
}

/// A token as a pod has it; in the namespace of the controller, of its own account.
fn requested(cluster: &Cluster, namespace: &str, spec: &Value) -> Result<String> {
    let account = match namespace {
        "registry" => "registry-registry-auth-controller",
        _ => "puller",
    };
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
    let body =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
    let (_, answer) = cluster.request("POST", &path, Some(&body))?;
    let token = answer.pointer("/status/token").and_then(Value::as_str);
    Ok(token
        .with_context(|| format!("no token: {answer}"))?
        .to_owned())
}

/// Waits for the token in the pull secret of a namespace.
fn token(cluster: &Cluster, namespace: &str) -> Result<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(token) = read(cluster, namespace)? {
            return Ok(token);
        }
        let log = cluster.file("controller.log");
        ensure!(
            Instant::now() < deadline,
            "no token in {namespace}: {}",
            text(&log)
        );
        sleep(Duration::from_millis(100));
    }
}

fn read(cluster: &Cluster, namespace: &str) -> Result<Option<String>> {
    let path = format!("/api/v1/namespaces/{namespace}/secrets/registry-auth-puller");
    let (_, secret) = cluster.request("GET", &path, None)?;
    let Some(content) = secret
        .pointer("/data/.dockerconfigjson")
        .and_then(Value::as_str)
    else {
        return Ok(None);
    };
    let content: Value = serde_json::from_slice(&BASE64_STANDARD.decode(content)?)?;
    let token = content
        .get("auths")
        .and_then(|auths| auths.get(REGISTRY)?.get("password")?.as_str());
    Ok(token.map(str::to_owned))
}

fn text(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}
