//! Hostile headers on wasmtime: the request is refused, and others are not affected.

use anyhow::Context as _;
use registry_auth_cases::Outcome;
use registry_auth_cases::hostile::{REFUSED, ROWS, good, serve};
use registry_auth_harness::expect::Outcome as Became;
use registry_auth_harness::substrate::Substrate as _;

use crate::wasm::Wasm;

#[test]
fn after_a_hostile_header_the_next_request_is_served_wasm() -> Outcome {
    let mut wasm = Wasm::new()?;
    let (config, credential) = serve(&mut wasm)?;
    for row in ROWS {
        match wasm
            .send(config, &row.request(&credential))
            .context(row.name)?
        {
            Became::Answered(answer) => assert_eq!(answer.status, REFUSED, "{}", row.name),
            Became::Forwarded { .. } => panic!("forwarded: {}", row.name),
        }
        let next = wasm.send(config, &good(&credential)).context(row.name)?;
        assert!(
            matches!(next, Became::Forwarded { status: 200, .. }),
            "after {}: {next:?}",
            row.name
        );
    }
    Ok(())
}
