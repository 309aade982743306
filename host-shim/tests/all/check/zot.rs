//! What `check` says about differences to zot.

use serde_json::{Value, json};

use super::{check, check_for};
use crate::sample::FIRST;
use crate::shim::Folder;

#[tokio::test]
async fn what_differs_from_zot_is_pointed_out_where_the_file_touches_it() {
    let folder = Folder::new().unwrap();
    let oidc = json!({"oidc": {"issuer": "https://i.example", "audiences": "a", "cluster": "i"}});
    let mapped = |expression: &str| {
        let mut bearer = oidc.clone();
        bearer["oidc"]["claimMapping"] = json!({"username": expression});
        bearer
    };
    let cert =
        |bypass: bool| json!({"cert": FIRST, "audiences": "a", "bypassAccessControl": bypass});
    let read = json!({"defaultPolicy": ["read"]});
    let control = |pattern: &str, group: Value| json!({"repositories": {pattern: group}});
    let conditional = |action: &str| json!({"policies": [{"users": "u", "actions": action, "conditions": {"expression": "true"}}]});
    let two = |one: &str, other: &str| json!({"repositories": {one: read, other: read}});
    let group =
        |name: &str| json!({"repositories": {"**": read}, "groups": {name: {"users": ["u"]}}});
    // (bearer, accessControl, starts of the `zot:` lines)
    let rows: [(&Value, Value, &[&str]); 19] = [
        (&oidc, json!({}), &["http.accessControl: D2"]),
        (
            &oidc,
            json!({"adminPolicy": {"users": "root", "actions": "read"}}),
            &[],
        ),
        (
            &cert(false),
            control("**", read.clone()),
            &["http.auth.bearer: D3", "http.auth.bearer: D4"],
        ),
        (
            &cert(true),
            control("**", read.clone()),
            &["http.auth.bearer: D4"],
        ),
        (
            &oidc,
            two("a/*", "*/b"),
            &["http.accessControl.repositories[\"*/b\"]: D8"],
        ),
        (&oidc, two("a/b", "a/c"), &[]),
        (&oidc, two("a/*", "a/**"), &[]),
        (
            &oidc,
            control("a", json!({"anonymousPolicy": "read"})),
            &[
                "http.accessControl.repositories[\"a\"].anonymousPolicy: D9",
                "http.accessControl: anonymousPolicy applies with `bearer` too",
            ],
        ),
        (
            &oidc,
            control(
                "a",
                json!({"anonymousPolicy": "read", "defaultPolicy": "read"}),
            ),
            &["http.accessControl: anonymousPolicy applies with `bearer` too"],
        ),
        (
            &json!(null),
            control("a", json!({"anonymousPolicy": "read"})),
            &["http.accessControl: requests with a credential are refused"],
        ),
        (
            &oidc,
            control("a", conditional("read")),
            &["http.accessControl.repositories[\"a\"].policies[0].conditions: D12"],
        ),
        (&oidc, control("a", conditional("create")), &[]),
        (
            &oidc,
            group("Dev"),
            &["http.accessControl.groups[\"Dev\"]: D14"],
        ),
        (&oidc, group("dev"), &[]),
        (
            &mapped("claims.email"),
            control("a", read.clone()),
            &["http.auth.bearer.oidc[0].claimMapping.username: D15"],
        ),
        (&mapped("claims.sub"), control("a", read.clone()), &[]),
        (
            &oidc,
            control("a[!b]", read.clone()),
            &["http.accessControl.repositories[\"a[!b]\"]: D16"],
        ),
        (
            &oidc,
            control("a[/b]", read.clone()),
            &["http.accessControl.repositories[\"a[/b]\"]: D16"],
        ),
        (&oidc, control("a[bc]", read.clone()), &[]),
    ];
    for (bearer, control, expected) in rows {
        let auth = if bearer.is_null() {
            json!({})
        } else {
            json!({"bearer": bearer})
        };
        let document = json!({"http": {"auth": auth, "accessControl": control}});
        let (code, lines) = check(&folder, "zot.json", &document.to_string())
            .await
            .unwrap();
        // It loads, whatever is said of it.
        let is_refused = lines.iter().any(|line| line.starts_with("error: "));
        assert!(code.is_some() && !is_refused, "{document}: {lines:?}");
        let found: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.strip_prefix("zot: "))
            .collect();
        assert_eq!(found.len(), expected.len(), "{document}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{document}: {found}");
        }
    }
}

#[tokio::test]
async fn a_delay_of_refusals_that_zot_does_not_hold_is_pointed_out() {
    let folder = Folder::new().unwrap();
    let bearer = json!({"oidc": {"issuer": "https://i.example", "audiences": "a", "cluster": "i"}});
    let control = json!({"repositories": {"**": {"defaultPolicy": "read"}}});
    let line =
        "zot: http.auth.failDelay: responses to bad tokens are delayed too; zot sends them at once";
    for (seconds, auth, expected) in [
        (1, json!({"bearer": bearer}), &[line] as &[&str]),
        (0, json!({"bearer": bearer}), &[]),
        (1, json!({"mtls": {}}), &[]),
    ] {
        let mut document = json!({"http": {"auth": auth, "accessControl": control}});
        document["http"]["auth"]["failDelay"] = json!(seconds);
        let (code, lines) = check_for("filter", &folder, "delay.json", &document.to_string())
            .await
            .unwrap();
        assert_eq!(
            (code, lines),
            (
                Some(0),
                expected.iter().map(|line| (*line).to_owned()).collect()
            ),
            "{document}"
        );
    }
}

#[tokio::test]
async fn blobs_that_zot_shares_between_repositories_are_pointed_out() {
    let folder = Folder::new().unwrap();
    let bearer = json!({"oidc": {"issuer": "https://i.example", "audiences": "a", "cluster": "i"}});
    let control = json!({"repositories": {"**": {"defaultPolicy": "read"}}});
    let (own, a, b) = (
        "storage.dedupe: D48",
        "storage.subPaths[\"/a\"].dedupe: D48",
        "storage.subPaths[\"/b\"].dedupe: D48",
    );
    // (storage, mounts, starts of the `zot:` lines)
    let rows: [(Value, bool, &[&str]); 9] = [
        (json!(null), false, &[]),
        (json!({"rootDirectory": "/x"}), false, &[own]),
        (
            json!({"rootDirectory": "/x", "dedupe": true}),
            false,
            &[own],
        ),
        (
            json!({"rootDirectory": "/x", "dedupe": null}),
            false,
            &[own],
        ),
        (json!({"rootDirectory": "/x", "dedupe": false}), false, &[]),
        (json!({"rootdirectory": "/x", "Dedupe": false}), false, &[]),
        (
            json!({"dedupe": false, "subPaths": {"/a": {"dedupe": false}, "/b": {}}}),
            false,
            &[b],
        ),
        (
            json!({"subpaths": {"/a": {"dedupe": true}, "/b": {"dedupe": false}}}),
            false,
            &[own, a],
        ),
        (json!({"dedupe": false}), true, &["proxy.mounts: D48"]),
    ];
    for (storage, mounts, expected) in rows {
        let http = json!({"auth": {"bearer": bearer}, "accessControl": control});
        let document = json!({"http": http, "proxy": {"mounts": mounts}, "storage": storage});
        let (code, lines) = check(&folder, "storage.json", &document.to_string())
            .await
            .unwrap();
        assert_eq!(code, Some(0), "{document}: {lines:?}");
        let found: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.strip_prefix("zot: "))
            .collect();
        assert_eq!(found.len(), expected.len(), "{document}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{document}: {found}");
        }
    }
}
