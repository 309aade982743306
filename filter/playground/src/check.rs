//! What `registry-auth check` finds.

use registry_auth_engine::UnixTime;
use registry_auth_engine::config::raw::Document;
use registry_auth_engine::config::{Role, decode_value};
use registry_auth_lint::{Finding, Level, Reading, Report, foreign};
use registry_auth_policy::tests;
use serde_json::Value;

use crate::document::{self, Compiled};
use crate::findings::Findings;
use crate::text::{self, Format, Load};

/// Returns the errors of a configuration that was read to this: they take no time, and where there
/// are none, the page decides.
#[must_use]
pub(crate) fn errors(load: &Load, value: &Value, compiled: &Compiled) -> Findings {
    let mut found = match foreign(value) {
        Some(finding) => vec![finding],
        None => reading(value, compiled, None).findings(),
    };
    found.retain(|finding| finding.level == Level::Error);
    shown(load, found)
}

/// Returns all findings, those of the configuration's own tests too.
#[must_use]
pub(crate) fn all(load: &Load, now: UnixTime) -> Findings {
    let value = match text::read(&load.text, load.format) {
        Ok(value) => value,
        Err(finding) => return shown(load, vec![finding]),
    };
    if let Some(finding) = foreign(&value) {
        return shown(load, vec![finding]);
    }
    let compiled = document::read(&value, &load.files);
    let mut compiled = document::as_run(&value, &load.files, compiled);
    if let (Some(engine), Some(document)) = (&compiled.engine, &compiled.document) {
        let broken = tests::check(document.tests.as_ref(), engine, now);
        compiled.found.errors.extend(broken);
    }
    let written = match decode_value(value.clone()) {
        (Role::Filter(document), _) => Some(document),
        _ => None,
    };
    let reading = reading(&value, &compiled, written.as_deref());
    shown(load, reading.findings())
}

/// Returns what is wrong with a text that cannot be read.
#[must_use]
pub(crate) fn shown(load: &Load, found: Vec<Finding>) -> Findings {
    let file = match load.format {
        Format::Json => "policy.json",
        Format::Yaml => "policy.yaml",
    };
    Findings::of(Report::new(file.to_owned(), load.text.as_bytes(), found))
}

const fn reading<'a>(
    value: &'a Value,
    compiled: &'a Compiled,
    document: Option<&'a Document>,
) -> Reading<'a> {
    Reading {
        value,
        errors: compiled.found.errors.as_slice(),
        warnings: compiled.found.warnings.as_slice(),
        document,
        asks_upstream: compiled.is_completed,
    }
}
