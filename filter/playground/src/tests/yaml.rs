//! YAML is read as the programs read it.

use std::fs;
use std::path::{Path, PathBuf};

use registry_auth_engine::json::StrictValue;
use serde_json::Value;

use crate::yaml;

/// What people write, and write wrong.
const PIECES: [&str; 40] = [
    "a: 1",
    "a: 01",
    "a: 1_000",
    "a: _1",
    "a: 0x1F",
    "a: 0X1F",
    "a: 0o17",
    "a: 0b11",
    "a: -0x1",
    "a: 1.5",
    "a: .5",
    "a: 5.",
    "a: 1e3",
    "a: 1e999",
    "a: .inf",
    "a: -.nan",
    "a: nan",
    "a: +7",
    "a: --1",
    "a: 18446744073709551616",
    "a: -9223372036854775808",
    "a: yes",
    "a: TRUE",
    "a: tRUE",
    "a: ~",
    "a: 'null'",
    "a: ''",
    "a:",
    "a: !!str 1",
    "a: ! 1",
    "1: a",
    "~: a",
    "? a",
    "? [a]\n: 1",
    "a: |\n  b\n   c\n",
    "a: >-\n  b\n  c\n",
    "a: \"\\u00e9\\n\"",
    "a: 1 # b",
    "a: 2001-01-01",
    "a: 1:2",
];

/// With anchors, merges, documents, and names twice.
const DOCUMENTS: [&str; 38] = [
    "a: &x { b: 1, c: 2 }\nd: { <<: *x, c: 3 }",
    "a: &x { b: 1 }\ny: &y { b: 2, e: 3 }\nd: { <<: [*x, *y], c: 3 }",
    "a: { c: 1, <<: { c: 2, d: 3 } }",
    "a: { '<<': { c: 2 } }",
    "a: { <<: 1 }",
    "a: { <<: [1] }",
    "a: { <<: }",
    "a: { <<: { b: 1 }, <<: { c: 1 } }",
    "a: &a [*a]",
    "a: *b",
    "&a b: 1\nc: *a",
    "a: &a b\n*a : 1",
    "a: &a { b: 1 }\nc: *a\nd: [*a, *a]",
    "a: &a 1\nb: &a 2\nc: *a",
    "a: 1\na: 2",
    "a: { b: 1, \"b\": 2 }",
    "1: a\n\"1\": b",
    "0x10: a\n16: b",
    "0x10: a\n0x10: b",
    "0o17: a\n15: b",
    "1.0: a\n1: b",
    "1_0: a\n10: b",
    "true: a\nTrue: b",
    "+1: a\n1: b",
    "0x10: a\n\"16\": b",
    "0x10: a\n\"0x10\": b",
    "1.5: a\n1.50: b",
    "-0: a\n0: b",
    "007: a\n7: b",
    "18446744073709551616: a\n18446744073709551616: b",
    "a: { 0x1F: b, 31: c, \"0x1F\": d }",
    "a: 1\n---\nb: 2",
    "--- \na: 1\n...\n",
    "%YAML 1.2\n---\na: 1",
    "null: a",
    ": a",
    "- a\n- [b, { c: d }]\n- - e",
    "",
];

fn theirs(text: &str) -> Option<Value> {
    let options = serde_saphyr::options! { strict_booleans: true, reject_unsupported_tags: true };
    let value = serde_saphyr::from_str_with_options(text, options).ok();
    value.map(|StrictValue(value)| value)
}

/// Compares both; a tag may be refused here and read there.
fn compare(text: &str) -> Option<String> {
    let ours = yaml::read(text);
    let is_tag = matches!(&ours, Err(error) if error.what.starts_with("a tag"));
    let theirs = theirs(text);
    (!is_tag && ours.as_ref().ok() != theirs.as_ref())
        .then(|| format!("{text:?}:\n  {ours:?}\n  {theirs:?}"))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path
            .extension()
            .is_some_and(|ending| ending == "yaml" || ending == "yml")
        {
            found.push(path);
        }
    }
}

#[test]
fn what_is_written_means_what_the_programs_read() {
    let deep = |levels: usize| format!("a: {}1{}", "[".repeat(levels), "]".repeat(levels));
    let mut texts: Vec<String> = PIECES
        .into_iter()
        .chain(DOCUMENTS)
        .map(str::to_owned)
        .collect();
    texts.extend(
        PIECES
            .iter()
            .map(|piece| format!("x:\n- {}\n", piece.replace('\n', "\n  "))),
    );
    texts.extend([deep(62), deep(63), deep(64), deep(5000)]);
    let wrong: Vec<_> = texts.iter().filter_map(|text| compare(text)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_and_what_a_slip_makes_of_them_are_read_alike() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for folder in [
        "tests/mistakes",
        "filter/policy/ready",
        "filter/playground/samples",
        "examples",
        "envoy",
    ] {
        files(&root.join(folder), &mut found);
    }
    assert!(found.len() > 100, "{}", found.len());
    let mut wrong = Vec::new();
    // The same each time: a generator of pseudo-random numbers.
    let mut state = 17_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    for path in found {
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        if text.contains("{{") || text.len() > 20_000 {
            continue;
        }
        wrong.extend(compare(&text));
        let slips = [
            "", "\n", " ", "  ", ":", "- ", "#", "'", "\"", "[", "}", ", ", "&a ", "*a", "<<: ",
            "~", "0x", "!", "|\n", "\t",
        ];
        for _ in 0..8 {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let at = places[random(places.len())];
            let mut slipped = text.clone();
            slipped.replace_range(at..at, slips[random(slips.len())]);
            if random(2) == 0 {
                slipped.remove(at);
            }
            wrong.extend(compare(&slipped));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
