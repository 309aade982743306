//! The text of a configuration as a value.

use std::collections::BTreeMap;

use registry_auth_engine::json;
use registry_auth_lint::{Finding, form, position};
use serde::Deserialize;
use serde_json::Value;

use crate::yaml::{self, YamlError};

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

/// A configuration as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Load {
    /// Its text.
    pub(crate) text: String,
    /// How it is written.
    #[serde(default)]
    pub(crate) format: Format,
    /// The files that the configuration names, by their paths.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
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
    yaml::read(text).map_err(|error| {
        let YamlError { what, line, column } = error;
        format!("not valid YAML: {what} at line {line}, column {column}")
    })
}
