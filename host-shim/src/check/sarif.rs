//! Findings as SARIF 2.1.0, which code scanning reads.
//!
//! The few members that are needed, as JSON: the crates for the whole format compile its schema, and
//! bring a second generation of crates that are here.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use registry_auth_lint::{IDS, Level, Located, PAGE, Report};
use serde_json::{Value, json};

/// One run with all findings.
pub(crate) fn text(reports: &[&Report]) -> String {
    let rules: Vec<Value> = IDS
        .iter()
        .map(|(id, level, means)| {
            json!({
                "id": id,
                "shortDescription": { "text": means },
                "helpUri": format!("{PAGE}#{id}"),
                "defaultConfiguration": { "level": level_of(*level) },
            })
        })
        .collect();
    let results: Vec<Value> = reports
        .iter()
        .flat_map(|report| report.found.iter().map(|one| result(report, one)))
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "registry-auth",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}")
}

fn result(report: &Report, one: &Located) -> Value {
    let finding = &one.finding;
    let write = finding
        .write
        .as_ref()
        .map(|write| format!("\nwrite: {write}"));
    let region = one.bytes.as_ref().map(|bytes| {
        let lines = report.lines();
        let (line, column) = lines.position(bytes.start);
        let (end_line, end_column) = lines.position(bytes.end);
        json!({ "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column })
    });
    let file = json!({ "uri": uri(&report.file) });
    let physical = match region {
        Some(region) => json!({ "artifactLocation": file, "region": region }),
        None => json!({ "artifactLocation": file }),
    };
    json!({
        "ruleId": finding.id,
        "level": level_of(finding.level),
        "message": { "text": format!("{}{}", finding.message, write.unwrap_or_default()) },
        "locations": [{
            "physicalLocation": physical,
            "logicalLocations": [{ "fullyQualifiedName": finding.path }],
        }],
    })
}

/// SARIF has no word for a danger.
const fn level_of(level: Level) -> &'static str {
    match level {
        Level::Error | Level::Danger => "error",
        Level::Warning => "warning",
    }
}

/// What stays as it is in the path of a reference (RFC 3986 section 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// A path as a relative reference.
fn uri(file: &str) -> String {
    utf8_percent_encode(file, ENCODED).to_string()
}
