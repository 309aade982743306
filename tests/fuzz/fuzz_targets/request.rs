//! A whole request head, `METHOD TARGET` and a header field a line: nobody gets in but where
//! something is open.

#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use registry_auth_engine::authn::credential::{Credential, Passwords};
use registry_auth_engine::catalog::UpstreamPage;
use registry_auth_engine::decision::{GrantRule, Verdict};
use registry_auth_engine::facts::{Gathered, Need, RequestBody, TagAnswer};
use registry_auth_engine::request::{Connection, RequestHead};
use registry_auth_fuzz::site::Site;
use registry_auth_fuzz::token;
use serde_json::json;

thread_local! {
    static SITE: LazyCell<Site> = LazyCell::new(|| Site::new(&json!({
        "http": {
            "auth": {
                "mtls": { "identityAttributes": ["URI", "CommonName"], "bindTokens": true },
                "bearer": {
                    "realm": "https://registry.test/token",
                    "service": "registry.test",
                    "oidc": [{ "issuer": token::ISSUER, "audiences": [token::AUDIENCE], "jwks": token::jwks() }],
                },
            },
            "accessControl": { "repositories": {
                "public/**": { "anonymousPolicy": ["read"] },
                "inbox/*": {
                    "anonymousPolicy": ["create", "update"],
                    "policies": [{
                        "users": ["somebody"],
                        "actions": ["delete"],
                        "conditions": [{ "expression": "req.userAgent.contains('x') && req.client.ip != ''" }],
                    }],
                },
            } },
        },
        "proxy": {
            "upstreamCluster": "registry",
            "clientAddress": "proxy",
            "publicPaths": ["/healthz", "/metrics/**"],
            "readRequestBodies": true,
            "extensions": true,
        },
    })));
}

fuzz_target!(|input: &[u8]| {
    let mut lines = input.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let (method, path) = first.split_at(
        first
            .iter()
            .position(|byte| *byte == b' ')
            .unwrap_or_default(),
    );
    let fields: Vec<_> = lines.filter_map(field).collect();
    let all = |wanted: &[u8]| -> Vec<&[u8]> {
        fields
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| *value)
            .collect()
    };
    let first = |wanted: &[u8]| all(wanted).first().copied().unwrap_or_default();
    let head = RequestHead {
        method,
        path: path.get(1..).unwrap_or_default(),
        authorization: all(b"authorization"),
        content_types: all(b"content-type"),
        user_agent: first(b"user-agent"),
        forwarded_for: all(b"x-forwarded-for"),
        cookies: all(b"cookie"),
        api_client: first(b"x-zot-api-client"),
        client: std::str::from_utf8(first(b"client")).unwrap_or_default(),
        connection: Connection {
            peer: first(b"peer"),
            tls_version: first(b"tls"),
            mtls: !all(b"mtls").is_empty(),
            certificate: &[],
            summary: None,
        },
    };
    SITE.with(|site| check(site, &head, first(b"body")));
});

fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    Some((line.get(..colon)?, line.get(colon + 1..)?.trim_ascii()))
}

fn check(site: &Site, head: &RequestHead<'_>, body: &[u8]) {
    let mut gathered = Gathered::default();
    for _ in 0..64 {
        match site.decide(head, &gathered) {
            Verdict::Allow(grant) => {
                if *grant.rule() == GrantRule::Public {
                    return assert!(!head.path.starts_with(b"/v2/"), "public");
                }
                // No token is good here.
                let credential = Credential::read(&head.authorization, Passwords::Tokens);
                assert_eq!(
                    credential,
                    Ok(Credential::Anonymous),
                    "let in with a bad credential"
                );
                assert!(
                    grant.identity().is_anonymous() && is_open(head),
                    "let in: {:?}",
                    grant.rule()
                );
                return;
            }
            Verdict::Reply(answer) => {
                return assert_eq!(&*answer.username, "", "nobody has a name");
            }
            Verdict::Deny(_) => return,
            Verdict::Need(Need::Tag(name)) => gathered.tags.push((name, TagAnswer::Missing)),
            Verdict::Need(Need::Body) => gathered.body = Some(RequestBody::Whole(body.to_vec())),
            Verdict::Need(Need::Catalog(listing)) => {
                gathered.catalog = Some((listing, UpstreamPage::default()));
            }
            Verdict::Need(Need::Keys { .. }) => panic!("all keys are here"),
            Verdict::Need(Need::Login(_)) => panic!("nobody logs in here"),
            Verdict::Need(Need::Time) => panic!("the time is exact"),
        }
    }
    panic!("it needs more than it can ask for");
}

fn is_open(head: &RequestHead<'_>) -> bool {
    let path = head
        .path
        .split(|byte| *byte == b'?')
        .next()
        .unwrap_or_default();
    match head.method {
        b"GET" | b"HEAD" => {
            [&b"/v2/public/"[..], b"/v2/_zot/", b"/v2/_oci/ext/"]
                .iter()
                .any(|start| path.starts_with(start))
                || matches!(path, b"/v2" | b"/v2/")
        }
        b"PUT" | b"POST" | b"PATCH" => path.starts_with(b"/v2/inbox/"),
        _ => false,
    }
}
