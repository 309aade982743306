//! The catalog of a large registry: bounded memory, one question for each page.

use registry_auth_harness::client::Request;
use registry_auth_vm::host::CalloutAnswer;
use registry_auth_vm::{Compiled, Progress, Setup, Vm};
use serde_json::{Value, json};

use crate::Outcome;

/// Repositories of the registry.
const REPOSITORIES: usize = 100_000;
/// Repositories on one of its pages.
const PAGE: usize = 1_000;
/// What the whole module may have grown to, bytes: a page and the names found so far, not the
/// catalog.
const MEMORY: usize = 16 << 20;

fn configuration() -> Value {
    let readable = json!({ "anonymousPolicy": ["read"] });
    json!({
        "http": { "accessControl": { "repositories": { "repository-?????/open": readable } } },
        "proxy": { "upstreamCluster": "upstream" },
    })
}

/// Every ten-thousandth repository may be read.
fn name(number: usize) -> String {
    let kind = if number.is_multiple_of(10_000) {
        "open"
    } else {
        "closed-to-everybody-without-a-token"
    };
    format!("repository-{number:05}/{kind}")
}

fn page(number: usize) -> CalloutAnswer {
    let names: Vec<String> = (number * PAGE..(number + 1) * PAGE).map(name).collect();
    let mut headers = vec![(b":status".to_vec(), b"200".to_vec())];
    if (number + 1) * PAGE < REPOSITORIES {
        let link = format!(
            "</v2/_catalog?n={PAGE}&last={}>; rel=\"next\"",
            name((number + 1) * PAGE - 1)
        );
        headers.push((b"link".to_vec(), link.into_bytes()));
    }
    CalloutAnswer {
        headers,
        body: json!({ "repositories": names }).to_string().into_bytes(),
    }
}

#[test]
fn the_catalog_of_a_hundred_thousand_repositories_is_filtered_in_bounded_memory_in_wasmtime()
-> Outcome {
    let mut vm = Vm::start(
        Compiled::built()?,
        Setup::of_scenarios(configuration().to_string().as_bytes()),
    )?;
    let id = vm.open(&Request::new("GET", "/v2/_catalog"))?;
    let mut asked = 0;
    while let [callout] = &vm.callouts()[..] {
        let target = callout.header(":path").unwrap_or_default();
        let last = if asked == 0 {
            String::new()
        } else {
            format!("&last={}", name(asked * PAGE - 1))
        };
        assert_eq!(target, format!("/v2/_catalog?n={PAGE}{last}"));
        vm.answer(callout.token, page(asked))?;
        asked += 1;
    }
    let Progress::Answered(answer) = vm.progress(id)? else {
        panic!("no answer after {asked} pages")
    };
    let body: Value = serde_json::from_slice(&answer.body).map_err(anyhow::Error::from)?;
    let open: Vec<String> = (0..10).map(|number| name(number * 10_000)).collect();
    assert_eq!(body, json!({ "repositories": open }));
    assert_eq!(asked, REPOSITORIES / PAGE);
    assert!(vm.memory() < MEMORY, "{} bytes", vm.memory());
    Ok(())
}

#[test]
fn a_catalog_whose_pages_never_end_is_given_up_in_wasmtime() -> Outcome {
    let mut vm = Vm::start(
        Compiled::built()?,
        Setup::of_scenarios(configuration().to_string().as_bytes()),
    )?;
    let id = vm.open(&Request::new("GET", "/v2/_catalog"))?;
    for asked in 0..1_000 {
        let [callout] = &vm.callouts()[..] else { break };
        let link = format!("</v2/_catalog?last=closed-{asked}>; rel=\"next\"");
        let headers = vec![
            (b":status".to_vec(), b"200".to_vec()),
            (b"link".to_vec(), link.into_bytes()),
        ];
        vm.answer(
            callout.token,
            CalloutAnswer {
                headers,
                body: br#"{"repositories":["closed"]}"#.to_vec(),
            },
        )?;
    }
    let Progress::Answered(answer) = vm.progress(id)? else {
        panic!("it is asked for pages without end")
    };
    assert_eq!(answer.status, 503);
    Ok(())
}
