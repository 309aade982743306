//! People: `keys` on the command line, and what `check` and `serve` say of them.

use serde_json::json;

use crate::intake::PUSH_KEY;
use crate::shim::{Folder, command, output, text};

const HASH: &str = "ae23b5902d484da35e6d8fd7013adcc9ed1927618e907dc6e9dbd5de2410c535";
const UUID: &str = "46a45ce7-5d92-498a-a9cb-9654b1da3da1";

/// Exit status, and everything that was printed.
async fn run(arguments: &[&str]) -> anyhow::Result<(Option<i32>, String)> {
    let mut command = command(arguments);
    command.env("REGISTRY_AUTH_PUSH_KEY", PUSH_KEY);
    let output = output(command).await?;
    let all = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8(all)?))
}

#[tokio::test]
async fn keys_of_zot_are_imported_listed_and_deleted() {
    let folder = Folder::new().unwrap();
    let details = json!({
        "createdAt": "2026-01-02T03:04:05Z", "expirationDate": "0001-01-01T00:00:00Z", "isExpired": false,
        "creatorUa": "", "generatedBy": "manual", "lastUsed": "0001-01-01T00:00:00Z",
        "label": "ci\u{1b}[31m", "scopes": null, "uuid": UUID,
    });
    let keys = json!({
        "UserAPIKeys": { HASH: "ann" },
        "UserData": { "ann": { "APIKeys": { HASH: details } } },
    });
    let from = folder.write("keys.json", &keys.to_string()).unwrap();
    let store = folder.path("store");
    let (from, store) = (text(&from).unwrap(), text(&store).unwrap());
    let listed = format!("ann\t{UUID}\tci\\u{{1b}}[31m\tldap\t");
    let rows: [(&[&str], i32, &str); 9] = [
        (&["list"], 1, "there is no store"),
        (
            &["import", "--from", from, "--method", "mtls"],
            1,
            "`mtls` is no method",
        ),
        (
            &["import", "--from", store, "--method", "ldap"],
            1,
            "cannot read",
        ),
        (
            &["import", "--from", from, "--method", "ldap"],
            0,
            "imported 1 API keys",
        ),
        (&["list"], 0, &listed),
        (&["list", "--user", "ben"], 0, ""),
        (&["delete", "--user", "ann", "--id", "x"], 1, "no such key"),
        (&["delete", "--user", "ann"], 0, UUID),
        (&["delete", "--user", "ann"], 1, "no such key"),
    ];
    for (arguments, status, part) in rows {
        let all = [&["keys"], arguments, &["--store", store]].concat();
        let (found, said) = run(&all).await.unwrap();
        assert_eq!(found, Some(status), "{arguments:?}: {said}");
        assert!(
            said.contains(part) && !said.contains(HASH),
            "{arguments:?}: {said}"
        );
    }
    std::fs::write(store, "damaged").unwrap();
    let (found, said) = run(&["keys", "list", "--store", store]).await.unwrap();
    assert!(found == Some(1) && said.contains("is damaged"), "{said}");
}

#[tokio::test]
async fn what_is_wrong_with_people_is_said_before_anything_starts() {
    let folder = Folder::new().unwrap();
    let users = folder.write("users", "ann:plain\n").unwrap();
    let users = text(&users).unwrap();
    let write = |name: &str, auth: serde_json::Value| {
        let document = json!({ "http": { "auth": auth, "accessControl": {
            "repositories": { "**": { "policies": [{ "users": ["ann"], "actions": ["read"] }] } } } } });
        folder.write(name, &document.to_string()).unwrap()
    };
    let good = write(
        "good",
        json!({ "htpasswd": { "path": users }, "apiKey": true }),
    );
    let missing = write(
        "missing",
        json!({ "htpasswd": { "path": "/nowhere/users" } }),
    );
    let empty = write("empty", json!({ "htpasswd": {} }));
    let lonely = write(
        "lonely",
        json!({ "apiKey": true, "bearer": { "realm": "r", "service": "s" } }),
    );
    let [good, missing, empty, lonely] =
        [&good, &missing, &empty, &lonely].map(|path| text(path).unwrap());
    let envoy = "http://127.0.0.1:1";
    let rows: [(&[&str], i32, &str); 8] = [
        (
            &["check", "--short", "--zot", "--config", good],
            0,
            "zot: http.auth.apiKey: D41",
        ),
        (
            &["check", "--short", "--config", missing],
            1,
            "http.auth.htpasswd.path: the file `/nowhere/users` cannot be read",
        ),
        (&["check", "--zot", "--config", empty], 1, "D17"),
        (&["check", "--config", lonely], 1, "http.auth.apiKey"),
        (
            &["serve", "--config", good, "--envoy", envoy],
            1,
            "registry-auth run",
        ),
        (
            &[
                "serve",
                "--config",
                missing,
                "--envoy",
                envoy,
                "--login",
                "127.0.0.1:0",
            ],
            1,
            "cannot be read",
        ),
        (
            &[
                "serve",
                "--config",
                good,
                "--envoy",
                envoy,
                "--login",
                "0.0.0.0:1",
            ],
            2,
            "loopback",
        ),
        (
            &[
                "serve",
                "--config",
                good,
                "--envoy",
                envoy,
                "--login",
                "unix:/nowhere/socket",
                "--store",
                "x",
            ],
            1,
            "cannot listen for logins",
        ),
    ];
    for (arguments, status, part) in rows {
        let (found, said) = run(arguments).await.unwrap();
        assert_eq!(found, Some(status), "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
}
