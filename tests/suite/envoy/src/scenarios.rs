//! Every row of `tests/scenarios` on the module in Envoy, in two parts that run at once.

use std::cmp::Reverse;

use registry_auth_cases::Outcome;
use registry_auth_harness::module;
use registry_auth_harness::real::RealEnvoy;
use registry_auth_harness::scenario::Scenarios;
use registry_auth_harness::substrate::run;

use crate::dynamic;

#[test]
fn scenarios_envoy_one_half() -> Outcome {
    let [half, _] = halves()?;
    play(&half)
}

#[test]
fn scenarios_envoy_other_half() -> Outcome {
    let [_, half] = halves()?;
    play(&half)
}

fn play(files: &[Scenarios]) -> Outcome {
    Ok(run(&mut RealEnvoy::new(module::path()?)?, files)?)
}

/// The files, with about as many rows on both sides.
fn halves() -> anyhow::Result<[Vec<Scenarios>; 2]> {
    let mut files = Scenarios::all()?;
    if module::is_native() {
        dynamic::without_whole_certificates(&mut files)?;
    }
    files.sort_by_key(|file| Reverse(file.rows.len()));
    let rows = |half: &[Scenarios]| half.iter().map(|file| file.rows.len()).sum::<usize>();
    let mut halves = [Vec::new(), Vec::new()];
    for file in files {
        let [one, other] = &mut halves;
        if rows(one) <= rows(other) {
            one.push(file);
        } else {
            other.push(file);
        }
    }
    Ok(halves)
}
