//! What is wrong with a configuration, and where.

use registry_auth_engine::config::ConfigError;
use serde::Serialize;

use crate::places::{Place, Places};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// The filter refuses the configuration.
    Error,
    /// The filter takes it.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Finding {
    /// What kind of finding it is.
    pub(crate) id: &'static str,
    /// How bad it is.
    pub(crate) level: Level,
    /// What is wrong, and what to write instead.
    pub(crate) message: String,
    /// Where in the configuration; empty for the document.
    pub(crate) path: String,
    /// Where in the text; absent for the document.
    pub(crate) place: Option<Place>,
}

impl Finding {
    /// The finding of the engine, with its place.
    #[must_use]
    pub(crate) fn of(id: &'static str, level: Level, error: ConfigError, places: &Places) -> Self {
        let ConfigError { path, message } = error;
        Self {
            id,
            level,
            message,
            place: places.of(&path),
            path,
        }
    }
}
