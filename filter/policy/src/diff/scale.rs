//! Large policies: what is compared within the limits, and what is refused.

use serde_json::{Map, Value, json};

use super::tests::{Built, built};
use super::*;

const MANY: usize = 10_000;

fn policy(patterns: impl Iterator<Item = String>, group: &Value, more: &[(&str, Value)]) -> Built {
    let patterns = patterns.map(|pattern| (pattern, group.clone()));
    let more = more
        .iter()
        .map(|(pattern, group)| ((*pattern).to_owned(), group.clone()));
    built(&json!({ "repositories": patterns.chain(more).collect::<Map<_, _>>() }))
}

fn teams(group: &Value, more: &[(&str, Value)]) -> Built {
    policy(
        (0..MANY).map(|number| format!("team-{number}/**")),
        group,
        more,
    )
}

fn count(old: &Built, new: &Built) -> Result<usize, DiffError> {
    compare(old.side(), new.side()).map(|found| found.len())
}

#[test]
fn ten_thousand_patterns_are_compared() {
    let [none, read, write] = [json!([]), json!(["read"]), json!(["create"])]
        .map(|actions| json!({ "defaultPolicy": actions }));
    let old = teams(&read, &[("**", none.clone())]);
    let rows = vec![
        // One rule differs, for one of many patterns and for the one that all others hide.
        (
            teams(&read, &[("**", none.clone()), ("team-7/app", none.clone())]),
            1,
        ),
        (teams(&read, &[("**", read.clone())]), 1),
        // All of them differ.
        (teams(&write, &[("**", none.clone())]), 2 * MANY),
        (
            teams(&read, &[("**", none.clone()), ("*/app", write.clone())]),
            1,
        ),
        (teams(&read, &[("${username}/**", write.clone())]), 1),
        (teams(&read, &[("*/${username}/**", write.clone())]), 3),
    ];
    for (new, expected) in rows {
        assert_eq!(count(&old, &new), Ok(expected));
    }
}

#[test]
fn patterns_that_overlap_too_much_are_refused() {
    let group = |actions: &[&str]| json!({ "defaultPolicy": actions });
    let stars = |number: usize| format!("**/*{number:03}*/**/*{number:03}*");
    let [old, new] = [group(&[]), group(&["read"])];
    let of = |group: &Value| policy((0..200).map(stars), group, &[]);
    assert_eq!(count(&of(&old), &of(&new)), Err(DiffError::TooLarge));
}
