//! Reads YAML as strictly as JSON is read.

use registry_auth_engine::json::StrictValue;
use serde_json::Value;

/// Converts a YAML document to JSON. Duplicate keys are errors; the parser bounds the expansion of
/// aliases.
///
/// As in zot's loader, `yes` and `on` are strings, and merge keys (`<<`) are merged. A tag that
/// YAML does not define is an error, since what other tools do for it (`!include`, `!reset`) would
/// not happen here.
pub(super) fn parse(text: &[u8]) -> Result<Value, String> {
    let options = serde_saphyr::options! { strict_booleans: true, reject_unsupported_tags: true };
    let value =
        serde_saphyr::from_slice_with_options(text, options).map(|StrictValue(value)| value);
    value.map_err(|error| {
        // The parser's message may quote the document, which may hold secrets: keep only the
        // position.
        let place = error
            .location()
            .map(|at| format!(" at line {}, column {}", at.line(), at.column()));
        format!("not valid YAML{}", place.unwrap_or_default())
    })
}
