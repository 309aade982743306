//! What the filter's own questions to the registry carry.

use registry_auth_harness::client::Request;
use registry_auth_harness::key;
use registry_auth_harness::mint::Recipe;
use registry_auth_harness::substrate::UPSTREAM_AUTHORIZATION;
use registry_auth_vm::{Compiled, Setup, Vm};
use serde_json::{Value, json};

use crate::Outcome;

const CATALOG: &str = "/v2/_catalog";

fn configuration(forwards: bool, configured: bool) -> Result<Value, anyhow::Error> {
    let policy = |action: &str| json!({ "users": ["ci"], "actions": [action] });
    let mut document = json!({
        "http": {
            "auth": { "bearer": { "oidc": [{
                "issuer": "http://issuer.test",
                "audiences": ["registry"],
                "jwks": key::jwks(&["es256"])?,
                "claimMapping": { "username": "claims.sub" },
            }] } },
            "accessControl": { "repositories": { "app": { "policies": [policy("create")] } } },
        },
        "proxy": { "upstreamCluster": "upstream", "forwardAuthorization": forwards },
    });
    if configured
        && let Some(proxy) = document
            .pointer_mut("/proxy")
            .and_then(Value::as_object_mut)
    {
        proxy.insert(
            "upstreamAuthorization".to_owned(),
            json!({ "env": "REGISTRY_UPSTREAM_AUTHORIZATION" }),
        );
    }
    Ok(document)
}

#[test]
fn a_question_carries_what_a_request_would_in_wasmtime() -> Outcome {
    let claims = json!({ "iss": "http://issuer.test", "sub": "ci", "aud": "registry", "exp": "+1h", "iat": "-1m" });
    let recipe: Recipe = serde_json::from_value(json!({ "key": "es256", "claims": claims }))
        .map_err(anyhow::Error::from)?;
    for (forwards, configured) in [(false, false), (false, true), (true, false), (true, true)] {
        for (method, target) in [("GET", CATALOG), ("PUT", "/v2/app/manifests/v1")] {
            let document = configuration(forwards, configured)?.to_string();
            let mut vm = Vm::start(Compiled::built()?, Setup::of_scenarios(document.as_bytes()))?;
            let bearer = format!("Bearer {}", recipe.mint(vm.now())?);
            vm.open(&Request::new(method, target).header("authorization", &bearer))?;
            let callouts = vm.callouts();
            let [question] = &callouts[..] else {
                panic!("{target}: {} questions", callouts.len())
            };
            let wanted = match (forwards, configured) {
                (_, true) => Some(UPSTREAM_AUTHORIZATION.to_owned()),
                (true, false) => Some(bearer),
                (false, false) => None,
            };
            assert_eq!(
                question.header("authorization"),
                wanted,
                "{target}, {forwards}, {configured}"
            );
        }
    }
    Ok(())
}
