//! A host that has the ABI and nothing of Envoy's own.

use anyhow::{Context as _, Result};
use registry_auth_cases::Outcome;
use registry_auth_cases::parking::{document, push};
use registry_auth_harness::client::Request;
use registry_auth_vm::host::CalloutAnswer;
use registry_auth_vm::{Compiled, Progress, Setup, Vm};

/// More than one part of a body.
const BODY: usize = 100_000;

fn start(plain: bool) -> Result<Vm> {
    let setup = Setup {
        plain,
        ..Setup::of_scenarios(document()?.to_string().as_bytes())
    };
    Vm::start(Compiled::built()?, setup)
}

#[test]
fn it_starts_and_its_signatures_are_verified_in_the_module() -> Outcome {
    for (plain, asked, place) in [
        (true, None, "in the module"),
        (false, Some(&4), "by the host"),
    ] {
        let vm = start(plain)?;
        assert_eq!(vm.host_calls().get("proxy_call_foreign_function"), asked);
        let log = vm.log().join("\n");
        assert!(log.contains(place), "{log}");
    }
    Ok(())
}

#[test]
fn it_refuses_and_parks_as_others_do_and_no_body_is_lost() -> Outcome {
    let mut forwarded = Vec::new();
    for plain in [true, false] {
        let mut vm = start(plain)?;
        let id = vm.open(&Request::new("GET", "/v2/team/app/tags/list"))?;
        let Progress::Answered(answer) = vm.progress(id)? else {
            panic!("a stranger was not refused")
        };
        assert_eq!(answer.status, 401);
        vm.close(id)?;
        let id = vm.open(&push()?.body(vec![b' '; BODY]))?;
        assert_eq!(vm.progress(id)?, Progress::Waiting);
        let callouts = vm.callouts();
        let question = callouts
            .iter()
            .find(|callout| callout.cluster == "upstream")
            .context("nothing is asked")?
            .token;
        let missing = CalloutAnswer {
            headers: [
                (":status", "404"),
                ("docker-distribution-api-version", "registry/2.0"),
            ]
            .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
            .to_vec(),
            body: Vec::new(),
        };
        vm.answer(question, missing)?;
        forwarded.push(vm.progress(id)?);
    }
    assert!(matches!(&forwarded[0], Progress::Forwarded(seen) if seen.body == BODY));
    assert_eq!(forwarded[0], forwarded[1]);
    Ok(())
}
