//! Real clients of people: each logs in with a password and with an API key, where the filter asks
//! for Basic and where it sends them to its token endpoint.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use registry_auth_harness::client::Request;
use registry_auth_harness::distribution;
use registry_auth_harness::program::free_address;
use serde_json::{Value, json};

use super::caller::{Caller, Place};
use super::daemons::{Daemons, Sockets};
use super::image;
use super::present;
use super::table::{Client, Credential, Operation};
use crate::Outcome;
use crate::run::fixture::{Run, Setup};

const API: &str = "/zot/auth/apikey";

/// `ann` with the password `pw`: bcrypt of cost 5.
const USERS: &str = include_str!("../../../../fixtures/people-users.htpasswd");
const USER: &str = "ann";
const PASSWORD: &str = "pw";

/// What each client does, in this order.
const OPERATIONS: [Operation; 3] = [Operation::Login, Operation::Push, Operation::Pull];

#[test]
fn every_client_logs_in_with_a_password_and_with_a_key() -> Outcome {
    let daemons = Daemons::start();
    let clients = present(&daemons)?;
    let sockets = daemons.as_ref().ok().map(Daemons::sockets);
    for has_endpoint in [false, true] {
        log_in(has_endpoint, &clients, sockets)
            .with_context(|| format!("token endpoint: {has_endpoint}"))?;
    }
    Ok(())
}

fn log_in(has_endpoint: bool, clients: &[&Client], sockets: Option<&Sockets>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("users"), USERS)?;
    let (_registry, upstream) = distribution::start(folder.path())?;
    let host = free_address()?;
    let document = document(folder.path(), host, has_endpoint);
    let store = folder.path().join("store").display().to_string();
    let mut run = Run::start(&Setup {
        document: &document,
        upstream,
        arguments: &["--store", &store],
        environment: &[],
    })?;
    run.is_ready()?;
    let place = Place {
        host,
        user: USER,
        layout: image::write_layout(folder.path().join("layout"))?,
        sockets: sockets.cloned(),
    };
    let (id, key) = make_key(&run)?;
    let by_password = clients
        .iter()
        .filter(|client| client.credential == Credential::Password);
    let mut callers = Vec::new();
    for client in by_password {
        for (what, secret) in [("password", PASSWORD), ("key", &key)] {
            let name = format!("{}-{what}", client.name);
            let folder = folder.path().join(&name);
            let caller = Caller::new(&place, client, folder, Some(secret.to_owned()))?;
            let mut deeds = OPERATIONS
                .map(|deed| (deed, format!("team/{name}")))
                .to_vec();
            // What containerd pushes is an image that crane has pushed.
            if client.name == "crane" {
                deeds.push((Operation::Push, "public/crane".to_owned()));
            }
            for (operation, repository) in deeds {
                let ended = caller.ask(operation, &repository)?;
                ensure!(
                    ended.as_ref().is_none_or(|ended| ended.success),
                    "{name}, {operation:?}: {}",
                    ended.map(|ended| ended.last_words()).unwrap_or_default()
                );
            }
            callers.push((name, what, caller));
        }
    }
    ensure!(!callers.is_empty(), "no client is here");

    let target = format!("{API}?id={id}");
    let deleted = run.send(&of_user(Request::new("DELETE", &target)))?;
    ensure!(deleted.status == 200, "{deleted:?}");
    // Workers learn it by a push, and tokens that the endpoint gave out end with the key.
    let with_key = Request::new("GET", "/v2/team/none/tags/list").header(
        "authorization",
        &format!("Basic {}", STANDARD.encode(format!("{USER}:{key}"))),
    );
    run.comes_to(401, &with_key)?;
    for (name, what, caller) in callers {
        let pulled = caller.ask(Operation::Pull, &format!("team/{name}"))?;
        let pulled = pulled.context("each client pulls")?;
        ensure!(
            pulled.success == (what == "password"),
            "{name}, after the key is deleted: {}",
            pulled.last_words()
        );
    }
    Ok(())
}

fn document(folder: &Path, host: SocketAddr, has_endpoint: bool) -> Value {
    let realm = format!("http://{host}/zot/auth/token");
    let bearer = has_endpoint.then(|| json!({ "realm": realm, "service": "registry" }));
    let htpasswd = json!({ "path": folder.join("users") });
    let auth = [
        ("htpasswd", Some(htpasswd)),
        ("apiKey", Some(true.into())),
        ("bearer", bearer),
    ];
    let auth = auth
        .into_iter()
        .filter_map(|(name, section)| Some((name.to_owned(), section?)));
    json!({ "http": {
        "address": host.ip().to_string(),
        "port": host.port().to_string(),
        "auth": auth.collect::<Value>(),
        "accessControl": { "repositories": {
            "team/**": { "policies": [{ "users": [USER], "actions": ["read", "create", "update"] }] },
            "public/**": {
                "anonymousPolicy": ["read"],
                "policies": [{ "users": [USER], "actions": ["create", "update"] }],
            },
        } },
    } })
}

fn of_user(request: Request) -> Request {
    let credential = STANDARD.encode(format!("{USER}:{PASSWORD}"));
    request.header("authorization", &format!("Basic {credential}"))
}

fn member(object: &Value, name: &str) -> Option<String> {
    object.get(name)?.as_str().map(str::to_owned)
}

/// Makes an API key; returns its id and its text.
fn make_key(run: &Run) -> Result<(String, String)> {
    let made = run.send(&of_user(Request::new("POST", API)).body(br#"{"label":"ci"}"#.to_vec()))?;
    ensure!(made.status == 201, "{made:?}");
    let made: Value = serde_json::from_slice(&made.body)?;
    let text = |name: &str| member(&made, name).context("no key");
    Ok((text("uuid")?, text("apiKey")?))
}
