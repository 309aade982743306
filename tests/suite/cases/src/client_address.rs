//! `req.client` where the proxy does not pass the address of the client, and behind another proxy.

use anyhow::Result;
use registry_auth_harness::client::Request;
use registry_auth_harness::key;
use registry_auth_harness::mint::Recipe;
use registry_auth_harness::substrate::now;
use serde_json::{Map, Value, json};

/// The log line, once, if no proxy passes the address of the client.
pub const WARNING: &str = "a request came without x-forwarded-for";
/// Open to clients at 127.0.0.1 only.
pub const HERE: &str = "/v2/here/app/tags/list";
/// Open to clients at 10.0.0.5 only.
pub const THERE: &str = "/v2/there/app/tags/list";
/// Open to all but clients at 10.0.0.5.
pub const NOT_THERE: &str = "/v2/not-there/app/tags/list";
/// Open to clients anywhere.
pub const ANYWHERE: &str = "/v2/anywhere/app/tags/list";

/// The plugin configuration.
///
/// # Errors
/// A test key is missing.
pub fn plugin() -> Result<Value> {
    let entry = |conditions: Value| json!({"policies": [{"users": ["reader"], "actions": ["read"], "conditions": conditions}]});
    let condition =
        |expression: &str| entry(json!([{"expression": expression, "message": "from elsewhere"}]));
    let oidc = json!([{
        "issuer": "http://issuer.test", "audiences": ["registry"], "jwks": key::jwks(&["es256"])?,
        "claimMapping": {"username": "claims.sub"},
    }]);
    Ok(json!({
        "http": {
            "auth": {"bearer": {"oidc": oidc}},
            "accessControl": {"repositories": {
                "here/**": condition("req.client.ip == '127.0.0.1'"),
                "there/**": condition("req.client.ip == '10.0.0.5'"),
                "not-there/**": condition("req.client.ip != '10.0.0.5'"),
                "anywhere/**": entry(json!([])),
            }},
        },
        "proxy": {"clientAddress": "proxy"},
    }))
}

/// A request of the reader, with a forwarded address if there is one.
///
/// # Errors
/// A test key is missing.
pub fn request(path: &str, forwarded_for: Option<&str>) -> Result<Request> {
    let claims = json!({"iss": "http://issuer.test", "sub": "reader", "aud": "registry", "iat": "-1s", "exp": "+1h"});
    let claims: Map<String, Value> = serde_json::from_value(claims)?;
    let token = Recipe::plain("es256", claims).mint(now())?;
    let request = Request::new("GET", path).header("authorization", &format!("Bearer {token}"));
    Ok(match forwarded_for {
        Some(addresses) => request.header("x-forwarded-for", addresses),
        None => request,
    })
}
