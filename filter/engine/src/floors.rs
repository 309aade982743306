//! The floors of the engine: which module may use which.

use std::path::Path;

/// A module may use those of the rows above its own, and those to the left of it in its row;
/// whatever it is, it may use `registry_auth_cel`, which knows nothing of this crate. The picture
/// in `lib.rs` is this table upside down.
const FLOORS: [&[&str]; 12] = [
    &[
        "json", "url", "time", "reason", "request", "media", "x509", "trace",
    ],
    // Scopes are those of tokens and of challenges, and of questions to the registry.
    &["route", "access", "scope"],
    // Facts hold a page of the catalog, and a catalog ends in a reply.
    &["reply", "catalog"],
    &["config"],
    // What the filter and the login service say to each other is proven with the push key.
    &["keys", "login"],
    // A question is answered with a fact, and requests are parked while one is missing. What a
    // request is about (`topic`) names the source of keys.
    &["facts", "question", "parking", "topic"],
    &["authn"],
    &["authz"],
    // What a caller may do (`authority`), and what changes in the head of a request that is granted
    // (`edits`).
    &["decision", "authorizer", "edits", "ping", "record"],
    &["token_endpoint"],
    &["engine"],
    &["compile"],
];

/// Adds what is wrong with the imports of the files below `folder`, which is of the module `room`;
/// none is the root.
#[expect(
    clippy::disallowed_methods,
    reason = "the sources are what this test is about"
)]
fn check(folder: &Path, room: Option<&str>, wrong: &mut Vec<String>) {
    let height = |name: &str| {
        FLOORS
            .iter()
            .flat_map(|row| row.iter())
            .position(|known| *known == name)
    };
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let is_test =
            ["tests", "properties", "floors"].contains(&name) || name.starts_with("test_");
        if is_test || name == "testdata" || room.is_none() && name == "lib" {
            continue;
        }
        let own = room.unwrap_or(name);
        if path.is_dir() {
            check(&path, Some(own), wrong);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        // Tests may use whatever they like, and comments may name it.
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let code: String = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        for used in code.split("crate::").skip(1) {
            let used = used
                .split(|char: char| !char.is_ascii_alphanumeric() && char != '_')
                .next()
                .unwrap();
            if height(used).is_none() || used != own && height(used) >= height(own) {
                wrong.push(format!("{}: uses `crate::{used}`", path.display()));
            }
        }
        let leaves = code.contains("super::super")
            || (room.is_none() || name == "mod") && code.contains("super::");
        if leaves || height(own).is_none() {
            wrong.push(format!(
                "{}: leaves its module, or is none of the table",
                path.display()
            ));
        }
    }
}

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    check(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        None,
        &mut wrong,
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}
