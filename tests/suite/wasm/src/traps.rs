//! The request that traps the copy of the module for tests in Envoy does not trap the shipped one.

use std::fs;

use anyhow::Context as _;
use registry_auth_cases::Outcome;
use registry_auth_cases::trap::{self, configuration, good, trapping};
use registry_auth_harness::module;
use registry_auth_vm::{Compiled, Progress, Setup, Vm};

#[test]
fn the_shipped_module_has_no_trap_in_wasm_and_its_copy_has() -> Outcome {
    let setup = Setup::of_scenarios(configuration().to_string().as_bytes());
    let mut shipped = Vm::start(Compiled::built()?, setup.clone())?;
    let id = shipped.open(&trapping())?;
    assert!(matches!(shipped.progress(id)?, Progress::Forwarded(_)));
    let bytes = fs::read(module::path()?).context("no module")?;
    let mut copy = Vm::start(&Compiled::new(&trap::lay(&bytes)?)?, setup)?;
    let id = copy.open(&good())?;
    assert!(matches!(copy.progress(id)?, Progress::Forwarded(_)));
    let trapped = copy.open(&trapping()).expect_err("it did not trap");
    assert!(
        format!("{trapped:#}").contains("unreachable"),
        "{trapped:#}"
    );
    Ok(())
}
