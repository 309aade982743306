//! Every row of `tests/scenarios` on the module in Envoy.

use registry_auth_cases::Outcome;
use registry_auth_harness::module;
use registry_auth_harness::real::RealEnvoy;
use registry_auth_harness::scenario::Scenarios;
use registry_auth_harness::substrate::run;

#[test]
fn scenarios_envoy() -> Outcome {
    Ok(run(
        &mut RealEnvoy::new(module::path()?)?,
        &Scenarios::all()?,
    )?)
}
