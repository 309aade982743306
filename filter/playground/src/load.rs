//! What the page gives to be read.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::text::Format;

/// A configuration as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Load {
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) format: Format,
    /// The files that the configuration names, by their paths.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
}
