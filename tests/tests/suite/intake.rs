//! Pushed keys in the module: what the intake takes, and what a filter makes of what stands in shared data.

use anyhow::{Result, ensure};
use registry_auth::time::UnixTime;
use registry_auth_tests::client::{Request, Response};
use registry_auth_tests::key;
use registry_auth_tests::mint::Recipe;
use registry_auth_tests::module::Compiled;
use registry_auth_tests::push;
use registry_auth_tests::real::INTAKE;
use registry_auth_tests::substrate::PUSH_KEY;
use registry_auth_tests::vm::{Progress, Setup, Vm};
use serde_json::{Value, json};

use crate::Outcome;

const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
/// The set of the issuer, as it stands in a path.
const PATH: &str = "/v1/keys/oidc%3Ahttps%3A%2F%2Fkubernetes.default.svc.cluster.local";
const SET: &str = "oidc:https://kubernetes.default.svc.cluster.local";
/// Where the envelope of the set stands in shared data.
const STORED: &[u8] = b"registry-auth/keys/oidc:https://kubernetes.default.svc.cluster.local";
const OTHER_KEY: &str = "another-push-key-another-push-key";
/// Longer than a filter waits for a push.
const PATIENCE: i64 = 6_000;

/// What the intake says.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    set: String,
    generation: u64,
    wanted: bool,
}

/// An intake and a filter that share data, as in one proxy.
struct Proxy {
    setup: Setup,
    filter: Vm,
    intake: Vm,
}

impl Proxy {
    fn start() -> Result<Self> {
        let document = json!({
            "http": {"auth": {"bearer": {"oidc": [
                {"issuer": ISSUER, "audiences": ["registry"], "keySource": "push", "tokenFile": "/token"},
            ]}}},
            "proxy": {"pushKey": {"env": "REGISTRY_AUTH_PUSH_KEY"}},
        });
        let setup = Setup::of_scenarios(document.to_string().as_bytes());
        let intake = Setup { shared: setup.shared.clone(), ..Setup::of_scenarios(INTAKE.as_bytes()) };
        let module = Compiled::built()?;
        Ok(Self { filter: Vm::start(module, setup.clone())?, intake: Vm::start(module, intake)?, setup })
    }

    /// Another worker, or the same one after a reload.
    fn another_filter(&self) -> Result<Vm> {
        Vm::start(Compiled::built()?, self.setup.clone())
    }

    fn ask(&mut self, request: &Request) -> Result<Response> {
        let id = self.intake.open(request)?;
        match self.intake.progress(id)? {
            Progress::Answered(answer) => Ok(answer),
            other => anyhow::bail!("the intake does not answer: {other:?}"),
        }
    }

    fn put(&mut self, path: &str, envelope: String) -> Result<u16> {
        let request = Request::new("PUT", path).header("content-type", "application/jose");
        let answer = self.ask(&request.body(envelope.into_bytes()))?;
        let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        ensure!((answer.status == 204) == told.get("error").is_none(), "{answer:?}");
        ensure!(!String::from_utf8_lossy(&answer.body).contains("kty"), "{answer:?}");
        Ok(answer.status)
    }

    /// What the intake says that it holds, and whether more is wanted.
    fn held(&mut self) -> Result<(u64, bool)> {
        let answer = self.ask(&Request::new("GET", PATH))?;
        let told: Held = serde_json::from_slice(&answer.body)?;
        ensure!(answer.status == 200 && told.set == SET, "{answer:?}");
        Ok((told.generation, told.wanted))
    }
}

/// The status that a token with this key gets, once the filter has looked; 200 when it is let through.
fn status(filter: &mut Vm, key: &str) -> Result<u16> {
    filter.tick()?;
    let claims = json!({"iss": ISSUER, "sub": "ci", "aud": "registry", "exp": "+8h", "iat": "-8h"});
    let recipe: Recipe = serde_json::from_value(json!({"key": key, "claims": claims}))?;
    let bearer = format!("Bearer {}", recipe.mint(filter.now())?);
    let id = filter.open(&Request::new("GET", "/v2/app/tags/list").header("authorization", &bearer))?;
    filter.tick()?;
    if filter.progress(id)? == Progress::Waiting {
        filter.advance(PATIENCE);
        filter.tick()?;
    }
    Ok(match filter.progress(id)? {
        Progress::Answered(answer) => answer.status,
        Progress::Forwarded(_) => 200,
        Progress::Waiting => anyhow::bail!("still held after {PATIENCE} ms"),
    })
}

/// The payload of a set with one key, that is `offset` milliseconds newer than now.
fn payload(now: UnixTime, key: &str, offset: i64) -> Result<Value> {
    Ok(with(&push::payload(SET, &key::jwks(&[key])?, now), "gen", json!(now.millis() + offset)))
}

fn with(payload: &Value, name: &str, value: Value) -> Value {
    let mut payload = payload.clone();
    if let Value::Object(members) = &mut payload {
        members.insert(name.to_owned(), value);
    }
    payload
}

#[test]
fn what_is_forged_old_over_or_malformed_is_refused_and_the_old_set_stays_in_the_module() -> Outcome {
    let mut proxy = Proxy::start()?;
    let now = proxy.intake.now();
    let first = payload(now, "es256", 0)?;
    let generation = u64::try_from(now.millis()).unwrap_or_default();
    assert_eq!(proxy.held()?, (0, false));
    assert_eq!(status(&mut proxy.filter, "es256")?, 503, "nothing was pushed");
    assert_eq!(proxy.held()?, (0, true));
    assert_eq!(proxy.put(PATH, push::seal(&first, PUSH_KEY))?, 204);
    assert_eq!(proxy.held()?.0, generation);
    assert_eq!(status(&mut proxy.filter, "es256")?, 200);

    let newer = payload(now, "eddsa", 1)?;
    let sealed = |name: &str, value: Value| push::seal(&with(&newer, name, value), PUSH_KEY);
    let mint =
        push::seal(&json!({"v": 1, "set": "mint", "gen": 1, "exp": now.secs() + 60, "keys": newer["keys"]}), PUSH_KEY);
    let (good, other) = (push::seal(&newer, PUSH_KEY), push::seal(&first, PUSH_KEY));
    let (signed, _) = good.rsplit_once('.').unwrap_or_default();
    let (_, mac) = other.rsplit_once('.').unwrap_or_default();
    let rows = [
        ("another push key", PATH, push::seal(&newer, OTHER_KEY), 401),
        ("the MAC of another envelope", PATH, format!("{signed}.{mac}"), 401),
        ("no MAC", PATH, format!("{signed}."), 401),
        ("no envelope", PATH, "tops3cret".to_owned(), 400),
        ("nothing", PATH, String::new(), 400),
        ("another version", PATH, sealed("v", json!(2)), 400),
        ("another set than in the path", "/v1/keys/bearer", push::seal(&newer, PUSH_KEY), 400),
        ("another set than in the envelope", PATH, sealed("set", json!("bearer")), 400),
        ("a private set under another name", PATH, mint, 400),
        ("no keys", PATH, sealed("keys", json!({"keys": []})), 400),
        ("keys that are none", PATH, sealed("keys", json!({"keys": [{"kty": "oct", "k": "tops3cret"}]})), 400),
        ("the same generation", PATH, push::seal(&first, PUSH_KEY), 409),
        ("an older generation", PATH, sealed("gen", json!(1)), 409),
        ("its end is now", PATH, sealed("exp", json!(now.secs())), 410),
        ("too large", PATH, "a".repeat(1024 * 1024 + 1), 413),
        ("no name", "/v1/keys/", push::seal(&newer, PUSH_KEY), 404),
        ("a query", &format!("{PATH}?x"), push::seal(&newer, PUSH_KEY), 404),
        ("another path", "/v2/", push::seal(&newer, PUSH_KEY), 404),
    ];
    let mut refused = 0;
    for (name, path, envelope, expected) in rows {
        assert_eq!(proxy.put(path, envelope)?, expected, "{name}");
        assert_eq!(proxy.held()?.0, generation, "{name}");
        refused += u64::from(!matches!(expected, 404 | 413));
    }
    assert_eq!(proxy.ask(&Request::new("POST", PATH))?.status, 405);
    assert_eq!(proxy.intake.metric("registry_auth.intake.refused"), Some(refused));
    assert_eq!(proxy.intake.metric("registry_auth.intake.accepted"), Some(1));
    assert_eq!(status(&mut proxy.filter, "es256")?, 200);
    assert_eq!(status(&mut proxy.filter, "eddsa")?, 401);
    for vm in [&proxy.intake, &proxy.filter] {
        assert!(vm.log().iter().all(|line| !line.contains("tops3cret") && !line.contains(PUSH_KEY)), "{:?}", vm.log());
    }

    assert_eq!(proxy.put(PATH, push::seal(&newer, PUSH_KEY))?, 204);
    assert_eq!(status(&mut proxy.filter, "eddsa")?, 200);
    assert_eq!(status(&mut proxy.filter, "es256")?, 401, "the new set replaces the old one");
    Ok(())
}

#[test]
fn whatever_another_plugin_writes_over_a_set_is_not_used_and_the_set_comes_back_in_the_module() -> Outcome {
    let now = Proxy::start()?.intake.now();
    let old = push::seal(&payload(now, "stray-es256", -1_000)?, PUSH_KEY);
    let good = push::seal(&payload(now, "es256", 0)?, PUSH_KEY);
    let forged = push::seal(&payload(now, "stray-es256", 1_000)?, OTHER_KEY);
    let foreign = push::seal(&with(&payload(now, "stray-es256", 1_000)?, "set", json!("bearer")), PUSH_KEY);
    // (what is written, whether the MAC gives it away)
    let rows = [
        ("garbage", "tops3cret", true),
        ("nothing", "", false),
        ("a forged set", &forged, true),
        ("another set's envelope", &foreign, true),
        ("an earlier envelope of the set", &old, false),
    ];
    for (name, written, noticed) in rows {
        let mut proxy = Proxy::start()?;
        assert_eq!(proxy.put(PATH, good.clone())?, 204);
        assert_eq!(status(&mut proxy.filter, "es256")?, 200, "{name}");
        proxy.setup.shared.set(STORED, written.as_bytes().to_vec(), 0).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        // What is held stays, and what was written lets nobody in.
        assert_eq!(status(&mut proxy.filter, "es256")?, 200, "{name}");
        assert_eq!(status(&mut proxy.filter, "stray-es256")?, 401, "{name}");
        assert_eq!(proxy.filter.metric("registry_auth.keys.push_refused").is_some(), noticed, "{name}");
        // The intake says that it holds less, so the shim pushes again what it has.
        assert!(proxy.held()?.0 < u64::try_from(now.millis()).unwrap_or_default(), "{name}");
        assert_eq!(proxy.put(PATH, good.clone())?, 204, "{name}");
        assert_eq!(status(&mut proxy.another_filter()?, "es256")?, 200, "{name}");
        assert_eq!(status(&mut proxy.filter, "es256")?, 200, "{name}");
    }
    Ok(())
}

#[test]
fn a_set_counts_until_its_end_and_not_longer_in_the_module() -> Outcome {
    let mut proxy = Proxy::start()?;
    let now = proxy.intake.now();
    let short = with(&payload(now, "es256", 0)?, "exp", json!(now.secs() + 60));
    assert_eq!(proxy.put(PATH, push::seal(&short, PUSH_KEY))?, 204);
    assert_eq!(status(&mut proxy.filter, "es256")?, 200);
    for vm in [&mut proxy.filter, &mut proxy.intake] {
        vm.advance(61_000);
    }
    assert_eq!(status(&mut proxy.filter, "es256")?, 503);
    assert_eq!(proxy.held()?.0, 0, "a set that is over is as good as none");
    // The next success of the shim brings the keys back.
    let next = payload(proxy.intake.now(), "es256", 0)?;
    assert_eq!(proxy.put(PATH, push::seal(&next, PUSH_KEY))?, 204);
    assert_eq!(status(&mut proxy.filter, "es256")?, 200);
    Ok(())
}

#[test]
fn an_unknown_key_is_wanted_until_a_newer_set_comes_in_the_module() -> Outcome {
    const HOUR: i64 = 3_600_000;
    // Also of a shim whose clock is ahead.
    [-1, HOUR].into_iter().try_for_each(wanted_until_it_comes)
}

fn wanted_until_it_comes(ahead: i64) -> Outcome {
    let mut proxy = Proxy::start()?;
    let now = proxy.intake.now();
    assert_eq!(proxy.put(PATH, push::seal(&payload(now, "es256", ahead)?, PUSH_KEY))?, 204);
    assert_eq!(status(&mut proxy.filter, "es256")?, 200);
    assert!(!proxy.held()?.1);
    assert_eq!(status(&mut proxy.filter, "next-es256")?, 401);
    assert!(proxy.held()?.1, "the filter wants a set with the key");
    let next = payload(proxy.filter.now(), "next-es256", ahead + 1)?;
    assert_eq!(proxy.put(PATH, push::seal(&next, PUSH_KEY))?, 204);
    assert!(!proxy.held()?.1);
    assert_eq!(status(&mut proxy.filter, "next-es256")?, 200);
    Ok(())
}
