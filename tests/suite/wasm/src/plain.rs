//! A host that has the ABI and nothing of Envoy's own.

use anyhow::{Context as _, Result};
use registry_auth_cases::Outcome;
use registry_auth_cases::parking::{document, push};
use registry_auth_harness::client::Request;
use registry_auth_harness::key;
use registry_auth_harness::mint::Recipe;
use registry_auth_harness::substrate::now;
use registry_auth_vm::host::{CalloutAnswer, Fault, Status};
use registry_auth_vm::{Compiled, Progress, Setup, Vm};
use serde_json::json;

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

const REMOVE: &str = "proxy_remove_header_map_value";
const ADD: &str = "proxy_add_header_map_value";
const REPLACE: &str = "proxy_replace_header_map_value";
const READ: &str = "proxy_get_header_map_pairs";

fn start_with_identity_header(plain: bool) -> Result<Vm> {
    let configuration = json!({
        "http": {
            "auth": { "bearer": { "oidc": [
                { "issuer": "https://issuer.test", "audiences": ["registry"], "jwks": key::jwks(&["es256"])? },
            ] } },
            "accessControl": { "repositories": { "**": {
                "anonymousPolicy": ["read"], "defaultPolicy": ["read", "create", "update"],
            } } },
        },
        "proxy": { "identityHeader": "x-registry-user", "publicPaths": ["/healthz"] },
    });
    let setup = Setup {
        plain,
        ..Setup::of_scenarios(configuration.to_string().as_bytes())
    };
    Vm::start(Compiled::built()?, setup)
}

fn bearer() -> Result<String> {
    let claims = json!({ "iss": "https://issuer.test", "sub": "ci", "aud": "registry", "iat": now().secs() - 60, "exp": now().secs() + 600 });
    let recipe: Recipe = serde_json::from_value(json!({ "key": "es256", "claims": claims }))?;
    Ok(format!("Bearer {}", recipe.mint(now())?))
}

/// Some hosts say that they changed a head, and did not.
#[test]
fn a_host_that_keeps_header_fields_forwards_no_request_that_brings_them() -> Outcome {
    let bearer = bearer()?;
    let get = || Request::new("GET", "/v2/team/app/tags/list");
    let forged = || get().header("x-registry-user", "mallory");
    let known = || get().header("authorization", &bearer);
    let mount = Request::new(
        "POST",
        "/v2/team/app/blobs/uploads/?mount=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855&from=team/other",
    )
    .header("authorization", &bearer);
    // (what the host does not do, the request, whether the head has to be changed, whether it is
    // forwarded)
    let rows = [
        (None, get(), false, true),
        (None, forged(), true, true),
        (None, known(), true, true),
        (None, mount.clone(), true, true),
        (Some(REMOVE), get(), false, true),
        (Some(REMOVE), forged(), true, false),
        (
            Some(REMOVE),
            get().header("X_Registry_User", "mallory"),
            true,
            false,
        ),
        (
            Some(REMOVE),
            Request::new("GET", "/healthz").header("x-registry-user", "mallory"),
            true,
            false,
        ),
        (Some(REMOVE), known(), true, false),
        (Some(ADD), known(), true, false),
        (Some(ADD), forged(), true, true),
        (Some(REPLACE), mount, true, false),
    ];
    for (index, (ignored, request, changes, forwarded)) in rows.into_iter().enumerate() {
        for plain in [true, false] {
            let mut vm = start_with_identity_header(plain)?;
            vm.fail(ignored.map(|call| Fault::always(call, Status::Ok)));
            for sent in 1..=2 {
                let read = vm.host_calls().get(READ).copied().unwrap_or_default();
                let id = vm.open(&request)?;
                let progress = vm.progress(id)?;
                // Envoy does what it says, and is not asked.
                let reads = vm.host_calls().get(READ).copied().unwrap_or_default() - read;
                assert_eq!(reads, 1 + u64::from(plain && changes), "{index} {plain}");
                match progress {
                    Progress::Forwarded(_) => assert!(forwarded || !plain, "{index} {plain}"),
                    Progress::Answered(answer) => {
                        assert!(!forwarded && plain, "{index} {plain}");
                        assert_eq!(answer.status, 503, "{index}");
                    }
                    Progress::Waiting => panic!("{index} {plain}: it waits"),
                }
                vm.close(id)?;
                let said = vm.log().iter().filter(|line| line.contains("still shows"));
                assert_eq!(
                    said.count(),
                    usize::from(!forwarded && plain),
                    "{index} {sent}"
                );
            }
        }
    }
    Ok(())
}
