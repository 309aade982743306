//! `req.client` where the proxy does not say who the client is, and behind another proxy.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use registry_auth_tests::client::{self, Request};
use registry_auth_tests::envoy::{self, Bootstrap, Envoy, Listener};
use registry_auth_tests::key;
use registry_auth_tests::mint::Recipe;
use registry_auth_tests::module::{self, Compiled};
use registry_auth_tests::substrate::now;
use registry_auth_tests::upstream::Upstream;
use registry_auth_tests::vm::{Progress, Setup, Vm};
use serde_json::{Map, Value, json};

use crate::Outcome;

const PATIENCE: Duration = Duration::from_secs(20);
const WARNING: &str = "a request came without x-forwarded-for";
/// Only clients at 127.0.0.1, only those at 10.0.0.5, all but those at 10.0.0.5, everybody.
const HERE: &str = "/v2/here/app/tags/list";
const THERE: &str = "/v2/there/app/tags/list";
const NOT_THERE: &str = "/v2/not-there/app/tags/list";
const ANYWHERE: &str = "/v2/anywhere/app/tags/list";

fn plugin() -> Result<Value> {
    let entry =
        |conditions: Value| json!({"policies": [{"users": ["reader"], "actions": ["read"], "conditions": conditions}]});
    let condition = |expression: &str| entry(json!([{"expression": expression, "message": "from elsewhere"}]));
    let oidc = json!([{
        "issuer": "http://issuer.test", "audiences": ["registry"], "jwks": key::jwks(&["es256"])?,
        "claimMapping": {"username": "claims.sub"},
    }]);
    Ok(json!({
        "http": {
            "auth": {"bearer": {"oidc": oidc}},
            "accessControl": {"repositories": {
                "here/**": condition("req.client.ip == '127.0.0.1'"),
                "there/**": condition("req.client.ip == '10.0.0.5'"),
                "not-there/**": condition("req.client.ip != '10.0.0.5'"),
                "anywhere/**": entry(json!([])),
            }},
        },
        "proxy": {"clientAddress": "proxy"},
    }))
}

/// A request of the reader, with a forwarded address if there is one.
fn request(path: &str, forwarded_for: Option<&str>) -> Result<Request> {
    let claims = json!({"iss": "http://issuer.test", "sub": "reader", "aud": "registry", "iat": "-1s", "exp": "+1h"});
    let claims: Map<String, Value> = serde_json::from_value(claims)?;
    let token = Recipe::plain("es256", claims).mint(now())?;
    let request = Request::new("GET", path).header("authorization", &format!("Bearer {token}"));
    Ok(match forwarded_for {
        Some(addresses) => request.header("x-forwarded-for", addresses),
        None => request,
    })
}

/// No header says who the client is, so neither "from here" nor "not from there" can be told.
#[test]
fn a_client_that_the_proxy_does_not_tell_is_refused_and_said_once_wasm() -> Outcome {
    let setup = |forwards: bool| -> Result<Setup> {
        Ok(Setup { forwards, ..Setup::of_scenarios(plugin()?.to_string().as_bytes()) })
    };
    let mut untold = Vm::start(Compiled::built()?, setup(false)?)?;
    for (path, passes) in [(HERE, false), (NOT_THERE, false), (THERE, false), (ANYWHERE, true), (HERE, false)] {
        passes_or_not(&mut untold, path, passes)?;
    }
    let warnings = |vm: &Vm| vm.log().iter().filter(|line| line.contains(WARNING)).count();
    check(warnings(&untold) == 1, &format!("{:?}", untold.log()))?;
    let mut told = Vm::start(Compiled::built()?, setup(true)?)?;
    for (path, passes) in [(HERE, true), (NOT_THERE, true), (THERE, false), (ANYWHERE, true)] {
        passes_or_not(&mut told, path, passes)?;
    }
    check(warnings(&told) == 0, &format!("{:?}", told.log()))?;
    Ok(())
}

fn passes_or_not(vm: &mut Vm, path: &str, expected: bool) -> Result<()> {
    let id = vm.open(&request(path, None)?)?;
    let progress = vm.progress(id)?;
    vm.close(id)?;
    let passed = match &progress {
        Progress::Forwarded(_) => true,
        Progress::Answered(answer) => {
            ensure!(answer.status == 403, "{path}: {}", answer.status);
            false
        }
        Progress::Waiting => anyhow::bail!("{path} waits"),
    };
    check(passed == expected, &format!("{path}: {progress:?}"))
}

fn check(holds: bool, message: &str) -> Result<()> {
    ensure!(holds, "{message}");
    Ok(())
}

/// An Envoy whose connection manager has these settings beside those of all.
fn start(settings: &Value, upstream: &Upstream) -> Result<Envoy> {
    const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let bootstrap = Bootstrap {
        module: module::path()?,
        listeners: vec![Listener {
            name: "main".to_owned(),
            configuration: plugin()?.to_string(),
            vm_id: "client-address".to_owned(),
            holds_bodies: false,
            secured: false,
            port: 0,
            cluster: Some("upstream".to_owned()),
            discovery: None,
        }],
        clusters: vec![("upstream".to_owned(), upstream.address())],
        environment: Vec::new(),
    };
    let mut json = bootstrap.to_json()?;
    let manager = json.pointer_mut(MANAGER).and_then(Value::as_object_mut).context("there is no connection manager")?;
    manager.extend(settings.as_object().context("not an object")?.clone());
    Envoy::launch(&json, 1, &bootstrap.environment)
}

fn status(address: SocketAddr, path: &str, forwarded_for: Option<&str>) -> Result<u16> {
    Ok(client::send(address, &request(path, forwarded_for)?, PATIENCE)?.status)
}

/// The client's address is the proxy's word: its own connection, or what the trusted proxy before it has added. What a client
/// writes decides nothing, wherever it stands.
#[test]
fn the_address_is_what_the_proxy_says_envoy() -> Outcome {
    if envoy::may_be_skipped() {
        return Ok(());
    }
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
        // Against the operator's word: nobody says who the client is.
        (&not_told, HERE, None, 403),
        (&not_told, NOT_THERE, None, 403),
        (&not_told, ANYWHERE, None, 200),
    ];
    for settings in [&direct, &behind_one, &not_told] {
        let envoy = start(settings, &upstream)?;
        for (_, path, forwarded_for, expected) in rows.iter().filter(|(of, ..)| *of == settings) {
            let got = status(envoy.listener("main")?, path, *forwarded_for)?;
            check(got == *expected, &format!("{settings} {path} {forwarded_for:?}: {got}\n{}", envoy.log_tail()))?;
        }
        let warnings = envoy.log().lines().filter(|line| line.contains(WARNING)).count();
        check(warnings == usize::from(settings == &not_told), &format!("{settings}: {warnings} warnings"))?;
    }
    Ok(())
}
