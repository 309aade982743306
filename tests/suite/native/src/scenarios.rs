//! Every row of `scenarios/` on every substrate.

use std::path::Path;

use anyhow::Error;
use registry_auth_tests::native::Native;
use registry_auth_tests::real::RealEnvoy;
use registry_auth_tests::scenario::Scenarios;
use registry_auth_tests::substrate::run;
use registry_auth_tests::{envoy, module};

use crate::Outcome;

fn files() -> Result<Vec<Scenarios>, Error> {
    Scenarios::read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios"))
}

#[test]
fn scenarios_native() -> Outcome {
    Ok(run(&mut Native::new()?, &files()?)?)
}

#[cfg(feature = "vm")]
#[test]
fn scenarios_wasm() -> Outcome {
    Ok(run(&mut registry_auth_tests::wasm::Wasm::new()?, &files()?)?)
}

#[cfg(feature = "vm")]
#[test]
fn scenarios_wasm_without_host_verification() -> Outcome {
    Ok(run(&mut registry_auth_tests::wasm::Wasm::bare()?, &files()?)?)
}

#[test]
fn scenarios_envoy() -> Outcome {
    if envoy::may_be_skipped() {
        return Ok(());
    }
    Ok(run(&mut RealEnvoy::new(module::path()?)?, &files()?)?)
}
