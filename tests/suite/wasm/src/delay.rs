//! `failDelay`: responses to invalid credentials are delayed.

use registry_auth_cases::Outcome;
use registry_auth_cases::delay::configuration;
use registry_auth_harness::client::Request;
use registry_auth_harness::tls;
use registry_auth_vm::host::Clock;
use registry_auth_vm::{Compiled, Progress, Setup, Vm};

/// Ticks until two seconds have passed.
const TICKS: usize = 8;
/// Maximum number of delayed refusals in a worker.
const MOST: usize = 1_000;
const HOUR: i64 = 3_600_000;

/// Two seconds of delay, and a clock that moves by ticks only.
fn start(holds_bodies: bool) -> anyhow::Result<Vm> {
    let setup = Setup::of_scenarios(configuration(2).to_string().as_bytes());
    let clock = Clock::At(setup.clock.now());
    Vm::start(
        Compiled::built()?,
        Setup {
            clock,
            holds_bodies,
            ..setup
        },
    )
}

fn bad() -> Request {
    Request::new("PUT", "/v2/any/manifests/v1")
        .header("authorization", "Bearer a.b.c")
        .body(vec![b'x'; 100_000])
}

fn status(vm: &mut Vm, id: u32) -> anyhow::Result<Option<u16>> {
    Ok(match vm.progress(id)? {
        Progress::Answered(answer) => Some(answer.status),
        Progress::Waiting => None,
        Progress::Forwarded(seen) => anyhow::bail!("forwarded: {seen:?}"),
    })
}

#[test]
fn only_refusals_of_a_credential_are_held() -> Outcome {
    let get = |path: &str| Request::new("GET", path);
    let certificate = |name: &str| {
        anyhow::Ok(Request {
            certificate: Some(tls::pem(name)?),
            ..get("/v2/any/tags/list")
        })
    };
    let rows = [
        (bad(), 401, true),
        (
            get("/v2/any/tags/list").header("authorization", "Basic dTo="),
            401,
            true,
        ),
        (
            get("/v2/any/tags/list")
                .header("authorization", "Bearer a")
                .header("authorization", "Bearer b"),
            401,
            true,
        ),
        (certificate("nameless")?, 401, true),
        (certificate("alice")?, 403, true),
        (get("/v2/any/tags/list"), 401, false),
        (
            get("/v2/any/else").header("authorization", "Bearer a.b.c"),
            404,
            false,
        ),
        (
            Request::new("POST", "/v2/any/tags/list").header("authorization", "Bearer a.b.c"),
            405,
            false,
        ),
    ];
    for (request, refused, delayed) in rows {
        for holds_bodies in [false, true] {
            let mut vm = start(holds_bodies)?;
            let id = vm.open(&request)?;
            for _ in 0..TICKS {
                let expected = (!delayed).then_some(refused);
                assert_eq!(status(&mut vm, id)?, expected, "{request:?}");
                vm.tick()?;
            }
            assert_eq!(status(&mut vm, id)?, Some(refused), "{request:?}");
        }
    }
    Ok(())
}

#[test]
fn a_clock_that_jumps_back_holds_nobody_longer() -> Outcome {
    let mut vm = start(false)?;
    let id = vm.open(&bad())?;
    vm.advance(-HOUR);
    vm.tick()?;
    assert_eq!(status(&mut vm, id)?, Some(401));
    Ok(())
}

#[test]
fn one_more_than_can_be_held_is_answered_at_once_and_who_hangs_up_makes_room() -> Outcome {
    let mut vm = start(false)?;
    let bad = Request::new("GET", "/v2/any/tags/list").header("authorization", "Bearer a.b.c");
    let mut held = Vec::new();
    for _ in 0..MOST {
        held.push(vm.open(&bad)?);
    }
    let more = vm.open(&bad)?;
    assert_eq!(status(&mut vm, more)?, Some(401));
    for id in &held {
        assert_eq!(status(&mut vm, *id)?, None);
    }
    vm.close(held.remove(0))?;
    vm.tick()?;
    let next = vm.open(&bad)?;
    assert_eq!(status(&mut vm, next)?, None);
    for _ in 0..TICKS {
        vm.tick()?;
    }
    held.push(next);
    for id in held {
        assert_eq!(status(&mut vm, id)?, Some(401));
    }
    assert_eq!(
        vm.sum(&["decisions", "decision=.=deny;.;reason=.=malformed_token;.;"]),
        Some(u64::try_from(MOST).map_err(anyhow::Error::from)? + 2)
    );
    Ok(())
}
