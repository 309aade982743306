//! Rows of what zot does, with what is different here, and a provider for them.

mod addresses;
mod claim_rows;
mod config_rows;
mod flow_rows;
mod github_rows;
pub(crate) mod issuer;
mod metadata_rows;
mod sealed_rows;
mod token_rows;

use serde_json::Value;

/// A row of `cases.json`.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) input: Value,
    /// What is expected: what zot does, unless we do something else.
    pub(super) expect: Value,
}

/// Returns the rows of an area.
pub(super) fn rows(area: &str) -> Vec<Row> {
    let all: Vec<Value> = serde_json::from_str(include_str!("tests/cases.json")).unwrap();
    let rows = all.into_iter().filter(|row| row["area"] == area);
    let rows: Vec<Row> = rows
        .map(|mut row| {
            let mut expect = row["expect"].take();
            if let Value::Object(ours) = row["ours"].take() {
                if ours.contains_key("status") {
                    expect = Value::Object(ours);
                } else {
                    expect.as_object_mut().unwrap().extend(ours);
                }
            }
            Row {
                id: row["id"].as_str().unwrap().to_owned(),
                input: row["input"].take(),
                expect,
            }
        })
        .collect();
    assert!(!rows.is_empty(), "{area}");
    rows
}
