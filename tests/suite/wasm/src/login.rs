//! Logins on the module in wasmtime: when the login service is asked, what is remembered, what ends
//! it, and that a password is nowhere afterwards.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use registry_auth_harness::client::{Request, Response};
use registry_auth_harness::login::{self, Ended};
use registry_auth_harness::push;
use registry_auth_harness::real::INTAKE;
use registry_auth_harness::shared::SharedData;
use registry_auth_vm::host::{CalloutAnswer, Clock};
use registry_auth_vm::{Compiled, Progress, Setup, Vm};
use serde_json::{Value, json};

use crate::Outcome;

const TAGS: &str = "/v2/priv/a/tags/list";
const SECRET: &str = "alicepw";

fn configuration(auth: &Value) -> Vec<u8> {
    let mut document = json!({
        "http": {
            "auth": { "login": { "cluster": "login", "methods": ["htpasswd"] } },
            "accessControl": { "repositories": { "priv/**": {
                "policies": [{ "users": ["alice"], "actions": ["read"] }],
            } } },
        },
        "proxy": { "pushKey": { "env": "REGISTRY_AUTH_PUSH_KEY" }, "clientAddress": "proxy" },
        "log": { "level": "trace" },
    });
    let members = auth.as_object().into_iter().flatten();
    if let Some(section) = document
        .pointer_mut("/http/auth")
        .and_then(Value::as_object_mut)
    {
        section.extend(members.map(|(name, value)| (name.clone(), value.clone())));
    }
    document.to_string().into_bytes()
}

/// A worker, its clock, which moves by ticks only, and the shared data of its proxy.
struct World {
    vm: Vm,
    shared: SharedData,
}

impl World {
    fn start(auth: &Value) -> Result<Self> {
        Self::begin(auth, true)
    }

    /// As `start`; `forwards` if the host adds the client's address to `x-forwarded-for`.
    fn begin(auth: &Value, forwards: bool) -> Result<Self> {
        let setup = Setup {
            forwards,
            ..Setup::of_scenarios(&configuration(auth))
        };
        let clock = Clock::At(setup.clock.now());
        let shared = setup.shared.clone();
        let vm = Vm::start(Compiled::built()?, Setup { clock, ..setup })?;
        let mut world = Self { vm, shared };
        world.push(&Ended::default())?;
        Ok(world)
    }

    /// Pushes the set of the login service.
    fn push(&mut self, ended: &Ended) -> Result<()> {
        self.vm.advance(1_000);
        let setup = Setup {
            shared: self.shared.clone(),
            clock: Clock::At(self.vm.now()),
            ..Setup::of_scenarios(INTAKE.as_bytes())
        };
        let mut intake = Vm::start(Compiled::built()?, setup)?;
        let id = intake.open(&push::request("login", &ended.set()?, intake.now()))?;
        match intake.progress(id)? {
            Progress::Answered(Response { status: 200, .. }) => self.vm.tick(),
            other => bail!("the intake did not take the set: {other:?}"),
        }
    }

    /// Sends a request and answers what the service is asked. Returns the status, 200 if it was
    /// forwarded, and how often it was asked.
    fn send(&mut self, request: &Request) -> Result<(u16, usize)> {
        let id = self.vm.open(request)?;
        let mut asked = 0;
        for _ in 0..8 {
            let status = match self.vm.progress(id)? {
                Progress::Answered(answer) => answer.status,
                Progress::Forwarded(_) => 200,
                Progress::Waiting => {
                    for callout in self.vm.callouts() {
                        asked += 1;
                        let answer = self.answer_of(
                            &callout.header("authorization").unwrap_or_default(),
                            &callout.body,
                        )?;
                        self.vm.answer(callout.token, answer)?;
                    }
                    continue;
                }
            };
            self.vm.close(id)?;
            return Ok((status, asked));
        }
        bail!("it still waits\n{}", self.vm.log().join("\n"))
    }

    fn answer_of(&self, authorization: &str, body: &[u8]) -> Result<CalloutAnswer> {
        let now = self.vm.now();
        let (question, _) = login::read("POST", "/v1/login", authorization, body, now)?;
        let login::Answer { status, body, .. } = login::answer(&question, now)?;
        Ok(answer(status, &body))
    }
}

fn answer(status: u16, body: &[u8]) -> CalloutAnswer {
    CalloutAnswer {
        headers: vec![(b":status".to_vec(), status.to_string().into_bytes())],
        body: body.to_vec(),
    }
}

fn basic(user: &str, secret: &str) -> Request {
    let pair = BASE64_STANDARD.encode(format!("{user}:{secret}"));
    Request::new("GET", TAGS).header("authorization", &format!("Basic {pair}"))
}

#[test]
fn the_login_service_is_asked_once_for_a_password_until_its_token_ends() -> Outcome {
    let mut world = World::start(&json!({}))?;
    // (seconds that pass before, status and questions of the good password, of a wrong one)
    let rows = [
        (0, (200, 1), (401, 1)),
        (0, (200, 0), (401, 0)),
        (4, (200, 0), (401, 0)),
        (2, (200, 0), (401, 1)),
        (300, (200, 1), (401, 1)),
        (0, (200, 0), (401, 0)),
    ];
    for (seconds, good, wrong) in rows {
        world.vm.advance(seconds * 1_000);
        assert_eq!(world.send(&basic("alice", SECRET))?, good, "{seconds} s");
        assert_eq!(world.send(&basic("alice", "x"))?, wrong, "{seconds} s");
        assert_eq!(world.send(&basic("bob", SECRET))?, wrong, "{seconds} s");
    }
    Ok(())
}

#[test]
fn a_login_that_was_ended_is_asked_for_again_and_others_are_not() -> Outcome {
    let mut world = World::start(&json!({}))?;
    assert_eq!(world.send(&basic("alice", SECRET))?, (200, 1));
    let ended = |ids: &[&str], issued_after| Ended {
        ended: ids.iter().map(|id| (*id).to_owned()).collect(),
        issued_after,
    };
    world.push(&ended(&["h.other"], None))?;
    assert_eq!(world.send(&basic("alice", SECRET))?, (200, 0), "of others");
    world.push(&ended(&["h.alice"], None))?;
    // The service of the tests gives out the same id again.
    assert_eq!(world.send(&basic("alice", SECRET))?, (401, 1), "its own");
    world.push(&ended(&[], None))?;
    assert_eq!(world.send(&basic("alice", SECRET))?, (200, 0), "none");
    world.vm.advance(2_000);
    let now = world.vm.now().secs();
    world.push(&ended(&[], Some(now)))?;
    assert_eq!(
        world.send(&basic("alice", SECRET))?,
        (200, 1),
        "all of before"
    );
    Ok(())
}

/// Whoever guesses on would learn the right password otherwise, by the answers of a worker that
/// remembers it.
#[test]
fn a_remembered_password_is_not_found_by_guessing_on() -> Outcome {
    // The host adds no address, so that the one of the request is the client's.
    let mut world = World::begin(&json!({}), false)?;
    assert_eq!(world.send(&basic("alice", SECRET))?, (200, 1));
    assert_eq!(world.send(&basic("alice", SECRET))?, (200, 0));
    let id = world.vm.open(&basic("Alice", "guess"))?;
    for callout in world.vm.callouts() {
        let mut limited = answer(429, br#"{"reason":"too_many_attempts"}"#);
        limited
            .headers
            .push((b"retry-after".to_vec(), b"50".to_vec()));
        world.vm.answer(callout.token, limited)?;
    }
    assert!(matches!(world.vm.progress(id)?, Progress::Answered(refused) if refused.status == 429));
    world.vm.close(id)?;
    // (seconds that pass before, status and questions, from the same address and from another)
    let rows = [
        (0, (429, 0), (200, 1)),
        (49, (429, 0), (200, 0)),
        (1, (200, 0), (200, 0)),
    ];
    for (seconds, same, other) in rows {
        world.vm.advance(seconds * 1_000);
        for secret in [SECRET, "x"] {
            if same.0 == 429 {
                let id = world.vm.open(&basic("alice", secret))?;
                let Progress::Answered(refused) = world.vm.progress(id)? else {
                    panic!("{seconds} s: {:?}", world.vm.progress(id)?)
                };
                assert_eq!(refused.status, 429, "{seconds} s");
                let wait = (50 - seconds).to_string();
                assert_eq!(refused.header("retry-after"), Some(wait));
                world.vm.close(id)?;
            }
        }
        assert_eq!(world.send(&basic("alice", SECRET))?, same, "{seconds} s");
        let elsewhere = basic("alice", SECRET).header("x-forwarded-for", "203.0.113.9");
        assert_eq!(world.send(&elsewhere)?, other, "{seconds} s");
    }
    Ok(())
}

#[test]
fn a_password_is_in_one_question_and_nowhere_else() -> Outcome {
    let mut world = World::start(&json!({}))?;
    let mut nonces = BTreeSet::new();
    for user in ["alice", "bob", "carol"] {
        let id = world.vm.open(&basic(user, SECRET))?;
        let callouts = world.vm.callouts();
        let [callout] = &callouts[..] else {
            panic!("{} questions", callouts.len())
        };
        let authorization = callout.header("authorization").context("no proof")?;
        assert!(!authorization.contains(SECRET));
        let now = world.vm.now();
        let (question, nonce) =
            login::read("POST", "/v1/login", &authorization, &callout.body, now)?;
        assert_eq!(
            (question.user.as_str(), question.secret.as_str()),
            (user, SECRET)
        );
        assert_eq!(question.client.as_deref(), Some("127.0.0.1"));
        assert!(nonces.insert(nonce), "a nonce was used twice");
        assert!(callout.timeout == 10_000, "{}", callout.timeout);
        let answer = world.answer_of(&authorization, &callout.body)?;
        world.vm.answer(callout.token, answer)?;
        world.vm.close(id)?;
    }
    let log = world.vm.log().join("\n");
    let encoded = BASE64_STANDARD.encode(format!("alice:{SECRET}"));
    for text in [SECRET, &encoded] {
        assert!(!log.contains(text), "{log}");
    }
    assert!(!format!("{:?}", world.shared).contains(SECRET));
    Ok(())
}

#[test]
fn without_an_answer_nobody_gets_in() -> Outcome {
    let good = br#"{"reason":"wrong_password"}"#;
    // What Envoy brings back for a service that is down, or silent; and what is no answer.
    let answers: [Option<(u16, &[u8])>; 5] = [
        Some((503, b"upstream connect error")),
        Some((504, b"upstream request timeout")),
        Some((200, b"{}")),
        Some((403, good)),
        None,
    ];
    for answered in answers {
        let mut world = World::start(&json!({}))?;
        let id = world.vm.open(&basic("alice", SECRET))?;
        if let Some((status, body)) = answered {
            for callout in world.vm.callouts() {
                world.vm.answer(callout.token, answer(status, body))?;
            }
        } else {
            // The host gives no answer at all: the request ends by its own limit.
            world.vm.tick()?;
            assert_eq!(world.vm.progress(id)?, Progress::Waiting);
            world.vm.advance(60_000);
            world.vm.tick()?;
        }
        let Progress::Answered(refused) = world.vm.progress(id)? else {
            panic!("{answered:?}: {:?}", world.vm.progress(id)?)
        };
        assert_eq!(refused.status, 503, "{answered:?}");
        assert_eq!(refused.header("retry-after").as_deref(), Some("5"));
        world.vm.tick()?;
        let refused = ["reason=.=login_unavailable;.;", "provider=.=login;.;"];
        assert_eq!(world.vm.sum(&refused), Some(1));
        // What comes too late changes nothing, and nothing of it is remembered.
        for callout in world.vm.callouts() {
            world.vm.answer(callout.token, answer(503, b""))?;
        }
        assert_eq!(
            world.send(&basic("alice", SECRET))?,
            (200, 1),
            "{answered:?}"
        );
    }
    Ok(())
}

#[test]
fn few_wait_for_the_login_service() -> Outcome {
    const MOST: usize = 256;
    let mut world = World::start(&json!({}))?;
    for number in 0..MOST {
        let id = world.vm.open(&basic(&format!("user{number}"), "x"))?;
        assert_eq!(world.vm.progress(id)?, Progress::Waiting, "{number}");
    }
    let id = world.vm.open(&basic("alice", SECRET))?;
    let Progress::Answered(refused) = world.vm.progress(id)? else {
        panic!("{:?}", world.vm.progress(id)?)
    };
    assert_eq!(refused.status, 503);
    assert_eq!(world.vm.callouts().len(), MOST);
    Ok(())
}

#[test]
fn a_wrong_password_is_delayed_and_a_missing_one_is_not() -> Outcome {
    let ui = Request::new("GET", TAGS).header("x-zot-api-client", "zot-ui");
    let two = basic("alice", SECRET).header("authorization", "Basic eDp5");
    // faildelay-01, 02, 03, 05, 06, 07.
    let rows = [
        (Request::new("GET", TAGS), 401, false),
        (Request::new("GET", "/v2/"), 401, false),
        (basic("alice", "x"), 401, true),
        (basic("nopol", "nopolpw"), 403, true),
        (two, 401, true),
        (ui, 401, false),
    ];
    for (request, expected, is_delayed) in rows {
        let mut world = World::start(&json!({ "failDelay": 2 }))?;
        let id = world.vm.open(&request)?;
        for callout in world.vm.callouts() {
            let authorization = callout.header("authorization").unwrap_or_default();
            let answer = world.answer_of(&authorization, &callout.body)?;
            world.vm.answer(callout.token, answer)?;
        }
        let waits = world.vm.progress(id)? == Progress::Waiting;
        assert_eq!(waits, is_delayed, "{request:?}");
        world.vm.advance(2_000);
        world.vm.tick()?;
        let Progress::Answered(refused) = world.vm.progress(id)? else {
            panic!("{request:?}: {:?}", world.vm.progress(id)?)
        };
        assert_eq!(refused.status, expected, "{request:?}");
    }
    Ok(())
}

/// What clients must not say of themselves costs a host call where it is said, and nothing else.
#[test]
fn a_head_costs_the_same_where_people_log_in() -> Outcome {
    let mut world = World::start(&json!({}))?;
    assert_eq!(world.send(&basic("alice", SECRET))?, (200, 1));
    let mut cost = |request: &Request| -> Result<Vec<(&'static str, u64)>> {
        let before = world.vm.host_calls().clone();
        assert_eq!(world.send(request)?, (200, 0));
        let since = |name: &str| before.get(name).copied().unwrap_or_default();
        let calls = world.vm.host_calls().iter();
        let calls = calls.map(|(name, count)| (*name, count - since(name)));
        Ok(calls.filter(|(_, count)| *count > 0).collect())
    };
    let plain = cost(&basic("alice", SECRET))?;
    let with_cookie = cost(&basic("alice", SECRET).header("accept", "session=x; user=alice"))?;
    assert_eq!(plain, with_cookie);
    let removed = |calls: &[(&str, u64)]| {
        let removed = calls
            .iter()
            .find(|(name, _)| name.contains("remove_header"));
        removed.map_or(0, |(_, count)| *count)
    };
    let said = cost(&basic("alice", SECRET).header("x-registry-auth-caller", "x"))?;
    assert_eq!(removed(&said), removed(&plain) + 1, "{said:?}");
    assert_eq!(
        said.iter().map(|(_, count)| count).sum::<u64>(),
        plain.iter().map(|(_, count)| count).sum::<u64>() + 1,
        "{said:?}"
    );
    Ok(())
}
