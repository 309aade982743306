//! The floors of the crate: which file may use which.

use std::path::Path;

/// A file may use those of the rows above its own, and those to the left of it in its row.
const FLOORS: [&[&str]; 7] = [
    // What an expression is and may be, whatever it does.
    &[
        "scope", "types", "limits", "error", "syntax", "bounds", "parse",
    ],
    &["signatures", "members", "precision", "tree"],
    // What is there while an expression is evaluated.
    &["budget", "re2", "pattern_set", "evaluation", "document"],
    &[
        "patterns",
        "select",
        "sets",
        "text",
        "functions",
        "environment",
    ],
    // What is done to an expression before.
    &["constants", "operators", "check", "meter", "expression"],
    &["bindings"],
    &["evaluate"],
];

fn height(name: &str) -> Option<usize> {
    FLOORS
        .iter()
        .flat_map(|row| row.iter())
        .position(|known| *known == name)
}

/// Returns the names after `super::` or `crate::` in the code of a file, without tests and comments.
fn uses(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code: String = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let mut names = Vec::new();
    for start in ["super::", "crate::"] {
        for rest in code.split(start).skip(1) {
            let list = match rest.strip_prefix('{') {
                Some(list) => list.split('}').next().unwrap_or_default(),
                None => rest,
            };
            // `{a, b::C}` names two files, `a::{B, C}` one.
            let items = if rest.starts_with('{') {
                list.split(',').collect()
            } else {
                vec![list]
            };
            names.extend(items.into_iter().map(|item| {
                item.trim()
                    .chars()
                    .take_while(|char| char.is_alphanumeric() || *char == '_')
                    .collect::<String>()
            }));
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the sources are what this test is about"
)]
fn imports_point_down() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let is_test =
            ["tests", "conformance", "values", "zot_signatures", "floors"].contains(&name);
        if is_test || name == "lib" || path.is_dir() {
            continue;
        }
        files += 1;
        let own = height(name);
        if own.is_none() {
            wrong.push(format!("{name}: is not in the table"));
        }
        for used in uses(&std::fs::read_to_string(&path).unwrap()) {
            if height(&used).is_none() || height(&used) >= own {
                wrong.push(format!("{name}: uses `{used}`"));
            }
        }
    }
    assert_eq!(files, FLOORS.iter().map(|row| row.len()).sum::<usize>());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_way_to_name_a_file_is_seen() {
    let text = "use super::a::{B, C};\nuse super::{d, e::F};\n// super::g\nlet x = crate::h::i();\n#[cfg(test)]\nuse super::j;";
    assert_eq!(uses(text), ["a", "d", "e", "h"]);
}
