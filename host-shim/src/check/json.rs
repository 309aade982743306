//! Findings as JSON.

use registry_auth_lint::{Level, Located, Report};
use serde_json::{Value, json};

/// An object with `findings`, and how many there are of each level.
pub(crate) fn text(reports: &[&Report]) -> String {
    let findings: Vec<Value> = reports
        .iter()
        .flat_map(|report| report.found.iter().map(|one| finding(report, one)))
        .collect();
    let count = |level: Level| {
        reports
            .iter()
            .map(|report| report.count(level))
            .sum::<usize>()
    };
    let whole = json!({
        "errors": count(Level::Error),
        "dangers": count(Level::Danger),
        "warnings": count(Level::Warning),
        "findings": findings,
    });
    format!("{whole:#}")
}

fn finding(report: &Report, one: &Located) -> Value {
    let finding = &one.finding;
    let lines = report.lines();
    let at = |byte: Option<usize>| byte.map(|byte| lines.position(byte));
    let start = at(one.bytes.as_ref().map(|bytes| bytes.start));
    let end = at(one.bytes.as_ref().map(|bytes| bytes.end));
    let mut value = json!({
        "id": finding.id,
        "level": finding.level.name(),
        "file": report.file,
        "path": finding.path,
        "message": finding.message,
        "write": finding.write,
        "line": start.map(|(line, _)| line),
        "column": start.map(|(_, column)| column),
        "endLine": end.map(|(line, _)| line),
        "endColumn": end.map(|(_, column)| column),
    });
    // What is not known is left out.
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    value
}
