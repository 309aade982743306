//! Logs as a whole: what is counted, grouped, and kept.

use super::*;

#[test]
fn lines_of_others_are_counted_and_the_rest_is_grouped() {
    let old = configuration("claims.sub", rule("", json!(["read", "create"])));
    let new = configuration("claims.sub", rule("", json!(["create"])));
    let nested = json!({ "status": 200, "registry_auth": record(json!({ "id": "8" })) });
    let text = json!({ "status": 200, "decision": record(json!({ "id": "9" })).to_string() });
    let good = record(json!({}));
    let lines: Vec<Vec<u8>> = vec![
        good.to_string().into(),
        nested.to_string().into(),
        text.to_string().into(),
        "[2026-01-01] GET /v2/ 200".into(),
        good.to_string().replace('}', "").into(),
        b"{\"action\":\"read\",\"repository\":\"a/b\",\"user\":\"\xff\"}".to_vec(),
        "  ".into(),
        record(json!({ "user": "x" })).to_string().into(),
    ];
    let report = replayed(&old, &new, &lines);
    let expected = "replay   4 requests: 1 same, 3 newly refused, 0 newly allowed, 0 undecidable\n         \
        3 lines without a record\n         \
        1 request was decided in another way than by the old policy: another one wrote the log\n         \
        newly refused: 3 x u read a/**, last id 9\n\
        unused   policies[0] of a/** granted nothing in this log\n";
    assert_eq!(report.to_string(), expected);
    let empty = replayed(&old, &new, &[]);
    assert_eq!(empty, Report::default());
    let shown = "replay   0 requests: 0 same, 0 newly refused, 0 newly allowed, 0 undecidable\n";
    assert_eq!(empty.to_string(), shown);
}

#[test]
fn what_is_remembered_is_bounded() {
    let old = configuration(
        "claims.sub",
        json!({ "repositories": { "**": { "defaultPolicy": ["read"] } } }),
    );
    let new = configuration("claims.sub", json!({ "repositories": {} }));
    let line = |user: usize| {
        record(json!({ "user": format!("user-{user}") }))
            .to_string()
            .into_bytes()
    };
    let lines: Vec<_> = (0..3_000).map(line).collect();
    let report = replayed(&old, &new, &lines);
    assert_eq!((report.newly_refused, report.groups.len()), (3_000, 1_000));
    assert!(
        report.to_string().contains("newly refused: 2,980 x others"),
        "{report}"
    );
}

#[test]
fn a_record_that_a_log_has_twice_counts_once() {
    let policy = configuration("claims.sub", rule("", json!(["read"])));
    let line = |more: Value| record(more).to_string().into_bytes();
    let within = json!({ "registry_auth": record(json!({})).to_string() }).to_string();
    let access = json!({ "message": within, "target": "access" }).to_string();
    let other = line(json!({ "user": "v" }));
    let no_id = line(json!({ "id": null }));
    let lines = [
        line(json!({})),
        access.into_bytes(),
        // A client may choose the id of somebody else, and some proxies give none.
        other,
        no_id.clone(),
        no_id,
    ];
    let report = replayed(&policy, &policy, &lines);
    assert_eq!(
        (report.requests, report.repeated, report.foreign),
        (4, 1, 0)
    );
    assert!(report.to_string().contains("1 record was there before"));
}

#[test]
fn no_rule_is_unused_that_an_undecidable_request_may_have_used() {
    let policy = configuration("claims.sub", rule("", json!(["read"])));
    let cut = "u... (5000 bytes)";
    let lines = [record(json!({ "user": cut })).to_string().into_bytes()];
    let report = replayed(&policy, &policy, &lines);
    assert_eq!(
        (report.undecidable(), report.unused.as_slice()),
        (1, [].as_slice())
    );
    let nothing = record(json!({ "repository": "b" }))
        .to_string()
        .into_bytes();
    assert_eq!(replayed(&policy, &policy, &[nothing]).unused.len(), 1);
}
