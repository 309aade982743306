//! Pushed keys in the module: what the intake accepts, and how a filter uses the values in shared
//! data.

mod fields;
mod forged;
mod secrets;
mod unknown;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use registry_auth_engine::time::UnixTime;
use registry_auth_harness::client::{Body, Request, Response};
use registry_auth_harness::key;
use registry_auth_harness::mint::Recipe;
use registry_auth_harness::push;
use registry_auth_harness::real::INTAKE;
use registry_auth_harness::substrate::PUSH_KEY;
use registry_auth_vm::{Compiled, Progress, Setup, Vm};
use serde_json::{Value, json};

use crate::Outcome;

const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
const SET: &str = "oidc:https://kubernetes.default.svc.cluster.local";
/// The key of the envelope in shared data.
const STORED: &[u8] = b"registry-auth/keys/2/oidc:https://kubernetes.default.svc.cluster.local";
const OTHER_KEY: &str = "another-push-key-another-push-key";
/// Longer than a filter waits for a push.
const PATIENCE: i64 = 11_000;
/// A filter asks for a newer set at most once in this time.
const LIMIT: i64 = 5_000;

/// An intake and a filter that share data, as in one proxy.
struct Proxy {
    setup: Setup,
    filter: Vm,
    intake: Vm,
}

impl Proxy {
    fn start() -> Result<Self> {
        Self::with_intake(INTAKE, false)
    }

    /// An intake with another configuration, on a host that holds bodies with heads or does not.
    fn with_intake(intake: &str, holds_bodies: bool) -> Result<Self> {
        let document = json!({
            "http": {"auth": {"bearer": {"oidc": [
                {"issuer": ISSUER, "audiences": ["registry"], "keySource": "push", "tokenFile": "/token"},
            ]}}},
            "proxy": {"pushKey": {"env": "REGISTRY_AUTH_PUSH_KEY"}},
        });
        let setup = Setup::of_scenarios(document.to_string().as_bytes());
        let intake = Setup {
            shared: setup.shared.clone(),
            holds_bodies,
            ..Setup::of_scenarios(intake.as_bytes())
        };
        let module = Compiled::built()?;
        Ok(Self {
            filter: Vm::start(module, setup.clone())?,
            intake: Vm::start(module, intake)?,
            setup,
        })
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

    /// Pushes a payload as it is.
    fn push(&mut self, payload: &Value) -> Result<u16> {
        self.put(&push::put(
            SET,
            payload,
            &push::seal(payload, PUSH_KEY),
            self.intake.now(),
        ))
    }

    fn put(&mut self, request: &Request) -> Result<u16> {
        let answer = self.ask(request)?;
        ensure!(
            !String::from_utf8_lossy(&answer.body).contains("kty"),
            "{answer:?}"
        );
        if answer.header("content-type").as_deref() == Some("application/jose") {
            let response = push::answer(SET, &answer)?;
            ensure!(
                (answer.status == 200) == response.get("error").is_none(),
                "{response}"
            );
        } else {
            let response: Value = serde_json::from_slice(&answer.body)?;
            ensure!(
                answer.status != 200 && response.get("error").is_some(),
                "{answer:?}"
            );
        }
        Ok(answer.status)
    }

    /// What the intake says that it holds, and whether more is wanted.
    fn held(&mut self) -> Result<(u64, bool)> {
        self.held_of(SET)
    }

    fn held_of(&mut self, set: &str) -> Result<(u64, bool)> {
        let answer = self.ask(&push::get(set, self.intake.now()))?;
        let response = push::answer(set, &answer)?;
        ensure!(answer.status == 200, "{response}");
        let generation = response
            .get("gen")
            .and_then(Value::as_u64)
            .context("no generation")?;
        Ok((
            generation,
            response
                .get("wanted")
                .and_then(Value::as_bool)
                .context("no wanted")?,
        ))
    }
}

/// A request with a token of this key arrives, once the filter has looked.
fn open(filter: &mut Vm, key: &str) -> Result<u32> {
    filter.tick()?;
    let claims = json!({"iss": ISSUER, "sub": "ci", "aud": "registry", "exp": "+8h", "iat": "-8h"});
    let recipe: Recipe = serde_json::from_value(json!({"key": key, "claims": claims}))?;
    let bearer = format!("Bearer {}", recipe.mint(filter.now())?);
    filter.open(&Request::new("GET", "/v2/app/tags/list").header("authorization", &bearer))
}

/// The status that a token with this key gets; 200 when it is let through.
fn status(filter: &mut Vm, key: &str) -> Result<u16> {
    let id = open(filter, key)?;
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
    Ok(with(
        &push::payload(SET, &key::jwks(&[key])?, now),
        "gen",
        json!(now.millis() + offset),
    ))
}

fn with(payload: &Value, name: &str, value: Value) -> Value {
    let mut payload = payload.clone();
    if let Value::Object(members) = &mut payload {
        members.insert(name.to_owned(), value);
    }
    payload
}

#[test]
fn a_set_counts_until_its_end_and_not_longer_in_the_module() -> Outcome {
    let mut proxy = Proxy::start()?;
    let now = proxy.intake.now();
    let short = with(&payload(now, "es256", 0)?, "exp", json!(now.secs() + 60));
    assert_eq!(proxy.push(&short)?, 200);
    assert_eq!(status(&mut proxy.filter, "es256")?, 200);
    for vm in [&mut proxy.filter, &mut proxy.intake] {
        vm.advance(61_000);
    }
    assert_eq!(status(&mut proxy.filter, "es256")?, 503);
    assert_eq!(proxy.held()?.0, 0, "an expired set is treated as absent");
    // The next success of the shim brings the keys back.
    let next = payload(proxy.intake.now(), "es256", 0)?;
    assert_eq!(proxy.push(&next)?, 200);
    assert_eq!(status(&mut proxy.filter, "es256")?, 200);
    Ok(())
}

#[test]
fn a_stranger_learns_nothing_from_the_intake_in_the_module() -> Outcome {
    let mut proxy = Proxy::start()?;
    let now = proxy.intake.now();
    assert_eq!(proxy.push(&payload(now, "es256", 0)?)?, 200);
    let says = json!({"v": 2, "set": SET, "nonce": "AAAAAAAAAAAAAAAAAAAAAA", "at": now.secs()});
    let get =
        |name: &str, value: Value| push::proven("GET", SET, &with(&says, name, value), PUSH_KEY);
    let rows = [
        ("no credential", Request::new("GET", &push::path(SET))),
        (
            "another push key",
            push::proven("GET", SET, &says, OTHER_KEY),
        ),
        (
            "another set",
            push::proven(
                "GET",
                SET,
                &with(&says, "set", json!("secret:us-east-1/keys")),
                PUSH_KEY,
            ),
        ),
        (
            "what was asked an hour ago",
            get("at", json!(now.secs() - 3600)),
        ),
        ("a push", get("gen", json!(1))),
        ("another version", get("v", json!(1))),
    ];
    for (name, request) in rows {
        let answer = proxy.ask(&request)?;
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 401, "{name}");
        let generation = now.millis().to_string();
        assert!(
            push::answer(SET, &answer).is_err() && !said.contains(&generation),
            "{name}: {said}"
        );
    }
    let lines = proxy
        .intake
        .log()
        .iter()
        .filter(|line| line.contains("requests to the intake are refused"))
        .count();
    assert_eq!(lines, 1, "{:?}", proxy.intake.log());
    assert_eq!(
        proxy
            .ask(&get("nonce", json!("AAAAAAAAAAAAAAAAAAAAAA")))?
            .status,
        200
    );
    assert_eq!(
        proxy.ask(&Request::new("GET", &push::path(SET)))?.status,
        401
    );
    let lines = proxy
        .intake
        .log()
        .iter()
        .filter(|line| line.contains("requests to the intake are refused"))
        .count();
    assert_eq!(lines, 2, "a request that was heard lies between");
    Ok(())
}

#[test]
fn a_set_that_has_ended_is_followed_by_one_of_a_smaller_generation_in_the_module() -> Outcome {
    const AHEAD: i64 = 240_000;
    let mut proxy = Proxy::start()?;
    let now = proxy.intake.now();
    // By a clock that is ahead, for a minute.
    let short = with(
        &payload(now, "es256", AHEAD)?,
        "exp",
        json!(now.secs() + 60),
    );
    assert_eq!(proxy.push(&short)?, 200);
    assert_eq!(status(&mut proxy.filter, "es256")?, 200);
    for vm in [&mut proxy.filter, &mut proxy.intake] {
        vm.advance(61_000);
    }
    let next = payload(proxy.intake.now(), "eddsa", 0)?;
    assert!(next["gen"].as_i64() < short["gen"].as_i64());
    assert_eq!(status(&mut proxy.filter, "es256")?, 503);
    assert_eq!(proxy.push(&next)?, 200);
    assert_eq!(status(&mut proxy.filter, "eddsa")?, 200);
    Ok(())
}

#[test]
fn a_set_is_used_for_max_stale_at_most_whatever_it_says_in_the_module() -> Outcome {
    let mut proxy = Proxy::start()?;
    let now = proxy.intake.now();
    let long = with(
        &payload(now, "es256", 0)?,
        "exp",
        json!(now.secs() + 20 * 86_400),
    );
    assert_eq!(proxy.push(&long)?, 200);
    assert_eq!(status(&mut proxy.filter, "es256")?, 200);
    proxy.filter.advance(3_599_000);
    assert_eq!(status(&mut proxy.filter, "es256")?, 200);
    proxy.filter.advance(2_000);
    assert_eq!(status(&mut proxy.filter, "es256")?, 503);
    Ok(())
}
