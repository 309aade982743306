//! A plugin configuration: it compiles, or each error is one line with its place; what it does not
//! open stays closed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use registry_auth_engine::config::{self, Role};
use registry_auth_engine::decision::{GrantRule, Verdict};
use registry_auth_engine::facts::Gathered;
use registry_auth_engine::request::RequestHead;
use registry_auth_fuzz::site::Site;
use registry_auth_fuzz::{CANARY, check_line, work};
use serde_json::Value;

const TARGETS: [&str; 6] = [
    "/v2/",
    "/v2/_catalog",
    "/v2/team/app/tags/list",
    "/v2/a/manifests/v1",
    "/v2/team/app/blobs/sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "/healthz",
];

fuzz_target!(|text: &[u8]| {
    let (role, mut diagnostics) = work::linear(text, config::decode);
    let site = Site::of_role(&role, &mut diagnostics);
    let quotable = has_quotable_canary(text);
    for note in diagnostics.errors.iter().chain(&diagnostics.warnings) {
        check_line(&note.to_string());
        assert!(
            quotable || !note.to_string().contains(CANARY),
            "a message shows a part of a key: {note}"
        );
    }
    let (Some(site), Role::Filter(document)) = (site, &role) else {
        return;
    };
    assert!(diagnostics.errors.is_empty());
    let groups = document
        .access_control
        .iter()
        .flat_map(|control| control.repositories.values());
    let open = groups
        .flat_map(|group| &group.anonymous_policy)
        .next()
        .is_some();
    for target in TARGETS {
        for method in ["GET", "PUT", "DELETE"] {
            let head = RequestHead {
                method: method.as_bytes(),
                path: target.as_bytes(),
                ..RequestHead::default()
            };
            let Verdict::Allow(grant) = site.decide(&head, &Gathered::default()) else {
                continue;
            };
            let is_public = *grant.rule() == GrantRule::Public;
            assert!(open || is_public, "{method} {target} is open to everybody");
            assert!(
                !is_public || !target.starts_with("/v2/"),
                "{target} is public"
            );
            assert!(grant.identity().is_anonymous());
        }
    }
});

/// Returns true if the canary is where messages may quote it: anywhere but inside keys, and in key
/// ids.
fn has_quotable_canary(text: &[u8]) -> bool {
    let Ok(mut document) = serde_json::from_slice(text) else {
        return false;
    };
    hide_keys(&mut document);
    document.to_string().contains(CANARY)
}

fn hide_keys(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match name.to_ascii_lowercase().as_str() {
                    "cert" | "certificateauthority" => *value = Value::Null,
                    "jwks" => *value = ids(value),
                    _ => hide_keys(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide_keys),
        _ => {}
    }
}

/// Members of a JWK Set that messages may quote.
fn ids(jwks: &Value) -> Value {
    jwks["keys"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|key| key["kid"].clone())
        .collect()
}
