//! With a clock that cannot be right, every token is refused: some hosts return the lower 32 bits
//! of the time, which is in 1970.

use anyhow::{Context as _, Result};
use registry_auth_engine::time::UnixTime;
use registry_auth_harness::client::Request;
use registry_auth_harness::mint::Recipe;
use registry_auth_harness::substrate::now;
use registry_auth_harness::{key, push};
use registry_auth_vm::host::{Clock, Fault, Status};
use registry_auth_vm::{Compiled, Progress, Setup, Vm};
use serde_json::{Value, json};

use crate::Outcome;

/// The epoch, the latest that a host says which cuts the nanoseconds off at 32 bits, a time at
/// which the token was good, and the end of 2025.
const BEFORE: [UnixTime; 4] = [
    UnixTime::from_millis(0),
    UnixTime::from_millis(4_294),
    UnixTime::from_secs(EXPIRED - 60),
    UnixTime::from_secs(1_767_225_599),
];
/// In 2021.
const EXPIRED: i64 = 1_640_000_000;

fn configuration() -> Result<Value> {
    Ok(json!({
        "http": {
            "auth": { "bearer": { "oidc": [
                { "issuer": "https://issuer.test", "audiences": ["registry"], "jwks": key::jwks(&["es256"])? },
                { "issuer": "https://asked.test", "audiences": ["registry"], "cluster": "issuers" },
            ] } },
            "accessControl": { "repositories": {
                "open/**": { "anonymousPolicy": ["read"] },
                "**": { "defaultPolicy": ["read", "create"] },
            } },
        },
        "proxy": { "publicPaths": ["/healthz"], "upstreamCluster": "upstream", "pushKey": { "env": "REGISTRY_AUTH_PUSH_KEY" } },
    }))
}

fn start(time: UnixTime) -> Result<Vm> {
    start_with(Compiled::built()?, time, None)
}

fn start_with(module: &Compiled, time: UnixTime, fault: Option<Fault>) -> Result<Vm> {
    let configuration = configuration()?.to_string();
    Vm::start(
        module,
        Setup {
            clock: Clock::At(time),
            fault,
            ..Setup::of_scenarios(configuration.as_bytes())
        },
    )
}

fn credential(issuer: &str, since: i64, until: i64) -> Result<String> {
    let claims =
        json!({ "iss": issuer, "sub": "ci", "aud": "registry", "iat": since, "exp": until });
    let recipe: Recipe = serde_json::from_value(json!({ "key": "es256", "claims": claims }))?;
    Ok(format!("Bearer {}", recipe.mint(now())?))
}

fn requests() -> Result<Vec<Request>> {
    let tags = || Request::new("GET", "/v2/team/app/tags/list");
    let valid = || credential("https://issuer.test", now().secs() - 60, now().secs() + 600);
    Ok(vec![
        tags().header(
            "authorization",
            &credential("https://issuer.test", EXPIRED - 600, EXPIRED)?,
        ),
        tags().header("authorization", &valid()?),
        tags().header(
            "authorization",
            &credential("https://asked.test", EXPIRED - 600, EXPIRED)?,
        ),
        tags(),
        Request::new("GET", "/v2/open/app/tags/list"),
        Request::new("PUT", "/v2/team/app/manifests/v1").header("authorization", &valid()?),
        Request::new("GET", "/v2/"),
        Request::new("GET", "/healthz"),
    ])
}

fn status(vm: &mut Vm, request: &Request) -> Result<Option<u16>> {
    let id = vm.open(request)?;
    let progress = vm.progress(id)?;
    vm.close(id)?;
    Ok(match progress {
        Progress::Answered(answer) => Some(answer.status),
        Progress::Forwarded(_) => None,
        Progress::Waiting => Some(0),
    })
}

#[test]
fn nothing_is_let_in_by_a_clock_before_the_module_was_built_in_wasm() -> Outcome {
    let requests = requests()?;
    for time in BEFORE {
        let mut vm = start(time)?;
        for request in &requests {
            assert_eq!(
                status(&mut vm, request)?,
                Some(503),
                "{time:?} {} {}",
                request.method,
                String::from_utf8_lossy(&request.target)
            );
            vm.tick()?;
        }
        assert_eq!(vm.callouts(), [], "{time:?}");
        let lines: Vec<_> = vm
            .log()
            .iter()
            .filter(|line| line.contains("clock"))
            .collect();
        assert_eq!(lines.len(), 1, "{:?}", vm.log());
        assert!(
            !vm.log().iter().any(|line| line.contains("failed in")),
            "{:?}",
            vm.log()
        );
    }
    Ok(())
}

#[test]
fn a_clock_that_is_lost_in_wasm_ends_what_was_cached_and_what_waits_and_serves_when_it_is_right_again()
-> Outcome {
    let mut vm = start(now())?;
    let requests = requests()?;
    let [ended, valid, ..] = &requests[..] else {
        panic!("fewer requests")
    };
    assert_eq!(status(&mut vm, valid)?, None);
    let other = credential("https://asked.test", now().secs() - 60, now().secs() + 600)?;
    let waiter =
        vm.open(&Request::new("GET", "/v2/team/app/tags/list").header("authorization", &other))?;
    assert_eq!(vm.progress(waiter)?, Progress::Waiting);
    let lost = vm.now().millis();
    vm.advance(-lost);
    assert_eq!(status(&mut vm, valid)?, Some(503));
    // One tick refuses what waits, the next sends it.
    vm.tick()?;
    vm.tick()?;
    let Progress::Answered(answer) = vm.progress(waiter)? else {
        panic!("still held")
    };
    assert_eq!(answer.status, 503);
    vm.advance(lost);
    assert_eq!(status(&mut vm, valid)?, None);
    assert_eq!(status(&mut vm, ended)?, Some(401), "a token of 2021");
    let said: Vec<_> = vm
        .log()
        .iter()
        .filter(|line| line.contains("clock"))
        .collect();
    assert_eq!(said.len(), 2, "{said:?}");
    Ok(())
}

#[test]
fn a_clock_that_ran_ahead_in_wasm_ends_tokens_and_no_more() -> Outcome {
    const YEAR: i64 = 365 * 86_400_000;
    let mut vm = start(now())?;
    let request = &requests()?[1];
    assert_eq!(status(&mut vm, request)?, None);
    vm.advance(YEAR);
    assert_eq!(status(&mut vm, request)?, Some(401));
    vm.tick()?;
    vm.advance(-YEAR);
    vm.tick()?;
    assert_eq!(status(&mut vm, request)?, None);
    Ok(())
}

#[test]
fn an_intake_in_wasm_takes_no_keys_by_such_a_clock() -> Outcome {
    let intake =
        json!({ "intake": { "pushKey": { "env": "REGISTRY_AUTH_PUSH_KEY" } } }).to_string();
    for time in BEFORE {
        let setup = Setup {
            clock: Clock::At(time),
            ..Setup::of_scenarios(intake.as_bytes())
        };
        let mut vm = Vm::start(Compiled::built()?, setup)?;
        let request = push::request("bearer", &key::jwks(&["es256"])?, time);
        assert_eq!(
            status(&mut vm, &request).context("a push")?,
            Some(503),
            "{time:?}"
        );
    }
    Ok(())
}

/// Some hosts have no clock of the ABI, and that of WASI.
#[test]
fn a_host_without_a_clock_of_the_abi_in_wasm_is_asked_by_wasi_and_no_other_is() -> Outcome {
    const ABI: &str = "proxy_get_current_time_nanoseconds";
    const WASI: &str = "clock_time_get";
    let (small, full) = (Compiled::built()?, Compiled::full()?);
    let without = Some(Fault::always(ABI, Status::Unimplemented));
    let failing = Some(Fault::always(ABI, Status::InternalFailure));
    let none = Some(Fault::always(WASI, Status::InternalFailure));
    // (the module, what is wrong, what a valid token gets, whether WASI is asked)
    let rows = [
        ("small", small, None, None, false),
        ("small, no clock", small, without, None, true),
        (
            "small, a clock that fails",
            small,
            failing,
            Some(503),
            false,
        ),
        ("full", full, None, None, true),
        ("full, no clock of WASI", full, none, Some(503), true),
    ];
    let [ended, valid, ..] = &requests()?[..] else {
        panic!("fewer requests")
    };
    for (name, module, fault, expected, asks) in rows {
        let mut vm = start_with(module, now(), fault)?;
        assert_eq!(status(&mut vm, valid)?, expected, "{name}");
        assert_eq!(vm.host_calls().contains_key(WASI), asks, "{name}");
        assert_eq!(status(&mut vm, ended)?, expected.or(Some(401)), "{name}");
    }
    for (module, fault) in [(small, without), (full, None)] {
        for time in BEFORE {
            let mut vm = start_with(module, time, fault)?;
            for request in requests()? {
                assert_eq!(status(&mut vm, &request)?, Some(503), "{time:?}");
            }
        }
    }
    Ok(())
}
