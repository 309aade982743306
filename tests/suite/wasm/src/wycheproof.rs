//! The verifier of the host that tests have in their hands agrees with the engine's on every
//! signature of project Wycheproof.

use std::cell::RefCell;

use anyhow::{Error, bail};
use registry_auth_cases::Outcome;
use registry_auth_cases::probe::{self, HostVerifier};
use registry_auth_cases::signatures::compare_host;
use registry_auth_harness::client::{Request, Response};
use registry_auth_vm::{Compiled, Progress, Setup, Vm};

#[test]
fn the_host_agrees_with_the_engine_wasm() -> Outcome {
    let module = Compiled::new(&probe::module())?;
    let vm = RefCell::new(Vm::start(&module, Setup::of_scenarios(b""))?);
    Ok(compare_host(HostVerifier::new(
        |request: &Request| -> Result<Response, Error> {
            let mut vm = vm.borrow_mut();
            let id = vm.open(request)?;
            let progress = vm.progress(id)?;
            vm.close(id)?;
            match progress {
                Progress::Answered(response) => Ok(response),
                other => bail!("{other:?}"),
            }
        },
    ))?)
}
