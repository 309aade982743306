//! Minted tokens on the module in Envoy.

use registry_auth_cases::{Outcome, minting};
use registry_auth_harness::module;
use registry_auth_harness::real::RealEnvoy;

#[test]
fn minted_tokens_envoy() -> Outcome {
    Ok(minting::run(&mut RealEnvoy::new(module::path()?)?)?)
}

#[test]
fn minted_tokens_are_restricted_envoy() -> Outcome {
    Ok(minting::restrictions::run(&mut RealEnvoy::new(
        module::path()?,
    )?)?)
}
