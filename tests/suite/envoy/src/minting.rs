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
    let played = minting::restrictions::run(&mut RealEnvoy::new(module::path()?)?);
    if module::is_native() {
        // A part of it is bound to certificates, which Envoy does not hand to a dynamic module.
        let refused = played.expect_err("it has to be refused").to_string();
        assert!(
            refused.contains("needs the whole client certificate"),
            "{refused}"
        );
        return Ok(());
    }
    Ok(played?)
}
