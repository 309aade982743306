//! Every row of `tests/scenarios` on the engine.

use registry_auth_cases::Outcome;
use registry_auth_harness::native::Native;
use registry_auth_harness::scenario::Scenarios;
use registry_auth_harness::substrate::run;

#[test]
fn scenarios_native() -> Outcome {
    Ok(run(&mut Native::new()?, &Scenarios::all()?)?)
}
