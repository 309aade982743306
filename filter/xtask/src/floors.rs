//! Checks that the imports of the filter have no cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of `filter/src`, lowest first. A module imports those of lower floors only.
const FLOORS: [&[&str]; 14] = [
    &["attribute"],
    &["host"],
    &["client"],
    &[
        "callout",
        "clock",
        "contexts",
        "gate",
        "head",
        "logging",
        "login",
        "metrics",
        "pushed_store",
        "tick",
        "upstream",
        "verifier",
    ],
    &["config_info", "next_policy"],
    &["records"],
    &["enforce", "keys", "pending"],
    &["parked"],
    &["filter", "intake"],
    &["role"],
    &["roots"],
    &["plugin"],
    &["abi", "embed"],
    &["lib"],
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../src")
}

/// Returns modules by path (`keys::source` for `keys/source.rs`) with their code without comments.
fn modules() -> BTreeMap<String, String> {
    let mut modules = BTreeMap::new();
    let mut folders = vec![source()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(source()).unwrap().with_extension("");
                let name = name
                    .iter()
                    .map(|part| part.to_str().unwrap())
                    .collect::<Vec<_>>()
                    .join("::");
                let text = fs::read_to_string(&path).unwrap();
                let code = text
                    .lines()
                    .map(|line| line.split("//").next().unwrap_or_default());
                modules.insert(name, code.collect::<Vec<_>>().join("\n"));
            }
        }
    }
    modules
}

/// Returns what follows each `keyword::` in some code: one name, or those in braces.
fn names_after<'a>(code: &'a str, keyword: &str) -> Vec<&'a str> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut names = Vec::new();
    for (index, found) in code.match_indices(keyword) {
        let (before, rest) = code.split_at(index);
        let (_, rest) = rest.split_at(found.len());
        if before.ends_with(is_part) {
            continue;
        }
        let list = match rest.strip_prefix('{') {
            Some(braced) => braced
                .split('}')
                .next()
                .unwrap_or_default()
                .split(',')
                .collect(),
            None => vec![rest],
        };
        names.extend(list.into_iter().map(|item| {
            item.trim_start()
                .split(|letter| !is_part(letter))
                .next()
                .unwrap_or_default()
        }));
    }
    names
}

fn room(module: &str) -> &str {
    module.split("::").next().unwrap_or_default()
}

fn floor(room: &str) -> usize {
    FLOORS
        .iter()
        .position(|floor| floor.contains(&room))
        .unwrap_or_else(|| panic!("`{room}` has no floor"))
}

#[test]
fn modules_of_the_filter_import_those_of_lower_floors_only() {
    let modules = modules();
    let rooms: BTreeSet<&str> = modules.keys().map(|module| room(module)).collect();
    assert_eq!(
        rooms,
        FLOORS
            .iter()
            .flat_map(|floor| floor.iter().copied())
            .collect()
    );
    for (module, code) in &modules {
        let own = room(module);
        for imported in names_after(code, "crate::")
            .into_iter()
            .filter(|name| rooms.contains(name) && *name != own)
        {
            assert!(
                floor(imported) < floor(own),
                "`{module}` imports `{imported}`"
            );
        }
    }
}

/// Resolves a name in a module to the module that it refers to.
fn target<'a>(modules: &'a BTreeMap<String, String>, base: &str, name: &str) -> Option<&'a str> {
    let full = if base.is_empty() {
        name.to_owned()
    } else {
        format!("{base}::{name}")
    };
    modules
        .get_key_value(&full)
        .or_else(|| modules.get_key_value(base))
        .map(|(module, _)| module.as_str())
}

#[test]
fn files_of_the_filter_do_not_import_each_other_in_a_circle() {
    let modules = modules();
    let parent = |module: &str| {
        module
            .rsplit_once("::")
            .map_or(String::new(), |(parent, _)| parent.to_owned())
    };
    let imports = |module: &str| -> BTreeSet<&str> {
        let Some(code) = modules.get(module) else {
            return BTreeSet::new();
        };
        let places = [
            ("crate::", String::new()),
            ("super::", parent(module)),
            ("self::", module.to_owned()),
        ];
        let names = places.iter().flat_map(|(keyword, base)| {
            names_after(code, keyword)
                .into_iter()
                .filter_map(|name| target(&modules, base, name))
        });
        names.filter(|imported| *imported != module).collect()
    };
    // A module with no remaining imports is assigned to a floor; those of a cycle never are.
    let mut left: BTreeSet<&str> = modules.keys().map(String::as_str).collect();
    loop {
        let (rest, free): (BTreeSet<&str>, BTreeSet<&str>) = left.iter().partition(|module| {
            imports(module)
                .iter()
                .any(|imported| left.contains(imported))
        });
        if free.is_empty() {
            assert!(rest.is_empty(), "a circle among {rest:?}");
            break;
        }
        left = rest;
    }
}
