//! Every row of `tests/scenarios` on the module in Envoy.

use registry_auth_cases::Outcome;
use registry_auth_harness::module;
use registry_auth_harness::real::RealEnvoy;
use registry_auth_harness::scenario::Scenarios;
use registry_auth_harness::substrate::run;

use crate::dynamic;

#[test]
fn scenarios_envoy() -> Outcome {
    let mut files = Scenarios::all()?;
    if module::is_native() {
        dynamic::without_whole_certificates(&mut files)?;
    }
    Ok(run(&mut RealEnvoy::new(module::path()?)?, &files)?)
}
