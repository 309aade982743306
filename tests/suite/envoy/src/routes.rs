//! What Envoy does with a request behind the filter: the route, and the form of a refusal.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::client::{self, Request, Response};
use registry_auth_harness::envoy::{Bootstrap, Envoy, Listener};
use registry_auth_harness::mint::Recipe;
use registry_auth_harness::substrate::now;
use registry_auth_harness::{key, module};
use serde_json::json;

use crate::Outcome;

const PATIENCE: Duration = Duration::from_secs(20);
const NAME: &str = "clients";
/// The header with the user name.
const USER: &str = "x-registry-user";
/// Names and values of header fields.
type Headers<'a> = &'a [(&'a str, &'a str)];

/// Of alice's route, and of the route of everybody else.
const ALICE: u16 = 201;
const OTHERS: u16 = 202;
/// The listener's routes in the bootstrap.
const ROUTES: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes";

/// An Envoy that answers alice by a route of her own.
fn start() -> Result<Envoy> {
    let plugin = json!({
        "http": {
            "auth": {"bearer": {"realm": "https://registry.test/auth/token", "service": "registry", "oidc": [{
                "issuer": "http://issuer.test",
                "audiences": ["registry"],
                "jwks": key::jwks(&["es256"])?,
                "claimMapping": {"username": "claims.sub"},
            }]}},
            "accessControl": {"repositories": {
                "open/**": {"anonymousPolicy": ["read"], "defaultPolicy": ["read"]},
            }},
        },
        "proxy": {"identityHeader": USER},
    });
    let mut bootstrap = Bootstrap {
        module: module::path()?,
        listeners: vec![Listener {
            name: NAME.to_owned(),
            configuration: plugin.to_string(),
            vm_id: "registry-auth".to_owned(),
            ..Listener::default()
        }],
        ..Bootstrap::default()
    }
    .to_json()?;
    *bootstrap.pointer_mut(ROUTES).context("no routes")? = json!([
        {
            "match": {"prefix": "/", "headers": [{"name": USER, "string_match": {"exact": "alice"}}]},
            "direct_response": {"status": ALICE},
        },
        {"match": {"prefix": "/"}, "direct_response": {"status": OTHERS}},
    ]);
    Envoy::launch(&bootstrap, 1, &[])
}

fn token(name: &str) -> Result<String> {
    let claims = json!({"iss": "http://issuer.test", "sub": name, "aud": "registry", "exp": "+1h", "iat": "-1m"});
    let recipe: Recipe = serde_json::from_value(json!({"key": "es256", "claims": claims}))?;
    Ok(format!("Bearer {}", recipe.mint(now())?))
}

fn send(envoy: &Envoy, path: &str, headers: Headers<'_>) -> Result<Response> {
    let request = headers
        .iter()
        .fold(Request::new("GET", path), |request, (name, value)| {
            request.header(name, value)
        });
    client::send(envoy.listener(NAME)?, &request, PATIENCE)
}

#[test]
fn the_route_is_that_of_the_user_and_not_of_what_a_client_says() -> Outcome {
    let envoy = start()?;
    let (alice, bob) = (token("alice")?, token("bob")?);
    let rows: [(Headers<'_>, u16); 5] = [
        (&[], OTHERS),
        (&[(USER, "alice")], OTHERS),
        (&[("authorization", &alice)], ALICE),
        (&[("authorization", &alice), (USER, "bob")], ALICE),
        (&[("authorization", &bob), (USER, "alice")], OTHERS),
    ];
    for (headers, expected) in rows {
        let answer = send(&envoy, "/v2/open/app/tags/list", headers)?;
        assert_eq!(
            answer.status,
            expected,
            "{:?}",
            headers.last().map(|last| last.0)
        );
    }
    Ok(())
}

#[test]
fn a_client_of_grpc_is_refused_in_its_own_words() -> Outcome {
    let envoy = start()?;
    let alice = token("alice")?;
    // (path, headers, `grpc-status`)
    let rows: [(&str, Headers<'_>, &str); 3] = [
        ("/v2/closed/tags/list", &[], "16"),
        ("/v2/closed/tags/list", &[("authorization", &alice)], "7"),
        ("/v2/../v2/", &[], "12"),
    ];
    for (path, headers, expected) in rows {
        check_grpc(&envoy, path, headers, expected)?;
    }
    Ok(())
}

fn check_grpc(envoy: &Envoy, path: &str, headers: Headers<'_>, expected: &str) -> Result<()> {
    let mut all = vec![("content-type", "application/grpc")];
    all.extend(headers);
    let answer = send(envoy, path, &all)?;
    let status = answer
        .headers
        .iter()
        .find(|(name, _)| name == "grpc-status");
    let status = status.map(|(_, value)| String::from_utf8_lossy(value).into_owned());
    ensure!(
        answer.status == 200 && status.as_deref() == Some(expected),
        "{path}: {} {status:?}",
        answer.status
    );
    Ok(())
}
