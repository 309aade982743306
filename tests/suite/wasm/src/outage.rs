//! An issuer that goes down after its keys were fetched.

use anyhow::Context as _;
use registry_auth_harness::client::Request;
use registry_auth_harness::issuer::{DISCOVERY, Issuer};
use registry_auth_vm::host::CalloutAnswer;
use registry_auth_vm::{Compiled, Progress, Setup, Vm};
use serde_json::{Map, Value, json};

use crate::Outcome;

const MINUTE: i64 = 60_000;
const MAX_STALE: &str = "10m";

fn configuration() -> Value {
    let oidc = json!({ "issuer": "http://issuer.test", "audiences": ["registry"], "cluster": "issuers", "maxStale": MAX_STALE });
    json!({ "http": { "auth": { "bearer": { "oidc": [oidc] } } } })
}

/// Answers every callout as the issuer does, or as Envoy does when there is none; how many there
/// were.
fn serve(vm: &mut Vm, issuer: Option<&Issuer>) -> anyhow::Result<usize> {
    let mut count = 0;
    // An answer leads to the next callout: from the discovery document to the keys.
    for _ in 0..2 {
        for callout in vm.callouts() {
            count += 1;
            let (status, body) = match issuer {
                Some(issuer) if callout.header(":path").as_deref() == Some(DISCOVERY) => {
                    ("200", issuer.discovery().to_string())
                }
                Some(issuer) => ("200", issuer.jwks().to_string()),
                None => ("503", "upstream connect error".to_owned()),
            };
            let headers = vec![(b":status".to_vec(), status.into())];
            vm.answer(
                callout.token,
                CalloutAnswer {
                    headers,
                    body: body.into_bytes(),
                },
            )?;
        }
    }
    Ok(count)
}

#[test]
fn an_issuer_that_is_down_is_not_noticed_until_its_keys_are_too_old_in_wasmtime() -> Outcome {
    let issuer = Issuer::new("http://issuer.test", &["es256"])?;
    let mut vm = Vm::start(
        Compiled::built()?,
        Setup::of_scenarios(configuration().to_string().as_bytes()),
    )?;
    let claims = json!({ "sub": "ci", "aud": "registry", "exp": "+8h", "iat": "-8h" });
    let claims: Map<String, Value> =
        serde_json::from_value(claims).context("claims are an object")?;
    let mut answers = Vec::new();
    let mut asked_while_down = 0;
    for minute in 0..15 {
        let up = !(1..12).contains(&minute);
        let there = up.then_some(&issuer);
        // A token that no cache knows.
        let token = issuer.token("es256", claims.clone(), vm.now())?;
        let request = Request::new("GET", "/v2/app/tags/list")
            .header("authorization", &format!("Bearer {token}"));
        let id = vm.open(&request)?;
        let mut asked = serve(&mut vm, there)?;
        answers.push(match vm.progress(id)? {
            Progress::Forwarded(_) => 200,
            Progress::Answered(answer) => answer.status,
            Progress::Waiting => 0,
        });
        vm.close(id)?;
        // Refreshes are due while nobody asks.
        for _ in 0..4 {
            vm.advance(MINUTE / 4);
            vm.tick()?;
            asked += serve(&mut vm, there)?;
        }
        asked_while_down += if up { 0 } else { asked };
    }
    assert_eq!(answers.get(..10), Some([200; 10].as_slice()), "{answers:?}");
    assert_eq!(
        answers.get(10..12),
        Some([503; 2].as_slice()),
        "{answers:?}"
    );
    assert_eq!(answers.last(), Some(&200), "{answers:?}");
    assert!(asked_while_down > 0, "no refresh was tried");
    Ok(())
}
