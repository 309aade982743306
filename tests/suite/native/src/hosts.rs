//! The rows of `tests/hosts` on the engine: what hosts are compared with is right.

use registry_auth_cases::Outcome;
use registry_auth_harness::hosts;
use registry_auth_harness::native::Native;
use registry_auth_harness::substrate::run;

#[test]
fn rows_of_hosts_native() -> Outcome {
    Ok(run(&mut Native::new()?, &hosts::sets()?)?)
}
