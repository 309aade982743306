//! Minted tokens on the engine.

use registry_auth_cases::{Outcome, minting};
use registry_auth_harness::native::Native;

#[test]
fn minted_tokens_native() -> Outcome {
    Ok(minting::run(&mut Native::new()?)?)
}

#[test]
fn minted_tokens_are_restricted_native() -> Outcome {
    Ok(minting::restrictions::run(&mut Native::new()?)?)
}
