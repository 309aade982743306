//! Single requests whose host calls fail.

use crate::wasm::Wasm;
use anyhow::{Context as _, Error};
use registry_auth_harness::client::Request;
use registry_auth_harness::substrate::Substrate as _;
use registry_auth_harness::tls;
use registry_auth_vm::host::{CalloutAnswer, Fault, Status};
use registry_auth_vm::{Compiled, Progress, Setup, Vm};

use crate::Outcome;

/// Anyone may read, but not with a certificate that names nobody.
const CERTIFICATES: &[u8] = br#"{"http": {"auth": {"failDelay": 1, "mtls": {}}, "accessControl": {"repositories": {"**": {"anonymousPolicy": ["read"]}}}}}"#;

/// The outcome of a request to a copy of a VM while each host call of one name fails in turn, until
/// none is left.
fn each_failing(vm: &mut Vm, request: &Request) -> Result<Vec<(&'static str, Progress)>, Error> {
    let mut outcomes = Vec::new();
    for after in 0.. {
        let mut vm = vm.copy()?;
        vm.fail(Some(Fault::once(after, Status::InternalFailure)));
        let id = vm.open(request)?;
        let Some(failed) = vm.failed() else { break };
        outcomes.push((failed, vm.progress(id)?));
    }
    Ok(outcomes)
}

#[test]
fn no_failing_host_call_in_wasm_hides_a_certificate_that_names_nobody() -> Outcome {
    let request = Request {
        certificate: Some(tls::pem("nameless")?),
        ..Request::new("GET", "/v2/app/manifests/v1")
    };
    let mut vm = Vm::start(Compiled::built()?, Setup::of_scenarios(CERTIFICATES))?;
    let outcomes = each_failing(&mut vm, &request)?;
    assert!(
        outcomes
            .iter()
            .any(|(failed, _)| *failed == "proxy_get_property"),
        "{outcomes:?}"
    );
    for (failed, progress) in outcomes {
        assert!(
            !matches!(progress, Progress::Forwarded(_)),
            "{failed}: {progress:?}"
        );
    }
    Ok(())
}

#[test]
fn without_a_clock_in_wasm_a_request_is_unavailable_before_its_body_and_behind_it() -> Outcome {
    let file = super::files()?
        .into_iter()
        .find(|file| file.name == "token_endpoint")
        .context("no file")?;
    let row = file
        .rows
        .iter()
        .find(|row| row.name == "a password is exchanged")
        .context("no row")?;
    let mut wasm = Wasm::stopped()?;
    let config = wasm.serve(file.configs.get(&row.config).context("no configuration")?)?;
    let request = file.request(row, wasm.now())?;
    let outcomes = each_failing(wasm.vm(config)?, &request)?;
    let clocks = outcomes
        .iter()
        .filter(|(failed, _)| *failed == "proxy_get_current_time_nanoseconds");
    let statuses: Vec<_> = clocks
        .map(|(_, progress)| match progress {
            Progress::Answered(answer) => Some(answer.status),
            Progress::Forwarded(_) | Progress::Waiting => None,
        })
        .collect();
    // For the head, and for the body.
    assert_eq!(
        statuses.get(..2),
        Some(&[Some(503), Some(503)][..]),
        "{outcomes:?}"
    );
    Ok(())
}

/// One failing call must not end the fetch of keys for all who come later.
#[test]
fn a_clock_that_fails_under_an_answer_in_wasm_costs_no_later_request_its_keys() -> Outcome {
    let file = super::files()?
        .into_iter()
        .find(|file| file.name == "smoke")
        .context("no file")?;
    let token = file.tokens.get("ci").context("no token `ci`")?;
    let mut wasm = Wasm::stopped()?;
    let config = wasm.serve(
        file.configs
            .get("team")
            .context("no configuration `team`")?,
    )?;
    let bearer = format!("Bearer {}", token.mint(wasm.now())?);
    let request = Request::new("GET", "/v2/team/app/tags/list").header("authorization", &bearer);
    let id = wasm.vm(config)?.open(&request)?;
    let callout = wasm
        .vm(config)?
        .callouts()
        .pop()
        .context("no keys were asked for")?;
    wasm.vm(config)?.fail(Some(Fault::always(
        "proxy_get_current_time_nanoseconds",
        Status::InternalFailure,
    )));
    wasm.vm(config)?
        .answer(callout.token, CalloutAnswer::default())?;
    wasm.vm(config)?.fail(None);
    for _ in 0..40 {
        wasm.vm(config)?.tick()?;
    }
    assert!(
        matches!(wasm.vm(config)?.progress(id)?, Progress::Answered(_)),
        "still held"
    );
    assert!(
        matches!(
            wasm.try_on_copy(config, &request, None)?.progress,
            Progress::Forwarded(_)
        ),
        "no keys any more"
    );
    Ok(())
}
