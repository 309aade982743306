//! A repository pattern and a name, a line each: whether it matches is what trying everything says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use registry_auth_engine::authz::Pattern;
use registry_auth_engine::decision::Verdict;
use registry_auth_engine::facts::Gathered;
use registry_auth_engine::request::RequestHead;
use registry_auth_fuzz::site::Site;
use registry_auth_fuzz::{check_line, grammar};
use serde_json::json;

#[path = "../../suite/cases/src/reference/glob.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "only the matching is needed of it"
)]
mod reference;

/// What trying everything can do.
const LONGEST: usize = 48;

fuzz_target!(|input: &[u8]| {
    let Some((pattern, name)) = std::str::from_utf8(input)
        .ok()
        .and_then(|text| text.split_once('\n'))
    else {
        return;
    };
    if let Err(error) = Pattern::compile(pattern) {
        return check_line(&error.to_string());
    }
    let is_plain = pattern.len() <= LONGEST
        && pattern
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    // Not supported by the other implementation: special characters inside a class, where they are
    // literal.
    let classes = pattern
        .split('[')
        .skip(1)
        .filter_map(|rest| rest.split(']').next());
    let is_plain = is_plain
        && !classes
            .into_iter()
            .any(|class| class.is_empty() || class.contains(['/', '{', '}', ',', '*']));
    // Nor stars that meet when alternatives are put in: two they stay.
    let is_plain = is_plain
        && !["*{", "}*", "}{"]
            .iter()
            .any(|meeting| pattern.contains(meeting));
    if !is_plain || pattern.contains("${") || pattern.bytes().any(|byte| byte.is_ascii_uppercase())
    {
        return;
    }
    let site = Site::new(&json!({
        "http": { "accessControl": { "repositories": { pattern: { "anonymousPolicy": ["read"] } } } },
    }));
    if !grammar::is_name(name) || name.len() > LONGEST {
        return;
    }
    let target = format!("/v2/{name}/tags/list");
    let head = RequestHead {
        method: b"GET",
        path: target.as_bytes(),
        ..RequestHead::default()
    };
    let is_match = matches!(site.decide(&head, &Gathered::default()), Verdict::Allow(_));
    assert_eq!(
        is_match,
        reference::matches(pattern, name),
        "{pattern} on {name}"
    );
});
