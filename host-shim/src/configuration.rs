//! Reads a configuration file, JSON or YAML, and derives the key sets to fetch from it.

mod key_sets;
#[cfg(test)]
mod tests;
mod yaml;

use std::fs;
use std::path::Path;

use anyhow::Context;
use registry_auth_engine::compile::compile;
use registry_auth_engine::config::raw::Document;
use registry_auth_engine::config::{ConfigError, Diagnostics, Role, decode, decode_value};
use registry_auth_engine::json;
use serde_json::Value;

use crate::inline::Inlined;
use crate::zot::{differences, shared_blobs};
pub(crate) use key_sets::{KeySetSource, Origin};

/// A configuration with its errors and warnings.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    /// As written: files are named, not read. `None` if it cannot be decoded, or is the
    /// configuration of an intake.
    document: Option<Box<Document>>,
    found: Diagnostics,
    /// Differences in the `storage` section, which only zot has.
    storage: Vec<ConfigError>,
}

impl Configuration {
    /// Reads and checks the file at `path`. Errors of its content are part of the value.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let is_yaml = path
            .extension()
            .is_some_and(|ending| ending == "yaml" || ending == "yml");
        Ok(if is_yaml {
            yaml::parse(&text).map_or_else(Self::unreadable, Self::checked)
        } else if let Ok(value) = json::parse(&text) {
            Self::checked(value)
        } else {
            // The same message as the filter's for invalid JSON.
            let (_, found) = decode(&text);
            Self {
                found,
                ..Self::default()
            }
        })
    }

    fn unreadable(message: String) -> Self {
        let mut found = Diagnostics::default();
        found.error("", message);
        Self {
            found,
            ..Self::default()
        }
    }

    fn checked(value: Value) -> Self {
        let storage = shared_blobs(&value);
        let (role, mut found) = decode_value(value);
        let Role::Filter(document) = role else {
            return Self {
                found,
                ..Self::default()
            };
        };
        let mut whole = document.clone();
        let inlined = Inlined::files_of(&mut whole, &mut found);
        let mut compiled = Diagnostics::default();
        let _engine = compile(&whole, &mut compiled);
        inlined.add(compiled, &mut found);
        Self {
            document: Some(document),
            found,
            storage,
        }
    }

    /// Returns true if the filter would refuse to start with it.
    pub(crate) fn is_refused(&self) -> bool {
        !self.found.errors.is_empty()
    }

    /// Returns the errors, for each of which the filter refuses to start.
    pub(crate) fn errors(&self) -> &[ConfigError] {
        &self.found.errors
    }

    /// Returns the warnings.
    pub(crate) fn warnings(&self) -> &[ConfigError] {
        &self.found.warnings
    }

    /// Returns what the configuration means here but not in zot.
    pub(crate) fn differences(&self) -> Vec<ConfigError> {
        let mut all = self
            .document
            .as_deref()
            .map(differences)
            .unwrap_or_default();
        all.extend(self.storage.iter().cloned());
        all
    }

    /// Returns the sets that the shim fetches: at most one of verification keys, one with a signing
    /// key, and one for each issuer whose `keySource` is `push`.
    pub(crate) fn key_set_sources(&self) -> Vec<KeySetSource> {
        let document = self.document.as_ref();
        let bearer = document.and_then(|document| document.bearer.as_ref());
        bearer.map(key_sets::of).unwrap_or_default()
    }

    /// Returns `log.level`.
    pub(crate) fn log_level(&self) -> Option<&str> {
        self.document.as_ref()?.log_level.as_deref()
    }
}
