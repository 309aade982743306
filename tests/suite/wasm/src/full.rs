//! The module with every callback, on a host that calls each.

use std::collections::BTreeSet;

use registry_auth_harness::client::Request;
use registry_auth_harness::scenario::Scenarios;
use registry_auth_harness::substrate::run;
use registry_auth_vm::{Compiled, Progress, Setup, Vm};

use crate::Outcome;
use crate::abi::UNUSED;
use crate::wasm::Wasm;

const OPEN: &[u8] =
    br#"{"http": {"accessControl": {"repositories": {"open/**": {"anonymousPolicy": ["read"]}}}}}"#;
const CONTINUE: u32 = 0;
const STOP: u32 = 1;

/// Each callback that Envoy does not need, and its result for any context.
const RESULTS: [(&str, Option<u32>); 17] = [
    // The context has nothing left to do.
    ("proxy_on_done", Some(1)),
    ("proxy_on_log", None),
    ("proxy_on_delete", None),
    ("proxy_on_queue_ready", None),
    ("proxy_on_foreign_function", None),
    ("proxy_on_response_headers", Some(CONTINUE)),
    ("proxy_on_response_body", Some(CONTINUE)),
    ("proxy_on_response_trailers", Some(CONTINUE)),
    ("proxy_on_new_connection", Some(CONTINUE)),
    // What is no HTTP request is not decided on, and does not pass.
    ("proxy_on_downstream_data", Some(STOP)),
    ("proxy_on_upstream_data", Some(STOP)),
    ("proxy_on_downstream_connection_close", None),
    ("proxy_on_upstream_connection_close", None),
    ("proxy_on_grpc_receive_initial_metadata", None),
    ("proxy_on_grpc_receive", None),
    ("proxy_on_grpc_receive_trailing_metadata", None),
    ("proxy_on_grpc_close", None),
];
/// The root context of [`Vm::start`].
const ROOT: u32 = 1;

fn start() -> anyhow::Result<Vm> {
    let setup = Setup {
        plain: true,
        ..Setup::of_scenarios(OPEN)
    };
    Vm::start(Compiled::full()?, setup)
}

/// Asserts that a request is forwarded, and another refused.
fn decides(vm: &mut Vm) -> anyhow::Result<()> {
    let id = vm.open(&Request::new("GET", "/v2/open/app/tags/list"))?;
    assert!(matches!(vm.progress(id)?, Progress::Forwarded(_)));
    vm.close(id)?;
    let id = vm.open(&Request::new("GET", "/v2/team/app/tags/list"))?;
    assert!(matches!(vm.progress(id)?, Progress::Answered(_)));
    vm.close(id)?;
    Ok(())
}

#[test]
fn smoke_rows_have_the_same_results_in_the_full_module() -> Outcome {
    let files = Scenarios::all()?;
    let smoke: Vec<Scenarios> = files
        .into_iter()
        .filter(|file| file.name == "smoke")
        .collect();
    assert_eq!(smoke.len(), 1);
    Ok(run(&mut Wasm::full()?, &smoke)?)
}

#[test]
fn no_further_callback_traps_or_ends_anything_whatever_context_it_is_for() -> Outcome {
    assert_eq!(
        RESULTS
            .map(|(name, _)| name)
            .into_iter()
            .collect::<BTreeSet<_>>(),
        BTreeSet::from(UNUSED)
    );
    let mut vm = start()?;
    decides(&mut vm)?;
    let open = vm.open(&Request::new("GET", "/v2/open/app/tags/list"))?;
    for (name, expected) in RESULTS {
        // None, one that was and is no more, a request, ones that never were; then the root
        // context, which only its end may touch.
        let is_end = name == "proxy_on_delete";
        let contexts = [0, open - 1, open, 4711, u32::MAX].into_iter();
        for context in contexts.chain((!is_end).then_some(ROOT)) {
            for rest in [0, 1, u32::MAX] {
                assert_eq!(
                    vm.callback(name, context, rest)?,
                    expected,
                    "{name} {context} {rest}"
                );
            }
        }
        decides(&mut vm)?;
    }
    Ok(())
}

#[test]
fn a_root_context_that_ends_ends_once_and_lets_nothing_through() -> Outcome {
    let mut vm = start()?;
    decides(&mut vm)?;
    for _ in 0..2 {
        assert_eq!(vm.callback("proxy_on_done", ROOT, 0)?, Some(1));
        vm.callback("proxy_on_delete", ROOT, 0)?;
        let id = vm.open(&Request::new("GET", "/v2/open/app/tags/list"))?;
        let Progress::Answered(answer) = vm.progress(id)? else {
            panic!("it was not refused")
        };
        assert_eq!(answer.status, 503);
        vm.close(id)?;
    }
    Ok(())
}
