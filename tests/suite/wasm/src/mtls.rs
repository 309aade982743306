//! Client certificates on wasmtime, as far as scenarios cannot express it.

use registry_auth_cases::Outcome;
use registry_auth_harness::client::Request;
use registry_auth_harness::tls;
use registry_auth_vm::{Compiled, Progress, Setup, Vm};

const OPEN: &str = r#"{"http": {"auth": {"mtls": {}}, "accessControl": {"repositories": {"**": {"anonymousPolicy": ["read"], "policies": [{"users": ["alice"], "actions": ["read"]}]}}}}}"#;

#[test]
fn a_certificate_that_the_host_does_not_tell_is_refused_and_not_taken_as_none() -> Outcome {
    let mut vm = Vm::start(Compiled::built()?, Setup::of_scenarios(OPEN.as_bytes()))?;
    let request = Request::new("GET", "/v2/a/tags/list");
    for (mtls, refused) in [([0], false), ([1], true)] {
        vm.property(&["connection", "mtls"], &mtls);
        let id = vm.open(&request)?;
        match vm.progress(id)? {
            Progress::Answered(answer) => assert!(refused && answer.status == 401, "{mtls:?}"),
            progress => assert!(!refused, "{mtls:?}: {progress:?}"),
        }
    }
    Ok(())
}

/// Attributes cost host calls, so only those that the configuration uses are read.
#[test]
fn attributes_are_read_only_when_the_configuration_looks_at_them() -> Outcome {
    let without =
        r#"{"http": {"accessControl": {"repositories": {"**": {"anonymousPolicy": ["read"]}}}}}"#;
    let alice = Some(tls::pem("alice")?);
    for (configuration, certificate, calls) in [
        (without, alice.clone(), 0),
        (OPEN, alice, 1),
        (OPEN, None, 2),
    ] {
        let mut vm = Vm::start(
            Compiled::built()?,
            Setup::of_scenarios(configuration.as_bytes()),
        )?;
        let read = |vm: &Vm| {
            vm.host_calls()
                .get("proxy_get_property")
                .copied()
                .unwrap_or_default()
        };
        let before = read(&vm);
        vm.open(&Request {
            certificate,
            ..Request::new("GET", "/v2/a/tags/list")
        })?;
        assert_eq!(read(&vm) - before, calls, "{configuration}");
    }
    Ok(())
}
