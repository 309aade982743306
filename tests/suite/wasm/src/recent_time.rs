//! Where the module takes the time of the last tick for a request, and where it reads the clock:
//! a token must not be good after its end because of it.

use anyhow::{Result, ensure};
use registry_auth_engine::time::UnixTime;
use registry_auth_harness::client::Request;
use registry_auth_harness::key;
use registry_auth_harness::mint::Recipe;
use registry_auth_vm::host::{CalloutAnswer, Clock};
use registry_auth_vm::{Compiled, Progress, Setup, Vm};
use serde_json::{Value, json};

use crate::Outcome;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const HOUR: i64 = 3_600_000;
/// How many requests may be decided with one reading of the clock.
const USES: u64 = 32;

fn configuration() -> Result<Value> {
    Ok(json!({
        "http": {
            "auth": { "bearer": { "oidc": [
                { "issuer": "https://issuer.test", "audiences": ["registry"], "jwks": key::jwks(&["es256"])? },
                { "issuer": "http://asked.test", "audiences": ["registry"], "cluster": "issuers" },
            ] } },
            "accessControl": { "repositories": { "team/**": { "defaultPolicy": ["read"] } } },
        },
    }))
}

fn setup(configuration: &Value) -> Setup {
    Setup {
        clock: Clock::At(NOW),
        ..Setup::of_scenarios(configuration.to_string().as_bytes())
    }
}

/// A pull with a token that ends this many milliseconds from [`NOW`].
fn pull(issuer: &str, millis: i64) -> Result<Request> {
    let end = NOW.secs() + millis / 1000;
    let claims = json!({ "iss": issuer, "sub": "ci", "aud": "registry", "iat": 1, "exp": end });
    let recipe: Recipe = serde_json::from_value(json!({ "key": "es256", "claims": claims }))?;
    let bearer = format!("Bearer {}", recipe.mint(NOW)?);
    Ok(Request::new("GET", "/v2/team/app/tags/list").header("authorization", &bearer))
}

/// Sends a request; the status of the refusal, 200 if there is none.
fn send(vm: &mut Vm, request: &Request) -> Result<u16> {
    let id = vm.open(request)?;
    let progress = vm.progress(id)?;
    vm.close(id)?;
    Ok(match progress {
        Progress::Answered(answer) => answer.status,
        Progress::Forwarded(_) => 200,
        Progress::Waiting => 0,
    })
}

/// Sends a request several times, with the same end, and returns how often the clock was read.
fn readings(vm: &mut Vm, request: &Request, times: u64, expected: u16) -> Result<u64> {
    let count = |vm: &Vm| {
        let calls = vm.host_calls();
        calls
            .get("proxy_get_current_time_nanoseconds")
            .copied()
            .unwrap_or_default()
    };
    let before = count(vm);
    for number in 1..=times {
        let status = send(vm, request)?;
        ensure!(status == expected, "request {number} of {times}: {status}");
    }
    Ok(count(vm) - before)
}

#[test]
fn one_reading_of_the_clock_in_wasm_is_for_some_requests_of_envoy_and_for_no_others() -> Outcome {
    let decisions = json!({ "decisions": { "allow": 0 } });
    let next = json!({ "accessControl": { "repositories": {} } });
    let envoy = Setup::of_scenarios(b"").envoy;
    // (what the configuration has in addition, the version of Envoy, readings for 99 requests)
    let rows = [
        (json!({}), envoy, 3),
        (json!({ "log": { "level": "info" } }), envoy, 3),
        (json!({ "log": { "level": "debug" } }), envoy, 99),
        (json!({ "log": decisions }), envoy, 99),
        (json!({ "shadow": next }), envoy, 99),
        (json!({}), None, 99),
    ];
    for (more, envoy, expected) in rows {
        let mut configuration = configuration()?;
        for (name, value) in more.as_object().into_iter().flatten() {
            configuration[name] = value.clone();
        }
        let setup = Setup {
            envoy,
            ..setup(&configuration)
        };
        let mut vm = Vm::start(Compiled::built()?, setup)?;
        let request = pull("https://issuer.test", HOUR)?;
        assert_eq!(
            readings(&mut vm, &request, 5, 200)?,
            5,
            "before there is a tick"
        );
        vm.tick()?;
        let found = readings(&mut vm, &request, 3 * (USES + 1), 200)?;
        assert_eq!(found, expected, "{more} {envoy:?}");
    }
    Ok(())
}

/// A VM that has ticked at [`NOW`] and a tick period, and knows the token of the request.
fn ticked(end: i64) -> Result<(Vm, Request)> {
    let mut vm = Vm::start(Compiled::built()?, setup(&configuration()?))?;
    let request = pull("https://issuer.test", end)?;
    ensure!(send(&mut vm, &request)? == 200);
    vm.tick()?;
    ensure!(readings(&mut vm, &request, 1, 200)? == u64::from(end <= 5_000));
    Ok((vm, request))
}

#[test]
fn a_token_in_wasm_that_ends_between_two_ticks_is_good_until_then() -> Outcome {
    for end in [1_000, 3_000, 5_000] {
        let (mut vm, request) = ticked(end)?;
        vm.advance(end - 251);
        assert_eq!(send(&mut vm, &request)?, 200, "{end}");
        vm.advance(1);
        assert_eq!(send(&mut vm, &request)?, 401, "{end}");
    }
    Ok(())
}

#[test]
fn the_module_reads_the_clock_for_each_request_when_the_ticks_have_stopped() -> Outcome {
    let (mut vm, request) = ticked(HOUR)?;
    vm.advance(HOUR - 60_000);
    assert_eq!(readings(&mut vm, &request, USES - 1, 200)?, 0);
    assert_eq!(readings(&mut vm, &request, USES + 1, 200)?, USES + 1);
    vm.advance(60_000);
    assert_eq!(send(&mut vm, &request)?, 401);
    Ok(())
}

/// The machine wakes up, or the clock is set.
#[test]
fn a_clock_that_jumps_in_wasm_is_seen_on_the_tick_or_after_some_requests() -> Outcome {
    for jump in [HOUR, 24 * HOUR] {
        let (mut vm, request) = ticked(HOUR)?;
        vm.advance(jump);
        let mut late = 0;
        while send(&mut vm, &request)? == 200 {
            late += 1;
            ensure_few(late)?;
        }
        let (mut vm, request) = ticked(HOUR)?;
        vm.advance(jump);
        vm.tick()?;
        assert_eq!(send(&mut vm, &request)?, 401, "{jump}");
    }
    // Set back: the next reading is not taken for a time of that tick.
    let (mut vm, request) = ticked(HOUR)?;
    vm.advance(-60_000);
    assert_eq!(readings(&mut vm, &request, USES - 1, 200)?, 0);
    assert_eq!(readings(&mut vm, &request, 5, 200)?, 5);
    Ok(())
}

fn ensure_few(requests: u64) -> Result<()> {
    ensure!(requests < USES, "{requests} requests after the end");
    Ok(())
}

#[test]
fn a_clock_that_is_lost_in_wasm_leaves_no_time_of_before() -> Outcome {
    let (mut vm, request) = ticked(HOUR)?;
    let lost = vm.now().millis();
    vm.advance(-lost);
    vm.tick()?;
    assert_eq!(send(&mut vm, &request)?, 503);
    vm.advance(lost);
    assert_eq!(
        readings(&mut vm, &request, 5, 200)?,
        5,
        "until there is a tick"
    );
    Ok(())
}

/// Its time limit, and what is counted, begin when the request comes, and not at the tick before.
#[test]
fn a_wait_in_wasm_begins_when_the_request_comes() -> Outcome {
    let mut vm = Vm::start(Compiled::built()?, setup(&configuration()?))?;
    vm.tick()?;
    vm.advance(200);
    let id = vm.open(&pull("http://asked.test", HOUR)?)?;
    assert_eq!(vm.progress(id)?, Progress::Waiting);
    vm.advance(40);
    for callout in vm.callouts() {
        vm.answer(callout.token, CalloutAnswer::default())?;
    }
    vm.tick()?;
    let Progress::Answered(answer) = vm.progress(id)? else {
        panic!("still held")
    };
    assert_eq!(answer.status, 503);
    let waited = vm.sum(&["keys", "wait_ms"]);
    assert_eq!(waited, Some(40));
    Ok(())
}
