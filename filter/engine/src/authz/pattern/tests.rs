//! Rows of doublestar 4.10.0 itself, and what is different here on purpose.

use serde_json::Value as Json;

use super::*;
use crate::authz::index::PatternIndex;

fn matches(pattern: &str, name: &str) -> Result<bool, PatternError> {
    let pattern = Pattern::compile(pattern)?;
    Ok(PatternIndex::build(vec![(pattern, ())])
        .unwrap()
        .find(name, None)
        .is_some())
}

fn table() -> Json {
    serde_json::from_str(include_str!("../testdata/globs.json")).unwrap()
}

/// (pattern, name, reason) of rows that do not hold here.
const DIFFERENT: &[(&str, &str, &str)] = &[
    ("[!a]", "/", "a class never matches a slash"),
    (
        "a}",
        "a}",
        "what the configuration check refuses is refused",
    ),
    ("", "", "the empty pattern is refused"),
    ("", "a", "the empty pattern is refused"),
    (
        "?",
        "\u{e9}",
        "repository names are ASCII, and globset matches bytes",
    ),
];

#[test]
fn patterns_match_as_in_doublestar() {
    let table = table();
    let rows = table["match"].as_array().unwrap();
    assert_eq!(rows.len(), 97);
    for row in rows {
        let (pattern, name) = (
            row["pattern"].as_str().unwrap(),
            row["name"].as_str().unwrap(),
        );
        let expected = if row["err"].is_string() {
            None
        } else {
            row["match"].as_bool()
        };
        let found = matches(pattern, name).ok();
        let different = DIFFERENT
            .iter()
            .any(|(p, n, _)| (*p, *n) == (pattern, name));
        assert_eq!(
            found != expected,
            different,
            "{pattern} on {name}: {found:?}"
        );
    }
}

#[test]
fn what_zot_refuses_at_start_is_refused() {
    let table = table();
    let rows = table["validate"].as_object().unwrap();
    assert_eq!(rows.len(), 20);
    for (pattern, valid) in rows {
        let valid = valid.as_bool().unwrap() && !pattern.is_empty();
        assert_eq!(Pattern::compile(pattern).is_ok(), valid, "{pattern}");
    }
}

#[test]
fn further_rules_of_the_language_hold() {
    let rows = [
        ("a[!b]c", "a/c", false),
        ("a[/]c", "a/c", false),
        ("a[.-0]c", "a/c", false),
        ("a[.-0]c", "a0c", true),
        ("a[!/]c", "abc", true),
        ("[!]", "x", false),
        ("[\\]x-]y", "]y", true),
        ("[\\]x-]y", "-y", true),
        ("[!\\]x-]y", "-y", false),
        ("[\\^]", "^", true),
        ("[\\!\\^]", "!", true),
        ("[\\!\\^]", "^", true),
        ("[a\\-c]", "b", false),
        ("[c-a]", "b", false),
        ("[[]", "[", true),
        ("[-^]", "a", false),
        ("[-^]", "^", true),
        ("[-!]", "a", false),
        ("[-!]", "-", true),
        ("[!-^]", "a", true),
        ("[^\\-!]", "-", false),
        ("[a-c-]", "-", true),
        ("[a-c-]", "b", true),
        ("[a-c\\-x]", "d", false),
        ("pre{**}", "pre/x", true),
        ("pre{**}", "prex", true),
        ("pre{**}", "pre", true),
        ("pre{**}", "pr", false),
        ("x{**}y", "xay", true),
        ("x{**}y", "x/y", false),
        ("a/**/", "a", true),
        ("*/**/", "a", true),
        ("a/**/", "a/b", false),
        ("{a,b}/**/", "b", true),
        ("{a,**}/b", "x/y/b", true),
        ("{team/*,lib}/**", "team/a", true),
        ("{team/*,lib}/**", "team", false),
        ("{team/*,lib}/**", "lib/a/b", true),
        ("a/{b,}", "a/", true),
        ("a*{*}", "a/b", false),
        ("a*{*}", "abc", true),
        ("a/**/**/b", "a/b", true),
        ("**/a/**", "a", true),
        ("**/a/**", "x/a/y", true),
        ("**/a/**", "xa/y", false),
        ("a,b", "a,b", true),
        ("\\{a\\}", "{a}", true),
        ("team-?/app", "team-1/app", true),
        ("x*\\*y", "x/*y", false),
    ];
    for (pattern, name, expected) in rows {
        assert_eq!(
            matches(pattern, name) == Ok(true),
            expected,
            "{pattern} on {name}"
        );
    }
}

#[test]
fn limits_hold_before_the_work_is_done() {
    let rows = [
        ("a".repeat(513), PatternError::TooLong),
        ("{a,b}".repeat(7), PatternError::TooManyAlternatives),
        ("{a,b}".repeat(100), PatternError::TooManyAlternatives),
        ("{a,{b,{c,d}}}".repeat(4), PatternError::TooManyAlternatives),
        ("x{**}".repeat(7), PatternError::TooManyAlternatives),
        ("{".repeat(17) + &"}".repeat(17), PatternError::TooDeep),
        (String::new(), PatternError::Empty),
    ];
    for (pattern, expected) in rows {
        assert_eq!(
            Pattern::compile(&pattern).map(drop),
            Err(expected),
            "{pattern}"
        );
    }
    assert!(Pattern::compile(&"{a,b}".repeat(6)).is_ok());
    assert!(Pattern::compile(&"*".repeat(512)).is_ok());
}

#[test]
fn a_place_for_the_callers_name_is_one_whole_component() {
    for pattern in [
        "${username}",
        "${username}/**",
        "a/${username}",
        "{a,b}/*/${username}/?",
        "[a-c]/${username}/{x,y/z}",
    ] {
        assert!(
            Pattern::compile(pattern).is_ok_and(|pattern| pattern.is_template()),
            "{pattern}"
        );
    }
    let refused = [
        "[${username}]/**",
        "a${username}/**",
        "${username}-app",
        "${username}/${username}",
        "${username}/${user}",
        "${other}/**",
        "${",
        "\\${username}/a",
        "{${username},a}/**",
        "{a/${username}/b,c}",
        "[/${username}/]",
        "a[/${username}/b]",
        "${username}/\u{1}",
    ];
    for pattern in refused {
        assert_eq!(
            Pattern::compile(pattern).map(drop),
            Err(PatternError::Template),
            "{pattern}"
        );
    }
}

#[test]
fn the_callers_name_stands_for_itself_alone() {
    let rows = [
        ("${username}/**", "bob", "bob/app", true),
        ("${username}/**", "bob", "bob", true),
        ("${username}/**", "bob", "bobby/app", false),
        ("${username}/**", "bob", "team/bob", false),
        ("${username}", "bob", "bob/app", false),
        ("**/${username}/**", "bob", "a/bob/b", true),
        ("**/${username}/**", "bob", "bob", true),
        ("?/${username}", "a", "a/a", true),
        ("?/${username}", "bob", "bob/bob", false),
        ("*/${username}", "bob", "bob/bob", true),
        ("[!a]*/${username}", "bob", "bob/bob", true),
        ("{a,b/c}/${username}/x", "bob", "b/c/bob/x", true),
        ("users/${username}", "", "users/", false),
        ("users/${username}", "*", "users/*", false),
        ("users/${username}", "a/b", "users/a/b", false),
        ("users/${username}", "Bob", "users/Bob", false),
        ("users/${username}", "..", "users/..", false),
        ("users/${username}", "a:b", "users/a:b", false),
        ("users/${username}", "\u{1}", "users/\u{1}", false),
        (
            "users/${username}",
            "${username}",
            "users/${username}",
            false,
        ),
    ];
    for (pattern, user, name, expected) in rows {
        let pattern = Pattern::compile(pattern).unwrap();
        let index = PatternIndex::build(vec![(pattern.clone(), ())]).unwrap();
        assert_eq!(
            index.find(name, Some(user)).is_some(),
            expected,
            "{} for {user} on {name}",
            pattern.text()
        );
        // Whatever the pattern, nobody else's name fits.
        assert!(
            index.find(name, Some("somebody")).is_none(),
            "{} on {name}",
            pattern.text()
        );
    }
}
