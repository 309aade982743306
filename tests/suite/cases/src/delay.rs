//! `failDelay`: responses to invalid credentials are delayed.

use serde_json::{Value, json};

/// A configuration that refuses every token, and opens `public/**`.
#[must_use]
pub fn configuration(fail_delay: u64) -> Value {
    let audiences = json!([{ "issuer": "http://issuer.test", "audiences": ["registry"], "cluster": "issuers" }]);
    json!({
        "http": {
            "auth": { "failDelay": fail_delay, "mtls": {}, "bearer": { "oidc": audiences } },
            "accessControl": { "repositories": { "public/**": { "anonymousPolicy": ["read"] } } },
        },
    })
}
