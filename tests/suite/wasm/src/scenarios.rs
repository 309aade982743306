//! Every row of `tests/scenarios` on the module in wasmtime.

use registry_auth_cases::Outcome;
use registry_auth_harness::scenario::Scenarios;
use registry_auth_harness::substrate::run;

use crate::wasm::Wasm;

#[test]
fn scenarios_wasm() -> Outcome {
    Ok(run(&mut Wasm::new()?, &Scenarios::all()?)?)
}

#[test]
fn scenarios_wasm_without_host_verification() -> Outcome {
    Ok(run(&mut Wasm::bare()?, &Scenarios::all()?)?)
}
