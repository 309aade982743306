//! The text of a configuration as a value.

use registry_auth_engine::json::{self, StrictValue};
use registry_auth_lint::{Finding, form, position};
use serde::Deserialize;
use serde_json::Value;

/// The longest text that is read, in bytes. A proxy takes longer ones; a page has to stay quick.
pub(crate) const MAX_TEXT: usize = 1 << 20;

/// How a configuration is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// JSON.
    Json,
    /// YAML.
    #[default]
    Yaml,
}

impl Format {
    /// The same for findings.
    #[must_use]
    pub(crate) const fn of_lint(self) -> registry_auth_lint::Format {
        match self {
            Self::Json => registry_auth_lint::Format::Json,
            Self::Yaml => registry_auth_lint::Format::Yaml,
        }
    }
}

/// Reads a text as strictly as the programs do.
///
/// # Errors
/// What is wrong with its form.
pub(crate) fn read(text: &str, format: Format) -> Result<Value, Finding> {
    if text.len() > MAX_TEXT {
        let length = text.len();
        let message = format!("has {length} bytes; this page reads {MAX_TEXT} at most");
        return Err(Finding::new("invalid", "", message));
    }
    let value = match format {
        Format::Json => json::parse(text.as_bytes()).map_err(|error| error.to_string()),
        Format::Yaml => yaml(text),
    };
    let value = value.and_then(|value| match value {
        Value::Null => Err("is empty".to_owned()),
        value => Ok(value),
    });
    value.map_err(|said| {
        let at = position(text.as_bytes(), &said);
        form(text.as_bytes(), format.of_lint(), &said, at)
    })
}

fn yaml(text: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! { strict_booleans: true, reject_unsupported_tags: true };
    let value = serde_saphyr::from_str_with_options(text, options);
    // Only the place: the message may quote the document, and it would bring a renderer of excerpts.
    value.map(|StrictValue(value)| value).map_err(|error| {
        let place = error.location();
        let place = place.map(|at| format!(" at line {}, column {}", at.line(), at.column()));
        format!("not valid YAML{}", place.unwrap_or_default())
    })
}
