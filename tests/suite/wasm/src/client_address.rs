//! `req.client` where the host does not say who the client is.

use anyhow::{Result, ensure};
use registry_auth_cases::Outcome;
use registry_auth_cases::client_address::{
    ANYWHERE, HERE, NOT_THERE, THERE, WARNING, plugin, request,
};
use registry_auth_vm::{Compiled, Progress, Setup, Vm};

/// No header has the address of the client, so neither "from here" nor "not from there" can be
/// decided.
#[test]
fn a_client_that_the_proxy_does_not_tell_is_refused_and_said_once_wasm() -> Outcome {
    let setup = |forwards: bool| -> Result<Setup> {
        Ok(Setup {
            forwards,
            ..Setup::of_scenarios(plugin()?.to_string().as_bytes())
        })
    };
    let mut untold = Vm::start(Compiled::built()?, setup(false)?)?;
    for (path, passes) in [
        (HERE, false),
        (NOT_THERE, false),
        (THERE, false),
        (ANYWHERE, true),
        (HERE, false),
    ] {
        passes_or_not(&mut untold, path, passes)?;
    }
    let warnings = |vm: &Vm| {
        vm.log()
            .iter()
            .filter(|line| line.contains(WARNING))
            .count()
    };
    check(warnings(&untold) == 1, &format!("{:?}", untold.log()))?;
    let mut told = Vm::start(Compiled::built()?, setup(true)?)?;
    for (path, passes) in [
        (HERE, true),
        (NOT_THERE, true),
        (THERE, false),
        (ANYWHERE, true),
    ] {
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
