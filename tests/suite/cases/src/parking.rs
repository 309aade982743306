//! Requests that wait, and requests of known clients.

use anyhow::Result;
use registry_auth_harness::client::Request;
use registry_auth_harness::key;
use registry_auth_harness::mint::Recipe;
use registry_auth_harness::substrate::now;
use serde_json::{Value, json};

/// Maximum number of bodies that a worker reads at once.
pub const BODIES: usize = 256;
const PUSH: &str = "/v2/team/app/manifests/v1";

/// Two issuers: one whose keys are here, and one that has to be asked. Whoever is known may create,
/// so that a push waits for the registry's word about its tag.
///
/// # Errors
/// A test key is missing.
pub fn document() -> Result<Value> {
    let known = json!({ "issuer": "http://known.test", "audiences": ["registry"], "jwks": key::jwks(&["es256"])? });
    let asked =
        json!({ "issuer": "http://issuer.test", "audiences": ["registry"], "cluster": "issuers" });
    Ok(json!({
        "http": {
            "auth": {
                "failDelay": 2,
                "bearer": { "realm": "https://auth.test/auth/token", "service": "registry.test", "oidc": [known, asked] },
            },
            "accessControl": { "repositories": {
                "team/**": { "defaultPolicy": ["read", "create"] },
                "open/**": { "anonymousPolicy": ["create"] },
            } },
        },
        "proxy": { "upstreamCluster": "upstream", "readRequestBodies": true },
    }))
}

/// The `authorization` of `ci`, whom this issuer knows.
///
/// # Errors
/// A test key is missing.
pub fn bearer(issuer: &str) -> Result<String> {
    let claims =
        json!({ "iss": issuer, "sub": "ci", "aud": "registry", "exp": "+8h", "iat": "-8h" });
    Ok(format!(
        "Bearer {}",
        Recipe::plain("es256", serde_json::from_value(claims)?).mint(now())?
    ))
}

/// A push of somebody who is known.
///
/// # Errors
/// A test key is missing.
pub fn push() -> Result<Request> {
    Ok(Request::new("PUT", PUSH)
        .header("authorization", &bearer("http://known.test")?)
        .body(b"{}".to_vec()))
}

/// A request for a token whose form does not end.
#[must_use]
pub fn unfinished() -> Request {
    Request::new("POST", "/auth/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(b"grant_type=password".to_vec())
}
