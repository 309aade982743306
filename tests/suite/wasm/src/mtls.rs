//! Client certificates on wasmtime, as far as scenarios cannot express it.

use anyhow::Result;
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

const DIGEST: &str = "720127c6af17efb5ca4f0c085a3b58311a20ce8221eeb2d635936c5735a85edc";

fn old_envoy(configuration: &str) -> Result<Vm> {
    let setup = Setup {
        envoy: Some((1, 37)),
        ..Setup::of_scenarios(configuration.as_bytes())
    };
    Vm::start(Compiled::built()?, setup)
}

/// As Envoy before 1.38 does.
#[test]
fn a_certificate_that_the_host_describes_is_known_by_its_attributes() -> Outcome {
    let mut vm = old_envoy(OPEN)?;
    let log = vm.log().join("\n");
    assert!(
        log.contains("this is Envoy 1.37, which does not say when a client certificate expires"),
        "{log}"
    );
    let request = Request::new("GET", "/v2/a/tags/list");
    let read = |vm: &Vm| vm.host_calls().get("proxy_get_property").copied();
    // A caller is remembered by the digest.
    let [second, third] = ["a0", "b1"].map(|byte| byte.repeat(32));
    for (subject, digest, status, calls) in [
        ("CN=alice", DIGEST, 200, 4),
        ("CN=alice", "", 401, 4),
        ("O=Acme", &second, 401, 4),
        ("", &third, 401, 4),
    ] {
        vm.property(&["connection", "mtls"], &[1]);
        vm.property(
            &["connection", "subject_peer_certificate"],
            subject.as_bytes(),
        );
        vm.property(
            &["connection", "sha256_peer_certificate_digest"],
            digest.as_bytes(),
        );
        let before = read(&vm).unwrap_or_default();
        let id = vm.open(&request)?;
        assert_eq!(read(&vm).unwrap_or_default() - before, calls, "{subject}");
        let got = match vm.progress(id)? {
            Progress::Answered(answer) => answer.status,
            Progress::Forwarded(_) => 200,
            progress @ Progress::Waiting => panic!("{subject}: {progress:?}"),
        };
        assert_eq!(got, status, "{subject} {digest}");
    }
    Ok(())
}

#[test]
fn what_needs_the_certificate_does_not_start_where_none_is_handed_over() -> Outcome {
    let configuration = OPEN.replace(
        "\"mtls\": {}",
        r#""mtls": {"identityAttributes": ["Email"]}"#,
    );
    let message = "the attribute `Email` needs the whole client certificate, which Envoy 1.38 or newer hands to the filter; this is Envoy 1.37";
    let refusal = old_envoy(&configuration)
        .err()
        .map(|error| format!("{error:#}"));
    assert!(
        refusal
            .as_ref()
            .is_some_and(|refusal| refusal.contains(message)),
        "{refusal:?}"
    );
    // Where the version is not known, each request shows it, and one is logged.
    let mut vm = Vm::start(
        Compiled::built()?,
        Setup {
            envoy: None,
            ..Setup::of_scenarios(configuration.as_bytes())
        },
    )?;
    vm.property(&["connection", "mtls"], &[1]);
    vm.property(
        &["connection", "sha256_peer_certificate_digest"],
        DIGEST.as_bytes(),
    );
    for _ in 0..2 {
        let id = vm.open(&Request::new("GET", "/v2/a/tags/list"))?;
        match vm.progress(id)? {
            Progress::Answered(answer) => assert_eq!(answer.status, 401),
            progress => panic!("{progress:?}"),
        }
    }
    let lines = vm.log().iter();
    let lines = lines.filter(|line| line.contains("needs the whole client certificate"));
    assert_eq!(lines.count(), 1, "{:?}", vm.log());
    Ok(())
}
