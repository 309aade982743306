//! The rows of `tests/fixtures/identity-passwords.json`: what zot does, and where this project
//! differs.

use serde_json::Value;

/// One row.
pub(crate) struct Row {
    /// Its name.
    pub(crate) id: String,
    /// What is given.
    pub(crate) input: Value,
    /// What zot answers, with what is different here in the place of it.
    pub(crate) expect: Value,
}

/// The whole file.
pub(crate) fn all() -> Value {
    let text = include_str!("../../../tests/fixtures/identity-passwords.json");
    serde_json::from_str(text).unwrap()
}

/// The rows of one area.
pub(crate) fn rows(area: &str) -> Vec<Row> {
    let all = all();
    let rows = all["rows"].as_array().unwrap().iter();
    let rows: Vec<_> = rows
        .filter(|row| row["area"] == area)
        .map(|row| {
            let mut expect = row["expect"].clone();
            for (name, value) in row["ours"].as_object().into_iter().flatten() {
                expect[name] = value.clone();
            }
            Row {
                id: row["id"].as_str().unwrap().to_owned(),
                input: row["input"].clone(),
                expect,
            }
        })
        .collect();
    assert!(!rows.is_empty(), "{area}");
    rows
}

/// Each row is tested where `cases.json` says; the tests of an area fail if one of its rows is not.
#[test]
fn every_row_has_its_place() {
    let places: Value = serde_json::from_str(include_str!("cases.json")).unwrap();
    let mut places: Vec<&str> = places
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let all = all();
    let rows = all["rows"].as_array().unwrap().iter();
    let mut rows: Vec<&str> = rows.map(|row| row["id"].as_str().unwrap()).collect();
    places.sort_unstable();
    rows.sort_unstable();
    assert_eq!(places, rows);
}
