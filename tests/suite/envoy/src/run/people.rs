//! People log in: the filter, the login service and Envoy together.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use registry_auth_harness::client::Request;
use registry_auth_harness::upstream::Upstream;
use serde_json::{Value, json};

use super::fixture::{Run, Setup};

const API: &str = "/zot/auth/apikey";
const REPOSITORY: &str = "/v2/team/app/manifests/1";

/// `ann` with the password `pw`, `ben` with the password `pw`: bcrypt of cost 5.
const USERS: &str = include_str!("../../../../fixtures/people-users.htpasswd");

fn document(folder: &Path, auth: &Value) -> Value {
    let mut auth = auth.clone();
    if let Some(sections) = auth.as_object_mut() {
        let users = json!({ "path": folder.join("users") });
        sections.insert("htpasswd".to_owned(), users);
    }
    json!({ "http": {
        "address": "127.0.0.1",
        "port": "0",
        "auth": auth,
        "accessControl": { "repositories": { "team/**": {
            "policies": [{ "users": ["ann"], "actions": ["read"] }],
        } } },
    } })
}

fn basic(request: Request, user: &str, secret: &str) -> Request {
    let credential = STANDARD.encode(format!("{user}:{secret}"));
    request.header("authorization", &format!("Basic {credential}"))
}

fn pull(user: &str, secret: &str) -> Request {
    basic(Request::new("GET", REPOSITORY), user, secret)
}

#[test]
fn a_password_and_an_api_key_log_in_until_they_end() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("users"), USERS)?;
    let upstream = Upstream::start()?;
    let store = folder.path().join("store").display().to_string();
    let document = document(folder.path(), &json!({ "apiKey": true }));
    let mut run = Run::start(&Setup {
        document: &document,
        upstream: upstream.address(),
        arguments: &["--store", &store],
        environment: &[],
    })?;
    run.is_ready()?;
    let status = |run: &Run, request: &Request| -> Result<u16> { Ok(run.send(request)?.status) };
    let rows = [
        ("ann", "pw", 200),
        ("ann", "no", 401),
        ("eve", "pw", 401),
        // Known, but without a policy.
        ("ben", "pw", 403),
    ];
    for (user, secret, expected) in rows {
        let found = status(&run, &pull(user, secret))?;
        ensure!(found == expected, "{user} {secret}: {found}");
    }
    let by_password = basic(Request::new("POST", API), "ann", "pw");
    let made = run.send(&by_password.body(br#"{"label":"ci"}"#.to_vec()))?;
    ensure!(made.status == 201, "{made:?}");
    let made: Value = serde_json::from_slice(&made.body)?;
    let key = made["apiKey"].as_str().unwrap_or_default();
    ensure!(
        status(&run, &pull("ann", key))? == 200,
        "the key is not accepted"
    );
    ensure!(
        status(&run, &pull("ben", key))? == 401,
        "the key of another user is accepted"
    );
    // A key makes no keys (D41).
    let by_key = basic(Request::new("POST", API), "ann", key).body(b"{}".to_vec());
    ensure!(status(&run, &by_key)? == 403, "a key made a key");
    let anonymous = Request::new("GET", API);
    ensure!(status(&run, &anonymous)? == 401, "keys of nobody");

    let id = made["uuid"].as_str().unwrap_or_default();
    let delete = basic(
        Request::new("DELETE", &format!("{API}?id={id}")),
        "ann",
        "pw",
    );
    ensure!(status(&run, &delete)? == 200, "not deleted");
    run.comes_to(401, &pull("ann", key))?;

    // Whoever is gone from the file is refused, too.
    let without = USERS.lines().filter(|line| !line.starts_with("ann:"));
    let without = without.collect::<Vec<_>>().join("\n");
    fs::write(folder.path().join("users"), without + "\n")?;
    run.comes_to(401, &pull("ann", "pw"))?;
    Ok(())
}

#[test]
fn methods_of_people_come_and_go_while_it_runs() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("users"), USERS)?;
    let upstream = Upstream::start()?;
    let store = folder.path().join("store").display().to_string();
    let nobody = super::fixture::open(&["read"]);
    let mut run = Run::start(&Setup {
        document: &nobody,
        upstream: upstream.address(),
        arguments: &["--store", &store],
        environment: &[],
    })?;
    run.is_ready()?;
    run.replace(&document(folder.path(), &json!({})))?;
    run.comes_to(200, &pull("ann", "pw"))?;
    run.comes_to(404, &basic(Request::new("GET", API), "ann", "pw"))?;
    run.replace(&document(folder.path(), &json!({ "apiKey": true })))?;
    run.comes_to(200, &basic(Request::new("GET", API), "ann", "pw"))?;
    // An error changes nothing.
    run.replace(&document(folder.path(), &json!({ "ldap": {} })))?;
    run.says("the configuration is refused; the one of before stays", 1)?;
    run.comes_to(200, &pull("ann", "pw"))?;
    Ok(())
}

#[test]
fn without_the_login_service_nobody_is_let_in() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("users"), USERS)?;
    let upstream = Upstream::start()?;
    let document = document(folder.path(), &json!({}));
    let mut run = Run::start(&Setup {
        document: &document,
        upstream: upstream.address(),
        arguments: &[],
        environment: &[],
    })?;
    run.is_ready()?;
    ensure!(run.send(&pull("ann", "pw"))?.status == 200, "no login");
    // Stopped, it answers nothing; Envoy goes on.
    run.signal("STOP")?;
    let refused = run.send(&pull("ben", "pw"));
    run.signal("CONT")?;
    ensure!(refused?.status == 503, "not refused");
    let lists = Command::new(registry_auth_harness::module::shim()?)
        .args(["keys", "list", "--store", "missing"])
        .output()?;
    ensure!(!lists.status.success(), "a store was made up");
    Ok(())
}
