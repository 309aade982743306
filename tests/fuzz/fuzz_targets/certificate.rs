//! A client certificate, as DER: who is let through is named in it.

#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use registry_auth_engine::decision::Verdict;
use registry_auth_engine::facts::Gathered;
use registry_auth_engine::request::{Connection, RequestHead};
use registry_auth_fuzz::keys::armour;
use registry_auth_fuzz::site::Site;
use registry_auth_fuzz::work;
use serde_json::{Value, json};

thread_local! {
    /// Each attribute, and true if its value is in the certificate literally.
    static SITES: LazyCell<[(Site, bool); 6]> = LazyCell::new(|| {
        [
            (json!({}), true),
            (json!({ "identityAttributes": ["URI"] }), true),
            (json!({ "identityAttributes": ["URI"], "uriSanPattern": "spiffe://([^/]+)/.*" }), true),
            (json!({ "identityAttributes": ["DNSName"], "dnsSanIndex": 1 }), true),
            (json!({ "identityAttributes": ["Email", "DNSName"] }), true),
            (json!({ "identityAttributes": ["Subject"] }), false),
        ]
        .map(|(mtls, is_literal)| (site(&mtls), is_literal))
    });
}

fn site(mtls: &Value) -> Site {
    Site::new(&json!({ "http": {
        "auth": { "mtls": mtls },
        "accessControl": { "repositories": { "**": { "defaultPolicy": ["read"], "anonymousPolicy": ["read"] } } },
    } }))
}

fuzz_target!(|der: &[u8]| {
    let text = armour("CERTIFICATE", der);
    SITES.with(|sites| {
        for (site, is_literal) in sites.iter() {
            // Two readings of the certificate, and the hundred times of each.
            let named = work::bounded(128 * 1024 + 300 * der.len(), || {
                holder(site, text.as_bytes())
            });
            let Some(name) = named else { continue };
            assert!(!name.is_empty(), "the holder of a certificate is nobody");
            if *is_literal {
                assert!(
                    der.windows(name.len()).any(|part| part == name.as_bytes()),
                    "{name:?} is not in it"
                );
            }
            assert_eq!(
                holder(site, escaped(&text).as_bytes()),
                Some(name),
                "the form decides"
            );
        }
    });
});

/// Who is let through with a certificate; everybody may read, but not with one that names nobody.
fn holder(site: &Site, certificate: &[u8]) -> Option<String> {
    let connection = Connection {
        mtls: true,
        certificate,
        ..Connection::default()
    };
    let head = RequestHead {
        method: b"GET",
        path: b"/v2/team/app/tags/list",
        connection,
        ..RequestHead::default()
    };
    match site.decide(&head, &Gathered::default()) {
        Verdict::Allow(grant) => Some(grant.identity().username().to_owned()),
        Verdict::Deny(_) => None,
        other => panic!("{other:?}"),
    }
}

/// As Envoy gives it.
fn escaped(text: &str) -> String {
    text.replace('\n', "%0A")
        .replace(' ', "%20")
        .replace('+', "%2B")
        .replace('=', "%3D")
        .replace('/', "%2F")
}
