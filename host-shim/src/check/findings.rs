//! All that is found in one file, each with its place.

use std::path::Path;

use registry_auth_lint::{Format, Reading, Report, foreign, form, position};

use crate::configuration::{self, Configuration, View};
use crate::file::shown;

/// Reads and checks a configuration.
pub(super) fn of(file: &Path, text: &[u8], view: View<'_>) -> (Configuration, Report) {
    let name = shown(file);
    let value = match configuration::parsed(file, text) {
        Ok(value) => value,
        Err(found) => {
            let said = found.errors.first();
            let said = said.map(|error| error.message.as_str()).unwrap_or_default();
            let at = position(text, said);
            let finding = form(text, Format::of(&name), said, at);
            return (
                Configuration::default(),
                Report::new(name, text, vec![finding]),
            );
        }
    };
    if let Some(finding) = foreign(&value) {
        return (
            Configuration::default(),
            Report::new(name, text, vec![finding]),
        );
    }
    let asks_upstream = matches!(view, View::Proxy(_));
    let configuration = Configuration::seen(value.clone(), view);
    let reading = Reading {
        value: &value,
        errors: configuration.errors(),
        warnings: configuration.warnings(),
        document: configuration.written(),
        asks_upstream,
    };
    let found = reading.findings();
    (configuration, Report::new(name, text, found))
}
