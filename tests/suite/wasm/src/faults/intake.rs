//! Host calls that fail in the intake: a push is stored and confirmed, or refused.

use anyhow::{Context as _, Error};
use registry_auth_harness::client::{Request, Response};
use registry_auth_harness::key;
use registry_auth_harness::push;
use registry_auth_harness::real::INTAKE;
use registry_auth_harness::substrate::now;
use registry_auth_vm::host::{Calls, Clock, Failure, Fault, Lie, Status};
use registry_auth_vm::{Compiled, Progress, Setup, Vm};

use super::judge;
use crate::Outcome;

/// That there is nothing, or something else, is a valid answer: what other plugins overwrite is
/// treated as absent.
const FAILURES: [Failure; 7] = [
    Failure::Status(Status::InternalFailure),
    Failure::Status(Status::BadArgument),
    Failure::Status(Status::Unheard),
    Failure::Lie(Lie::Nowhere),
    Failure::Lie(Lie::Elsewhere),
    Failure::Lie(Lie::TooMany),
    Failure::Lie(Lie::Spare),
];
const SET: &str = "secret:us-east-1/keys";
/// Longer than it takes to try again.
const TICKS: usize = 3;

#[test]
fn no_host_call_that_goes_wrong_under_the_intake_in_wasm_takes_an_older_set_or_traps() -> Outcome {
    let time = now();
    let setup = Setup {
        clock: Clock::At(time),
        ..Setup::of_scenarios(INTAKE.as_bytes())
    };
    let mut vm = Vm::start(Compiled::built()?, setup)?;
    let older = push::request(SET, &key::jwks(&["es256"])?, time);
    vm.advance(1);
    let newer = push::request(SET, &key::jwks(&["rs256"])?, vm.now());
    vm.advance(1);
    let newest = push::request(SET, &key::jwks(&["rs256"])?, vm.now());
    let id = vm.open(&newer)?;
    assert!(matches!(
        vm.progress(id)?,
        Progress::Answered(Response { status: 200, .. })
    ));
    vm.close(id)?;
    let get = push::get(SET, vm.now());
    let requests = [
        get,
        newest,
        older,
        push::request("other", &key::jwks(&["rs256"])?, time),
        Request::new("PUT", "/"),
    ];
    let mut wrong = Vec::new();
    let mut trials = 0;
    for request in requests {
        let expected = outcome(&mut vm.copy()?, &request)?;
        for failure in FAILURES {
            for after in 0.. {
                let mut copy = vm.copy()?;
                let fault = Fault {
                    calls: Calls::After(after),
                    failure,
                };
                copy.fail(Some(fault));
                let found = outcome(&mut copy, &request).with_context(|| format!("{fault:?}"))?;
                let Some(failed) = copy.failed() else { break };
                trials += 1;
                let line =
                    |wrong| format!("{} {}: {failed} {fault:?}: {wrong}", request.method, trials);
                wrong.extend(judge::wrong(&expected, &found).map(line));
            }
        }
    }
    super::report(trials, &wrong)
}

fn outcome(vm: &mut Vm, request: &Request) -> Result<Progress, Error> {
    let id = vm.open(request)?;
    for _ in 0..TICKS {
        vm.tick()?;
    }
    let progress = vm.progress(id)?;
    vm.close(id)?;
    Ok(progress)
}
