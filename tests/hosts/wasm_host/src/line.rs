//! What is read from standard input and written to standard output: a line of JSON each. The characters of a text
//! are bytes, up to U+00FF. `tests/hosts/README.md` describes it.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// Header fields in order.
pub(crate) type Fields = Vec<(String, String)>;

/// What is to be done.
#[derive(Debug, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub(crate) enum Command {
    /// Starts a plugin, in a VM of its own; VMs share data.
    Start {
        /// The plugin configuration.
        configuration: String,
        /// Environment variables of the VM.
        environment: Fields,
        /// A held head holds its body.
        holds_bodies: bool,
    },
    /// Sends a request to a plugin, which is numbered from 0.
    Request {
        /// Number of the plugin.
        plugin: usize,
        /// Header fields, pseudo header fields among them.
        headers: Fields,
        /// The body; empty for none.
        body: String,
    },
    /// Brings the response to a callout.
    Answer {
        /// Number of the plugin.
        plugin: usize,
        /// Number of the callout.
        callout: u32,
        /// Header fields, `:status` among them.
        headers: Fields,
        /// The body.
        body: String,
    },
    /// Lets the timer of a plugin fire.
    Tick {
        /// Number of the plugin.
        plugin: usize,
    },
    /// Ends the request that was sent last.
    Close {
        /// Number of the plugin.
        plugin: usize,
    },
}

/// What has come of it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// What the host made fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// Of the request that was sent last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) progress: Option<Progress>,
    /// Callouts since the last report.
    pub(crate) callouts: Vec<Callout>,
    /// Lines of the log since the last report.
    pub(crate) log: Vec<String>,
}

/// The progress of a request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Progress {
    /// The module has paused it.
    Waiting,
    /// The module has answered it.
    Answered {
        /// The status.
        status: u32,
        /// Header fields.
        headers: Fields,
        /// The body.
        body: String,
    },
    /// It goes to the upstream.
    Forwarded {
        /// Header fields, pseudo header fields among them.
        headers: Fields,
        /// The body.
        body: String,
    },
}

/// A request of the module.
#[derive(Debug, Serialize)]
pub(crate) struct Callout {
    /// Its number.
    pub(crate) number: u32,
    /// Name of the upstream.
    pub(crate) upstream: String,
    /// Header fields.
    pub(crate) headers: Fields,
}

/// Bytes of a text.
///
/// # Errors
/// A character above U+00FF.
pub(crate) fn bytes(text: &str) -> Result<Vec<u8>> {
    let byte = |character: char| {
        u8::try_from(u32::from(character)).with_context(|| format!("`{character}` is no byte"))
    };
    text.chars().map(byte).collect()
}

/// The text of bytes.
pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// As [`bytes`], for names and values.
///
/// # Errors
/// As [`bytes`].
pub(crate) fn pairs(fields: &Fields) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let pair = |(name, value): &(String, String)| Ok((bytes(name)?, bytes(value)?));
    fields.iter().map(pair).collect()
}

/// As [`text`], for names and values.
pub(crate) fn fields<B: AsRef<[u8]>>(pairs: &[(B, B)]) -> Fields {
    let field = |(name, value): &(B, B)| (text(name.as_ref()), text(value.as_ref()));
    pairs.iter().map(field).collect()
}
