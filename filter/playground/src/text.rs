//! The text of a configuration as a value.

use registry_auth_engine::json::{self, StrictValue};
use serde::Deserialize;
use serde_json::Value;

use crate::findings::{Finding, Level};
use crate::places::{Place, Places};

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

/// Reads a text as strictly as the programs do; returns the value, and where each part of it is.
///
/// # Errors
/// What is wrong with its form.
pub(crate) fn read(text: &str, format: Format) -> Result<(Value, Places), Finding> {
    let wrong = |message: String, place| Finding {
        id: "syntax",
        level: Level::Error,
        message,
        path: String::new(),
        place,
    };
    if text.len() > MAX_TEXT {
        let message = format!(
            "the configuration has {} bytes; this page reads {MAX_TEXT} at most",
            text.len()
        );
        return Err(wrong(message, None));
    }
    if text.trim().is_empty() {
        let message = "is empty: write an object with at least the section `http`";
        return Err(wrong(message.to_owned(), None));
    }
    match format {
        Format::Json => match json::parse(text.as_bytes()) {
            // Its form is right: if the places cannot be read, nothing but the places is missing.
            Ok(value) => Ok((value, Places::read(text, format).unwrap_or_default())),
            Err(error) => {
                let (line, column) = error.place();
                let place = Some(Place::at(line.max(1), column.max(1)));
                Err(wrong(error.to_string(), place))
            }
        },
        Format::Yaml => {
            let places = Places::read(text, format);
            let options =
                serde_saphyr::options! { strict_booleans: true, reject_unsupported_tags: true };
            let value = serde_saphyr::from_str_with_options(text, options);
            match (value, places) {
                (Ok(StrictValue(value)), places) => Ok((value, places.unwrap_or_default())),
                (Err(_), Err((message, place))) => {
                    Err(wrong(format!("not valid YAML: {message}"), Some(place)))
                }
                (Err(error), Ok(_)) => {
                    let at = |at: serde_saphyr::Location| {
                        let [line, column] = [at.line(), at.column()];
                        Place::at(number(line), number(column))
                    };
                    let place = error.location().map(at);
                    let message = error.to_string();
                    let first = message.lines().next().unwrap_or_default();
                    let message = ["duplicate", "nesting", "tag"]
                        .iter()
                        .any(|known| first.contains(known));
                    let message = if message { first } else { "not valid YAML" };
                    Err(wrong(message.to_owned(), place))
                }
            }
        }
    }
}

fn number(number: impl TryInto<usize>) -> usize {
    number.try_into().unwrap_or(1).max(1)
}
