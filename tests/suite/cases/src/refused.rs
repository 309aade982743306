//! Configurations that must not start, each with what is said of it: the module refuses them on wasmtime and in Envoy.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use registry_auth_tests::envoy::{self, Bootstrap, Listener};
use registry_auth_tests::module::{self, Compiled};
use registry_auth_tests::substrate::ENVIRONMENT;
use registry_auth_tests::vm::{Setup, Vm};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Outcome;

/// A configuration that starts: what the rows change.
fn good() -> Value {
    json!({
        "http": {
            "auth": {"bearer": {"oidc": [{"issuer": "http://issuer.test", "audiences": ["registry"], "cluster": "issuers"}]}},
            "accessControl": {"repositories": {"team/**": {"defaultPolicy": ["read"]}}},
        },
    })
}

/// The configuration with one more key at a JSON pointer, and without access control where that is its place.
fn with(pointer: &str, name: &str, value: Value) -> Value {
    let mut document = good();
    if let Some(place) = document.pointer_mut(pointer).and_then(Value::as_object_mut) {
        place.remove("accessControl");
        place.insert(name.to_owned(), value);
    }
    document
}

fn policy(members: &Value) -> Value {
    json!({"repositories": {"team/**": {"policies": [members]}}})
}

/// Text of a configuration, and a part of the error.
fn rows() -> Vec<(Vec<u8>, &'static str)> {
    let control = good().pointer("/http/accessControl").cloned().unwrap_or_default();
    let condition =
        json!({"users": ["a"], "actions": ["read"], "conditions": [{"expression": "req.client.ip == '::1'"}]});
    let open = json!({"users": ["a"], "actions": ["read"], "conditions": null});
    let issuer = |issuer: &str| json!({"issuer": issuer, "audiences": ["a"], "cluster": "issuers"});
    let issuers = json!([issuer("http://issuer.test"), issuer("http://issuer.test/tenant")]);
    let documents = [
        (
            with("/http", "accesControl", control.clone()),
            "http.accesControl: unknown key; did you mean `accessControl`",
        ),
        (with("/http", "accessControls", control.clone()), "did you mean `accessControl`"),
        (with("/http", "accessControl", Value::Null), "http.accessControl: is null"),
        (
            with("", "accessControl", control.clone()),
            "accessControl: unknown key here; did you mean `http.accessControl`",
        ),
        (with("/http/auth", "accessControl", control), "did you mean `http.accessControl`"),
        (with("", "unheard", json!({})), "unheard: unknown key; known here: "),
        (with("/http", "accessControl", policy(&open)), ".policies[0].conditions: is null"),
        (with("/http", "accessControl", policy(&condition)), "`\"clientAddress\": \"proxy\"`"),
        (with("/http/auth/bearer", "oidc", issuers), "http.auth.bearer.oidc[1].issuer: "),
    ];
    let mut rows: Vec<_> = documents.map(|(document, message)| (document.to_string().into_bytes(), message)).into();
    rows.push((b"\x0a\x0a\x0a\x04http\x12\x02\x2a\x00".to_vec(), "google.protobuf.StringValue"));
    rows.push((Vec::new(), "is empty"));
    rows
}

#[test]
fn what_must_not_start_is_refused_wasm() -> Outcome {
    let module = Compiled::built()?;
    Vm::start(module, Setup::of_scenarios(good().to_string().as_bytes()))?;
    for (configuration, message) in rows() {
        let shown = configuration.escape_ascii();
        let Err(refusal) = Vm::start(module, Setup::of_scenarios(&configuration)) else {
            return Err(anyhow::anyhow!("it starts: {shown}").into());
        };
        let refusal = format!("{refusal:#}");
        check(
            refusal.contains("refused the configuration") && refusal.contains(message),
            &format!("{shown}: {refusal}"),
        )?;
    }
    Ok(())
}

/// Access control that is left out is no error, as in zot; it is said whatever `log.level` is.
#[test]
fn access_control_that_is_left_out_is_said_loudly_wasm() -> Outcome {
    for level in ["info", "error"] {
        let mut document = with("/http", "realm", json!("registry"));
        if let Some(document) = document.as_object_mut() {
            document.insert("log".to_owned(), json!({"level": level}));
        }
        let vm = Vm::start(Compiled::built()?, Setup::of_scenarios(document.to_string().as_bytes()))?;
        let line = "warn: configuration: http.accessControl: is absent: every authenticated caller may do everything";
        check(vm.log().iter().any(|logged| logged == line), &format!("{level}: {:?}", vm.log()))?;
    }
    Ok(())
}

fn check(holds: bool, message: &str) -> Result<()> {
    ensure!(holds, "{message}");
    Ok(())
}

/// Whether Envoy takes a plugin configuration, given in its JSON form of a protobuf `Any`; and its log.
fn validate(configuration: &Value) -> Result<(bool, String)> {
    const PLUGIN: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config/configuration";
    let bootstrap = Bootstrap {
        module: module::path()?,
        listeners: vec![Listener {
            name: "main".to_owned(),
            configuration: String::new(),
            vm_id: "refused".to_owned(),
            holds_bodies: false,
            secured: false,
            port: 0,
            cluster: None,
            discovery: None,
        }],
        environment: ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        ..Bootstrap::default()
    };
    let mut json = bootstrap.to_json()?;
    *json.pointer_mut(PLUGIN).context("there is no plugin")? = configuration.clone();
    let folder = TempDir::with_prefix("registry-auth-refused-")?;
    let file = folder.path().join("envoy.json");
    std::fs::write(&file, json.to_string())?;
    let output = Command::new(envoy::binary()?)
        .args(["--mode", "validate", "--use-dynamic-base-id", "-c"])
        .arg(&file)
        .envs(ENVIRONMENT)
        .output()
        .context("envoy cannot be run")?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

#[test]
fn what_must_not_start_is_refused_envoy() -> Outcome {
    if envoy::may_be_skipped() {
        return Ok(());
    }
    let text = |value: &str| json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": value});
    let of_type = |name: &str, value: Value| json!({"@type": format!("type.googleapis.com/google.protobuf.{name}"), "value": value});
    let (started, log) = validate(&text(&good().to_string()))?;
    check(started, &log)?;
    // Envoy hands over everything but a text, and bytes, as the message that it is.
    let raw = ["Struct", "Value"].map(|name| (of_type(name, good()), "is a protobuf message and not JSON"));
    let rows = rows().into_iter().filter_map(|(configuration, message)| {
        // The bytes of a message are no text that a bootstrap may hold.
        let configuration = String::from_utf8(configuration).ok().filter(|text| !text.contains('\0'))?;
        Some((text(&configuration), message))
    });
    for (configuration, message) in rows.chain(raw) {
        let (started, log) = validate(&configuration)?;
        check(!started && log.contains(message), &format!("{configuration} ({message}): {log}"))?;
    }
    Ok(())
}
