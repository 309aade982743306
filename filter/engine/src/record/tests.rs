use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::authn::cache::IdentityCache;
use crate::authn::verify::PureRust;
use crate::config::{self, Role};
use crate::decision::Verdict;
use crate::facts::{Facts, Gathered};
use crate::keys::source::KeyRing;
use crate::request::RequestHead;
use crate::trace::Recorder;
use crate::{Compiled, Diagnostics, compile};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

fn compiled() -> Compiled {
    let condition = json!({ "expression": "req.tag != 'latest'", "message": "push a version" });
    let entry = json!({ "users": ["ann"], "actions": ["create"], "conditions": [condition] });
    let document = json!({
        "http": { "accessControl": { "repositories": {
            "open/**": { "anonymousPolicy": ["read"] },
            "shut/**": { "policies": [entry] },
        } } , "auth": { "mtls": {} } },
    });
    let (role, mut diagnostics): (_, Diagnostics) = config::decode_value(document);
    let Role::Filter(document) = role else {
        panic!("{diagnostics:?}")
    };
    compile(&document, &mut diagnostics).unwrap_or_else(|| panic!("{diagnostics:?}"))
}

/// A request of the tests.
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) id: &'a str,
}

fn record(method: &str, path: &str, id: &str) -> Value {
    let mut made = Value::Null;
    with_record(&Asked { method, path, id }, |record| {
        let text = record.to_json();
        assert!(text.len() <= MAX_RECORD && !text.contains('\n'), "{text}");
        made = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    });
    made
}

/// Decides a request, and passes its record.
pub(super) fn with_record(asked: &Asked<'_>, then: impl FnOnce(&Record<'_>)) {
    let engine = compiled().engine;
    let keys = KeyRing::of(engine.sources());
    let facts = Facts {
        keys: &keys,
        gathered: &Gathered::default(),
        now: NOW.into(),
    };
    let head = RequestHead {
        method: asked.method.as_bytes(),
        path: asked.path.as_bytes(),
        ..RequestHead::default()
    };
    let trace = Trace::default();
    let recorder = Recorder::of(&trace);
    let verdict = engine.record(
        &head,
        &facts,
        &mut IdentityCache::default(),
        &PureRust,
        recorder,
    );
    let decided = match &verdict {
        Verdict::Allow(grant) => Decided::Allowed(grant),
        Verdict::Reply(reply) => Decided::Answered(reply),
        Verdict::Deny(denied) => Decided::Denied(denied),
        Verdict::Need(need) => panic!("{need:?}"),
    };
    then(&Record {
        decided,
        trace: Some(&trace),
        time: Some(NOW),
        waited: Duration::from_millis(7),
        request: ReplyTo {
            method: head.method,
            target: head.path,
            id: asked.id.as_bytes(),
            trace: "",
        },
        client: "10.0.0.7",
        policy: "0123456789abcdef",
        shadow: None,
    });
}

#[test]
fn a_record_says_what_was_decided_and_why() {
    let common = json!({ "time": "2027-01-15T08:00:00Z", "policy": "0123456789abcdef", "waited_ms": 7, "client": { "ip": "10.0.0.7" } });
    let rows = [
        (
            ("GET", "/v2/open/a/manifests/v1?ns=x"),
            json!({
                "decision": "allow", "action": "read", "repository": "open/a", "reference": "v1",
                "rule": { "path": "repositories[\"open/**\"].anonymousPolicy", "pattern": "open/**" },
                "method": "GET", "path": "/v2/open/a/manifests/v1", "groups": [],
            }),
        ),
        (
            ("PUT", "/v2/shut/a/manifests/v1"),
            json!({
                "decision": "challenge", "status": 401, "reason": "no_credential",
                "action": "create|update", "repository": "shut/a", "reference": "v1",
                "method": "PUT", "path": "/v2/shut/a/manifests/v1", "groups": [],
            }),
        ),
        (
            ("PATCH", "/v2/"),
            json!({
                "decision": "deny", "status": 405, "reason": "method_not_allowed", "method": "PATCH", "path": "/v2/",
            }),
        ),
    ];
    for ((method, path), expected) in rows {
        let mut all = common.clone();
        let members = all.as_object_mut().unwrap();
        members.extend(expected.as_object().unwrap().clone());
        assert_eq!(record(method, path, ""), all, "{method} {path}");
    }
}

#[test]
fn only_an_id_that_a_proxy_makes_is_repeated() {
    let long = "a".repeat(65);
    let rows = [
        ("8de09b0e-9e1c-4b8e-9d5e-6f3e1d1f0a11", true),
        ("8de09b0e.1:2_3", true),
        ("", false),
        ("a b", false),
        ("a\"b", false),
        ("a\r\nset-cookie: x", false),
        ("\u{e9}", false),
        (long.as_str(), false),
    ];
    for (id, is_shown) in rows {
        let record = record("GET", "/v2/", id);
        let expected = is_shown.then(|| Value::from(id));
        assert_eq!(record.get("id"), expected.as_ref(), "{id:?}");
    }
}

#[test]
fn no_text_makes_a_record_long_or_breaks_it() {
    let texts = [
        "x".repeat(100_000),
        "\u{1}".repeat(100_000),
        "\"\\\n".repeat(40_000),
        "\u{20ac}".repeat(40_000),
        "\u{10ffff}\u{2028}\u{7f}".repeat(10_000),
    ];
    for text in texts {
        let mut denied = Denied::new(Reason::ValidationFailed);
        denied.detail = Some(text.as_str().into());
        denied.cause = Some(text.clone());
        denied.username = Some(Arc::from(text.as_str()));
        let trace = Trace::default();
        Recorder::of(&trace).note(|subject| {
            subject.repository.clone_from(&text);
            subject.reference.clone_from(&text);
            subject.issuer = Some(text.clone());
            subject.claims = Some(json!({ "a": text.get(..96) }).to_string());
        });
        let json = Record {
            decided: Decided::Denied(&denied),
            trace: Some(&trace),
            time: Some(NOW),
            waited: Duration::ZERO,
            request: ReplyTo {
                method: text.as_bytes(),
                target: text.as_bytes(),
                id: b"i",
                trace: "",
            },
            client: &text,
            policy: "p",
            shadow: None,
        }
        .to_json();
        assert!(json.len() <= MAX_RECORD, "{}", json.len());
        let record: Value = serde_json::from_str(&json).unwrap();
        for name in [
            "time",
            "id",
            "decision",
            "status",
            "reason",
            "repository",
            "user",
        ] {
            assert!(record.get(name).is_some(), "{name}: {json}");
        }
        // No member is left out without a word.
        let is_cut = record.get("cut").is_some();
        let complete = [
            "issuer", "detail", "cause", "method", "client", "claims", "path",
        ];
        let is_complete = complete.iter().all(|name| record.get(*name).is_some());
        assert_eq!(is_cut, !is_complete, "{json}");
        let user = record["user"].as_str().unwrap();
        let length = format!("... ({} bytes)", text.len());
        assert!(user.ends_with(&length), "{user}");
    }
}
