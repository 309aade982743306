//! Minted tokens on the module in wasmtime.

use registry_auth_cases::minting::client::Client;
use registry_auth_cases::{Outcome, minting};
use registry_auth_harness::substrate::Substrate as _;
use serde_json::json;

use crate::wasm::Wasm;

#[test]
fn minted_tokens_wasm() -> Outcome {
    Ok(minting::run(&mut Wasm::new()?)?)
}

#[test]
fn minted_tokens_wasm_without_host_verification() -> Outcome {
    Ok(minting::run(&mut Wasm::bare()?)?)
}

#[test]
fn minted_tokens_are_restricted_wasm() -> Outcome {
    Ok(minting::restrictions::run(&mut Wasm::new()?)?)
}

#[test]
fn a_minted_token_ends_and_so_does_the_key() -> Outcome {
    let list = "GET /v2/team/app/tags/list";
    let mut wasm = Wasm::new()?;
    let config = wasm.serve(&minting::configuration("stray-es256")?)?;
    let mut client = Client::new(&mut wasm, config);
    let credential = client.credential(&json!({ "exp": "+3h" }))?;
    let token = client.mint("repository:team/app:pull", Some(&credential))?;
    let ask = "GET /auth/token?scope=repository:team/app:pull";
    // Five minutes and the leeway of ten seconds; the key was pushed for an hour.
    for (seconds, good, status) in [(305, true, 200), (6, false, 200), (3600, false, 503)] {
        let vm = wasm.vm(config)?;
        vm.advance(seconds * 1000);
        vm.tick()?;
        let mut client = Client::new(&mut wasm, config);
        if good {
            client.passes(list, Some(&token), "ci")?;
        } else {
            assert_ne!(
                client.status(list, Some(&token))?.0,
                200,
                "after {seconds} s more"
            );
        }
        assert_eq!(
            client.status(ask, Some(&credential))?.0,
            status,
            "after {seconds} s more"
        );
    }
    Ok(())
}
