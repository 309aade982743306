//! A request that waits for keys is always answered, whatever issuers, the shim and the clock do.

use registry_auth_harness::client::Request;
use registry_auth_harness::mint::Recipe;
use registry_auth_vm::{Compiled, Progress, Setup, Vm};
use serde_json::json;

use crate::Outcome;

const HOUR: i64 = 3_600_000;

/// Keys by callout, which is never answered here, and by push, which never comes.
fn configurations() -> [serde_json::Value; 2] {
    let oidc = json!([{ "issuer": "http://issuer.test", "audiences": ["registry"], "cluster": "issuers" }]);
    let aws = json!({ "region": "us-east-1", "secretName": "keys" });
    [
        json!({ "http": { "auth": { "bearer": { "oidc": oidc } } } }),
        json!({
            "http": { "auth": { "bearer": { "awsSecretsManager": aws } } },
            "proxy": { "pushKey": { "env": "REGISTRY_AUTH_PUSH_KEY" } },
        }),
    ]
}

#[test]
fn a_wait_ends_with_503_in_the_module_even_if_the_clock_jumps_back() -> Outcome {
    for configuration in configurations() {
        for jump in [6_000, HOUR, -HOUR] {
            let mut vm = Vm::start(
                Compiled::built()?,
                Setup::of_scenarios(configuration.to_string().as_bytes()),
            )?;
            let claims = json!({ "iss": "http://issuer.test", "sub": "ci", "aud": "registry", "exp": "+8h", "iat": "-8h" });
            let recipe: Recipe =
                serde_json::from_value(json!({ "key": "es256", "claims": claims }))
                    .map_err(anyhow::Error::from)?;
            let bearer = format!("Bearer {}", recipe.mint(vm.now())?);
            let id = vm
                .open(&Request::new("GET", "/v2/app/tags/list").header("authorization", &bearer))?;
            assert_eq!(vm.progress(id)?, Progress::Waiting, "{configuration}");
            vm.advance(jump);
            vm.tick()?;
            let Progress::Answered(answer) = vm.progress(id)? else {
                panic!("still held after {jump} ms: {configuration}")
            };
            assert_eq!(answer.status, 503, "{configuration}");
        }
    }
    Ok(())
}

/// A request that waits for something else than keys, and what it is answered when that never
/// comes.
struct Wait {
    request: Request,
    holds_bodies: bool,
    millis: i64,
    status: u16,
}

#[test]
fn no_wait_is_without_end_in_the_module() -> Outcome {
    let open = json!({ "anonymousPolicy": ["create"] });
    let document = json!({
        "http": {
            "auth": { "bearer": {
                "realm": "https://auth.test/token",
                "oidc": [{ "issuer": "http://issuer.test", "audiences": ["registry"], "cluster": "issuers" }],
            } },
            "accessControl": { "repositories": { "open": open } },
        },
        "proxy": { "upstreamCluster": "upstream", "readRequestBodies": true },
    });
    let wait = |request, holds_bodies, millis, status| Wait {
        request,
        holds_bodies,
        millis,
        status,
    };
    let form =
        Request::new("POST", "/token").header("content-type", "application/x-www-form-urlencoded");
    let waits = [
        // It is unknown if the tag exists: the stricter of both decides.
        wait(
            Request::new("PUT", "/v2/open/manifests/v1"),
            false,
            5_000,
            401,
        ),
        wait(Request::new("GET", "/v2/_catalog"), false, 60_000, 503),
        // A host that holds the body back, though it was said that it does not.
        wait(
            form.body(b"grant_type=password".to_vec()),
            true,
            10_000,
            400,
        ),
    ];
    for Wait {
        request,
        holds_bodies,
        millis,
        status,
    } in waits
    {
        for jump in [millis, -HOUR] {
            let setup = Setup {
                holds_bodies,
                ..Setup::of_scenarios(document.to_string().as_bytes())
            };
            let mut vm = Vm::start(Compiled::built()?, setup)?;
            let id = vm.open(&request)?;
            vm.tick()?;
            assert_eq!(
                vm.progress(id)?,
                Progress::Waiting,
                "{} {jump}",
                request.method
            );
            vm.advance(jump);
            vm.tick()?;
            let Progress::Answered(answer) = vm.progress(id)? else {
                panic!("still held after {jump} ms: {request:?}")
            };
            assert_eq!(answer.status, status, "{} {jump}", request.method);
        }
    }
    Ok(())
}

#[test]
fn a_request_beyond_five_thousand_that_wait_for_keys_is_refused_at_once_in_the_module() -> Outcome {
    let [callouts, _] = configurations();
    let mut vm = Vm::start(
        Compiled::built()?,
        Setup::of_scenarios(callouts.to_string().as_bytes()),
    )?;
    let claims = json!({ "iss": "http://issuer.test", "sub": "ci", "aud": "registry", "exp": "+8h", "iat": "-1m" });
    let recipe: Recipe = serde_json::from_value(json!({ "key": "es256", "claims": claims }))
        .map_err(anyhow::Error::from)?;
    let bearer = format!("Bearer {}", recipe.mint(vm.now())?);
    let request = Request::new("GET", "/v2/app/tags/list").header("authorization", &bearer);
    let mut last = 0;
    for _ in 0..5_000 {
        last = vm.open(&request)?;
    }
    assert_eq!(vm.progress(last)?, Progress::Waiting);
    let beyond = vm.open(&request)?;
    let Progress::Answered(answer) = vm.progress(beyond)? else {
        panic!("it waits too")
    };
    assert_eq!(answer.status, 503);
    // A client that goes away makes room for the next, within a tick.
    vm.close(last)?;
    vm.tick()?;
    let next = vm.open(&request)?;
    assert_eq!(vm.progress(next)?, Progress::Waiting);
    Ok(())
}
