//! The payload of a token that is really signed: a verdict lets it through only if every claim says
//! so, and no changed token at all.

#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use registry_auth_engine::authn::cache::IdentityCache;
use registry_auth_engine::decision::Verdict;
use registry_auth_engine::facts::Gathered;
use registry_auth_engine::request::RequestHead;
use registry_auth_fuzz::site::{NOW, Site};
use registry_auth_fuzz::token;
use serde_json::{Value, json};

thread_local! {
    static OIDC: LazyCell<Site> = LazyCell::new(|| Site::new(&json!({
        "http": {
            "auth": { "bearer": { "realm": "registry", "oidc": [{
                "issuer": token::ISSUER,
                "audiences": [token::AUDIENCE],
                "jwks": token::jwks(),
                "claimMapping": { "username": "claims.sub", "groups": "has(claims.groups) ? claims.groups : []" },
            }] } },
            "accessControl": { "repositories": { "team/**": { "defaultPolicy": ["read"] } } },
        },
    })));
    static SERVER: LazyCell<Site> = LazyCell::new(|| Site::new(&json!({
        "http": { "auth": { "bearer": {
            "realm": "registry",
            "cert": token::jwks().to_string(),
            "issuer": token::ISSUER,
            "audiences": [token::AUDIENCE],
        } } },
    })));
}

fuzz_target!(|payload: &[u8]| {
    let good = token::sign(payload);
    let claims: Value = serde_json::from_slice(payload).unwrap_or_default();
    // The same for good tokens and changed ones: an entry of the cache for one must not apply to
    // the other.
    let [mut oidc, mut server] = [IdentityCache::default(), IdentityCache::default()];
    OIDC.with(|site| {
        if let Some(user) = admits(site, &mut oidc, &good) {
            assert_common(&claims);
            assert!(
                claims["iat"]
                    .as_f64()
                    .is_some_and(|issued| issued <= now() + 300.0),
                "without iat, or in the future"
            );
            assert_eq!(claims["sub"].as_str(), Some(&*user));
        }
    });
    SERVER.with(|site| {
        if let Some(user) = admits(site, &mut server, &good) {
            assert_common(&claims);
            assert_eq!(claims["sub"].as_str().unwrap_or_default(), user);
            let entries = claims["access"].as_array().expect("without access");
            assert!(
                entries.iter().any(covers),
                "the access claim does not cover it"
            );
        }
    });
    let place = payload.iter().fold(payload.len(), |sum, byte| {
        sum.wrapping_mul(31).wrapping_add((*byte).into())
    });
    let mut changed = good.clone().into_bytes();
    let place = place % changed.len();
    changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).expect("ASCII");
    for (site, cache) in [(&OIDC, &mut oidc), (&SERVER, &mut server)] {
        site.with(|site| {
            assert_eq!(
                admits(site, cache, &changed),
                None,
                "a changed token is let through: byte {place}"
            );
        });
    }
});

/// Who is let through with a token.
fn admits(site: &Site, cache: &mut IdentityCache, token: &str) -> Option<String> {
    let authorization = format!("Bearer {token}");
    let head = RequestHead {
        method: b"GET",
        path: b"/v2/team/app/tags/list",
        authorization: vec![authorization.as_bytes()],
        ..RequestHead::default()
    };
    match site.decide_with(cache, &head, &Gathered::default()) {
        Verdict::Allow(grant) => Some(grant.identity().username().to_owned()),
        // Another key id may be that of a new key.
        Verdict::Deny(_) | Verdict::Need(_) => None,
        Verdict::Reply(answer) => panic!("{answer:?}"),
    }
}

/// What both kinds of tokens must say.
fn assert_common(claims: &Value) {
    let audiences: Vec<_> = match &claims["aud"] {
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    assert_eq!(claims["iss"].as_str(), Some(token::ISSUER));
    assert!(audiences.contains(&token::AUDIENCE), "for {audiences:?}");
    let seconds = |name: &str| {
        claims
            .get(name)
            .map(|date| date.as_f64().expect("dates are numbers"))
    };
    assert!(
        seconds("exp").is_some_and(|expires| expires > now()),
        "it has ended"
    );
    assert!(
        seconds("nbf").is_none_or(|begins| begins <= now() + 300.0),
        "it has not begun"
    );
    assert!(claims.get("events").is_none(), "it is a security event");
}

#[expect(
    clippy::cast_precision_loss,
    reason = "seconds of this century are exact"
)]
fn now() -> f64 {
    NOW.secs() as f64
}

fn covers(entry: &Value) -> bool {
    let actions = entry["actions"].as_array().into_iter().flatten();
    entry["type"] == "repository"
        && entry["name"] == token::REPOSITORY
        && actions
            .filter_map(Value::as_str)
            .any(|action| matches!(action, "pull" | "*"))
}
