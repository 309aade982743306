//! What `explain` says is what the module does.

use anyhow::Context as _;
use registry_auth_cases::Outcome;
use registry_auth_cases::explained::{Explained, reasons, worlds};
use registry_auth_harness::substrate::{Substrate as _, now};

use crate::wasm::Wasm;

/// Policies, and requests of each.
const POLICIES: usize = 250;
const REQUESTS: usize = 8;

#[test]
fn what_is_explained_of_random_requests_is_what_the_module_does() -> Outcome {
    let mut counts = [0, 0, 0];
    for world in worlds(23, POLICIES, REQUESTS, now())? {
        let mut wasm = Wasm::new()?;
        let number = wasm.serve(&world.config)?;
        wasm.start()?;
        for row in &world.rows {
            let before = wasm.log(number).len();
            let outcome = wasm.send(number, &row.request)?;
            let lines = wasm.log(number).iter().skip(before).map(String::as_str);
            let reasons = reasons(lines);
            row.check(&outcome, reasons.last().map(String::as_str))
                .with_context(|| world.config.plugin.to_string())?;
            counts[match row.explained {
                Explained::Allowed => 0,
                Explained::Answered => 1,
                Explained::Refused(..) => 2,
            }] += 1;
        }
    }
    assert_eq!(counts.iter().sum::<usize>(), POLICIES * REQUESTS);
    assert!(
        counts[0] > 300 && counts[1] > 20 && counts[2] > 300,
        "the rows have lost their mixture: {counts:?}"
    );
    Ok(())
}
