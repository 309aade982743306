//! The imports and exports of the built module.

use std::collections::BTreeSet;
use std::fs;

use anyhow::Context as _;
use registry_auth_harness::client::Request;
use registry_auth_harness::module;
use registry_auth_harness::shipped;
use registry_auth_vm::{Compiled, Progress, Setup, Vm};

use crate::Outcome;

/// Envoy calls each callback that exists, so each of these has a reason in
/// `filter/xtask/src/module.rs`.
const EXPORTS: [&str; 12] = [
    "_initialize",
    "memory",
    "proxy_abi_version_0_2_1",
    "proxy_on_configure",
    "proxy_on_context_create",
    "proxy_on_http_call_response",
    "proxy_on_memory_allocate",
    "proxy_on_request_body",
    "proxy_on_request_headers",
    "proxy_on_request_trailers",
    "proxy_on_tick",
    "proxy_on_vm_start",
];

/// The host calls of the module (`filter/src/host/raw.rs`).
pub(crate) const CALLED: [&str; 20] = [
    "proxy_add_header_map_value",
    "proxy_call_foreign_function",
    "proxy_continue_stream",
    "proxy_define_metric",
    "proxy_get_buffer_bytes",
    "proxy_get_current_time_nanoseconds",
    "proxy_get_header_map_pairs",
    "proxy_get_property",
    "proxy_get_shared_data",
    "proxy_http_call",
    "proxy_increment_metric",
    "proxy_log",
    "proxy_record_metric",
    "proxy_remove_header_map_value",
    "proxy_replace_header_map_value",
    "proxy_send_local_response",
    "proxy_set_effective_context",
    "proxy_set_property",
    "proxy_set_shared_data",
    "proxy_set_tick_period_milliseconds",
];

/// The functions of WASI that it calls, with the reason.
const WASI: [(&str, &str); 3] = [
    ("environ_get", "the secrets that a configuration names"),
    ("environ_sizes_get", "the same"),
    ("random_get", "seeds of hash tables"),
];

/// What is called only where the host has no clock of the ABI; Envoy has one, so no configuration
/// allows it.
const CLOCK: &str = "clock_time_get";

/// Callbacks that only the module for hosts which call every callback has.
pub(crate) const UNUSED: [&str; 17] = [
    "proxy_on_delete",
    "proxy_on_done",
    "proxy_on_downstream_connection_close",
    "proxy_on_downstream_data",
    "proxy_on_foreign_function",
    "proxy_on_grpc_close",
    "proxy_on_grpc_receive",
    "proxy_on_grpc_receive_initial_metadata",
    "proxy_on_grpc_receive_trailing_metadata",
    "proxy_on_log",
    "proxy_on_new_connection",
    "proxy_on_queue_ready",
    "proxy_on_response_body",
    "proxy_on_response_headers",
    "proxy_on_response_trailers",
    "proxy_on_upstream_connection_close",
    "proxy_on_upstream_data",
];

/// Strict hosts have no more than some of the ABI.
const MOST_IMPORTS: usize = 24;

const OPEN: &[u8] =
    br#"{"http": {"accessControl": {"repositories": {"**": {"anonymousPolicy": ["read"]}}}}}"#;

#[test]
fn the_module_exports_what_we_use_and_nothing_else() -> Outcome {
    let exports: BTreeSet<&str> = Compiled::built()?.exports().collect();
    assert_eq!(exports, BTreeSet::from(EXPORTS));
    Ok(())
}

#[test]
fn the_full_module_exports_every_callback_of_the_abi() -> Outcome {
    let exports: BTreeSet<&str> = Compiled::full()?.exports().collect();
    let expected = EXPORTS.into_iter().chain(UNUSED);
    assert_eq!(exports, expected.collect());
    Ok(())
}

/// What the SDK and the standard library import besides is replaced
/// (`filter/xtask/src/module/imports.rs`), because a host has to have all that is imported.
#[test]
fn the_modules_import_what_they_call_and_nothing_else() -> Outcome {
    let module = |name: &str| {
        if name.starts_with("proxy_") {
            "env"
        } else {
            "wasi_snapshot_preview1"
        }
    };
    let called = CALLED
        .into_iter()
        .chain(WASI.map(|(name, _)| name))
        .chain([CLOCK]);
    let expected: BTreeSet<(&str, &str)> = called.map(|name| (module(name), name)).collect();
    assert!(expected.len() <= MOST_IMPORTS);
    assert_eq!(
        Compiled::built()?.imports().collect::<BTreeSet<_>>(),
        expected
    );
    // Some of its hosts lack the clock of the ABI, and none is Envoy, which alone shows attributes.
    let mut expected = expected;
    for name in ["proxy_get_current_time_nanoseconds", "proxy_set_property"] {
        expected.remove(&("env", name));
    }
    assert_eq!(
        Compiled::full()?.imports().collect::<BTreeSet<_>>(),
        expected
    );
    Ok(())
}

#[test]
fn each_shipped_configuration_allows_what_the_module_needs_and_nothing_else() -> Outcome {
    let callbacks = EXPORTS
        .into_iter()
        .filter(|name| name.starts_with("proxy_on_"));
    let needed: BTreeSet<&str> = CALLED
        .into_iter()
        .chain(WASI.map(|(name, _)| name))
        .chain(callbacks)
        .collect();
    let discovery = shipped::capabilities()?;
    let allowed = discovery["allowed_capabilities"]
        .as_object()
        .context("no list")?;
    assert_eq!(
        allowed.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        needed
    );
    let yaml = fs::read_to_string(module::workspace().join(shipped::CONFIGURATION))
        .context("no configuration")?;
    let (_, listed) = yaml
        .split_once("allowed_capabilities:\n")
        .context("no list")?;
    let listed = listed
        .lines()
        .map_while(|line| line.trim().strip_suffix(": {}"));
    assert_eq!(listed.collect::<BTreeSet<_>>(), needed);
    Ok(())
}

/// Messages of panics name source files. With folders of whoever built it the module would be
/// another on each machine.
#[test]
fn the_modules_name_no_folder_of_the_machine_that_built_them() -> Outcome {
    for path in [module::path()?, module::full()?] {
        let module = fs::read(path).map_err(anyhow::Error::from)?;
        let here = module::workspace().to_string_lossy();
        for folder in [&*here, "/registry/src/", "/home/", "/Users/", "/root/"] {
            let found = module
                .windows(folder.len())
                .any(|bytes| bytes == folder.as_bytes());
            assert!(!found, "the module holds `{folder}`");
        }
    }
    Ok(())
}

#[test]
fn a_configuration_that_is_refused_says_why() -> Outcome {
    let Err(error) = Vm::start(
        Compiled::built()?,
        Setup::of_scenarios(br#"{"http": {"auht": 1}}"#),
    ) else {
        panic!("the configuration was accepted")
    };
    assert!(error.to_string().contains("http.auht"), "{error:#}");
    Ok(())
}

#[test]
fn a_vm_counts_calls_and_fuel_and_serves_many_requests() -> Outcome {
    let mut vm = Vm::start(Compiled::built()?, Setup::of_scenarios(OPEN))?;
    for _ in 0..3 {
        let id = vm.open(&Request::new("GET", "/v2/team/app/tags/list"))?;
        assert!(matches!(vm.progress(id)?, Progress::Forwarded(_)));
        vm.close(id)?;
        let id = vm.open(&Request::new("DELETE", "/v2/team/app/manifests/v1"))?;
        assert!(matches!(vm.progress(id)?, Progress::Answered(_)));
        vm.close(id)?;
    }
    assert_eq!(vm.host_calls().get("proxy_send_local_response"), Some(&3));
    assert!(vm.fuel_used() > 0);
    Ok(())
}
