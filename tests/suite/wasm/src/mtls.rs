//! What a table of requests cannot say about client certificates.

use std::time::Duration;

use registry_auth_tests::client::{self, Request};
use registry_auth_tests::envoy::{self, Bootstrap, Envoy, Listener};
use registry_auth_tests::upstream::Upstream;
use registry_auth_tests::{module, tls};

use crate::Outcome;

const OPEN: &str = r#"{"http": {"auth": {"mtls": {}}, "accessControl": {"repositories": {"**": {"anonymousPolicy": ["read"], "policies": [{"users": ["alice"], "actions": ["read"]}]}}}}}"#;
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_certificate_of_a_stranger_does_not_get_through_envoys_handshake() -> Outcome {
    if envoy::may_be_skipped() {
        return Ok(());
    }
    let upstream = Upstream::start()?;
    let envoy = Envoy::start(&Bootstrap {
        module: module::path()?,
        listeners: vec![Listener {
            name: "tls".to_owned(),
            configuration: OPEN.to_owned(),
            vm_id: "tls".to_owned(),
            holds_bodies: false,
            secured: true,
            port: 0,
            cluster: Some("upstream".to_owned()),
            discovery: None,
        }],
        clusters: vec![("upstream".to_owned(), upstream.address())],
        environment: Vec::new(),
    })?;
    let request =
        |name| anyhow::Ok(Request { certificate: Some(tls::pem(name)?), ..Request::new("GET", "/v2/a/tags/list") });
    let address = envoy.listener("tls")?;
    assert!(client::send_over_tls(address, &request("stray")?, PATIENCE).is_err());
    assert_eq!(upstream.requests(), 0);
    assert_eq!(client::send_over_tls(address, &request("alice")?, PATIENCE)?.status, 200);
    Ok(())
}

#[cfg(feature = "vm")]
#[test]
fn a_certificate_that_the_host_does_not_tell_is_refused_and_not_taken_as_none() -> Outcome {
    use registry_auth_tests::module::Compiled;
    use registry_auth_tests::vm::{Progress, Setup, Vm};

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

/// Attributes cost host calls, so nobody pays for what the configuration does not look at.
#[cfg(feature = "vm")]
#[test]
fn attributes_are_read_only_when_the_configuration_looks_at_them() -> Outcome {
    use registry_auth_tests::module::Compiled;
    use registry_auth_tests::vm::{Setup, Vm};

    let without = r#"{"http": {"accessControl": {"repositories": {"**": {"anonymousPolicy": ["read"]}}}}}"#;
    let alice = Some(tls::pem("alice")?);
    for (configuration, certificate, calls) in [(without, alice.clone(), 0), (OPEN, alice, 1), (OPEN, None, 2)] {
        let mut vm = Vm::start(Compiled::built()?, Setup::of_scenarios(configuration.as_bytes()))?;
        let read = |vm: &Vm| vm.host_calls().get("proxy_get_property").copied().unwrap_or_default();
        let before = read(&vm);
        vm.open(&Request { certificate, ..Request::new("GET", "/v2/a/tags/list") })?;
        assert_eq!(read(&vm) - before, calls, "{configuration}");
    }
    Ok(())
}
