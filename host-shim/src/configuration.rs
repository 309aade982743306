//! Reads a configuration file, JSON or YAML, and derives the key sets to fetch from it.

#[cfg(test)]
mod tests;
mod yaml;

use std::collections::BTreeSet;
use std::path::Path;

use registry_auth_engine::compile::compile;
use registry_auth_engine::config::raw::Document;
use registry_auth_engine::config::{ConfigError, Diagnostics, Role, decode_value};
use registry_auth_engine::json::{self, JsonError};
use registry_auth_render::{Completed, Endpoint, Listener, Options, complete, issuer_warnings};
use serde_json::Value;

use crate::deviations::shortened;
use crate::disk::Disk;
use crate::file::{self, shown};
use crate::inline::Inlined;
use crate::key_sets::{self, KeySetSource};
use crate::people::People;
use crate::policy::broken_promises;
use crate::zot::{differences, shared_blobs};
use crate::zot_people;

/// What a document is read for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum View<'a> {
    /// A filter in a proxy that is configured by hand: the document says everything.
    Filter,
    /// A proxy that is rendered around the filter: what the document leaves out is completed.
    Proxy(&'a Options),
}

/// A configuration with its errors and warnings.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    /// What was read; `None` if it has no form.
    value: Option<Value>,
    /// As written. `None` if it cannot be decoded, or is the configuration of an intake.
    written: Option<Box<Document>>,
    /// What the filter and the shim go by: files that are read again are named, not read.
    document: Option<Box<Document>>,
    found: Diagnostics,
    /// Differences in sections that the filter does not read: `storage`, and those of people.
    storage: Vec<ConfigError>,
    /// What a rendered proxy needs; without errors, and for that view only.
    completed: Option<Box<Completed>>,
    /// How people log in, for that view only.
    people: Option<People>,
}

impl Configuration {
    /// Reads and checks the file at `path`. Errors of its content are part of the value.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read(path: &Path, view: View<'_>) -> anyhow::Result<Self> {
        Ok(value_of(path)?.map_or_else(Self::refused, |value| Self::seen(value, view)))
    }

    /// Reads and checks the file at `path` for a proxy that is rendered, whose login service is at
    /// `login`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read_with_login(
        path: &Path,
        options: &Options,
        login: Endpoint,
    ) -> anyhow::Result<Self> {
        Ok(value_of(path)?.map_or_else(Self::refused, |value| {
            Self::completing(value, options, Some(login)).tested()
        }))
    }

    /// Reads a file whose proxy may be configured by hand or rendered: as the filter reads it, if
    /// it can, and completed otherwise; with the login service at `login`, if there is one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read_for_any(path: &Path, login: Option<Endpoint>) -> anyhow::Result<Self> {
        if let Some(login) = login {
            return Self::read_with_login(path, &Options::default(), login);
        }
        let value = match value_of(path)? {
            Ok(value) => value,
            Err(found) => return Ok(Self::refused(found)),
        };
        let filter = Self::seen(value.clone(), View::Filter);
        if !filter.is_refused() {
            return Ok(filter);
        }
        let proxy = Self::seen(value, View::Proxy(&Options::default()));
        // The way that is less wrong is the one that is meant.
        let is_proxy = proxy.errors().len() < filter.errors().len();
        Ok(if is_proxy { proxy } else { filter })
    }

    /// Reads a file of which something is asked: completed, or as the filter reads it where that is
    /// enough, as for a client certificate that a proxy of one's own verifies.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read_to_ask(path: &Path) -> anyhow::Result<Self> {
        let options = Options {
            check_files: true,
            ..Options::default()
        };
        let value = match value_of(path)? {
            Ok(value) => value,
            Err(found) => return Ok(Self::refused(found)),
        };
        let proxy = Self::seen(value.clone(), View::Proxy(&options));
        if !proxy.is_refused() || is_of_proxy(&value) {
            return Ok(proxy);
        }
        let filter = Self::seen(value, View::Filter);
        Ok(if filter.is_refused() { proxy } else { filter })
    }

    /// Checks what a file holds.
    pub(crate) fn seen(value: Value, view: View<'_>) -> Self {
        let read = value.clone();
        let checked = match view {
            // The configuration of an intake has nothing to complete.
            View::Proxy(options) if value.get("intake").is_none() => {
                Self::completing(value, options, None)
            }
            _ => Self::checked(value),
        };
        Self {
            value: Some(read),
            ..checked.tested()
        }
    }

    /// Completes a document. What `serve` fetches is in the completed one; what it means in zot is
    /// in the written one.
    fn completing(value: Value, options: &Options, login: Option<Endpoint>) -> Self {
        let mut storage = zot_people::differences(&value);
        storage.extend(shared_blobs(&value));
        // Whoever only checks has no service; what it would be asked is the same.
        let endpoint = login.or_else(|| options.check_files.then(any_endpoint));
        let people = match (endpoint, People::read(&value, &mut BTreeSet::new())) {
            (None, _) => None,
            (Some(endpoint), Ok(people)) => people.map(|people| (people, endpoint)),
            (Some(_), Err(errors)) => {
                return Self::refused(Diagnostics {
                    errors,
                    warnings: Vec::new(),
                });
            }
        };
        let mut options = options.clone();
        if let Some((people, endpoint)) = &people {
            options.login = Some(people.login(endpoint.clone()));
        }
        let people = people.map(|(people, _)| people);
        let result = complete(&value, &options, &Disk);
        let (role, _) = decode_value(value);
        let Role::Filter(written) = role else {
            return Self::refused(Diagnostics {
                errors: result.err().unwrap_or_default(),
                warnings: Vec::new(),
            });
        };
        let mut whole = Self {
            written: Some(written),
            storage,
            ..Self::default()
        };
        whole.found.warnings.extend(
            people
                .iter()
                .flat_map(|people| people.findings().iter().cloned()),
        );
        whole.people = people;
        match result {
            Ok(completed) => {
                if let (Role::Filter(document), _) = decode_value(completed.filter.clone()) {
                    whole.document = Some(document);
                }
                whole.found.warnings.extend(completed.warnings.clone());
                whole.completed = Some(Box::new(completed));
            }
            Err(errors) => whole.found.errors = errors,
        }
        whole
    }

    fn refused(found: Diagnostics) -> Self {
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
        found.warnings.extend(issuer_warnings(&document));
        let inlined = Inlined::files_of(&mut whole, &mut found);
        let mut compiled = Diagnostics::default();
        let _engine = compile(&whole, &mut compiled);
        inlined.add(compiled, &mut found);
        Self {
            written: Some(document.clone()),
            document: Some(document),
            found,
            storage,
            ..Self::default()
        }
    }

    /// Returns what the filter gets; `None` if it cannot be read or completed.
    pub(crate) fn document(&self) -> Option<&Document> {
        self.document.as_deref()
    }

    /// Returns what was read.
    pub(crate) const fn value(&self) -> Option<&Value> {
        self.value.as_ref()
    }

    /// Returns what is written, with what the proxy gets by itself, such as authorities; `None` if
    /// it cannot be decoded, or is the configuration of an intake.
    pub(crate) fn written(&self) -> Option<&Document> {
        self.written.as_deref()
    }

    /// Adds the promises of its tests that do not hold.
    fn tested(mut self) -> Self {
        if let Some(document) = self.document.as_deref().filter(|_| !self.is_refused()) {
            let broken = broken_promises(document);
            self.found.errors.extend(broken);
        }
        self
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
        let people = self.people.is_some();
        let written = self.written.as_deref();
        let mut all = written.map_or_else(Vec::new, |written| differences(written, people));
        all.extend(self.storage.iter().cloned());
        shortened(all)
    }

    /// Returns the sets that the shim fetches: at most one of verification keys, one with a signing
    /// key, and one for each issuer whose `keySource` is `push`.
    pub(crate) fn key_set_sources(&self) -> Vec<KeySetSource> {
        let document = self.document.as_ref();
        let bearer = document.and_then(|document| document.bearer.as_ref());
        bearer.map(key_sets::of).unwrap_or_default()
    }

    /// Returns what a rendered proxy needs; `None` if there are errors, or the view is another.
    pub(crate) fn completed(&self) -> Option<&Completed> {
        self.completed.as_deref()
    }

    /// Returns how people log in, and where clients connect.
    pub(crate) fn people(&self) -> Option<(&People, &Listener)> {
        let completed = self.completed.as_deref()?;
        Some((self.people.as_ref()?, &completed.listener))
    }

    /// Returns `log.level`.
    pub(crate) fn log_level(&self) -> Option<&str> {
        self.document.as_ref()?.log_level.as_deref()
    }
}

/// An address that nothing is sent to.
fn any_endpoint() -> Endpoint {
    Endpoint::Unix("/run/registry-auth/login.sock".to_owned())
}

/// Returns true if a document has sections that only a completed proxy goes by: TLS and people.
fn is_of_proxy(value: &Value) -> bool {
    let member = |value: &Value, name: &str| {
        let mut members = value.as_object().into_iter().flatten();
        let named = members.find(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, member)| member.clone())
    };
    let http = member(value, "http").unwrap_or_default();
    let auth = member(&http, "auth").unwrap_or_default();
    let people = ["htpasswd", "ldap", "openid", "apikey"];
    member(&http, "tls").is_some() || people.iter().any(|name| member(&auth, name).is_some())
}

/// Reads the file at `path` as JSON or, by its ending, as YAML. What is wrong with its form is the
/// inner error.
pub(crate) fn value_of(path: &Path) -> anyhow::Result<Result<Value, Diagnostics>> {
    let text = file::read_configuration(path)?;
    Ok(parsed(path, &text))
}

/// Reads a file that was read before, as [`value_of`] does. The first time it may be a pipe; then
/// nothing would come any more, and whoever waits for it does nothing else.
///
/// # Errors
/// It cannot be read, or is no file.
pub(crate) fn value_again(path: &Path) -> anyhow::Result<Result<Value, Diagnostics>> {
    Ok(parsed(path, &file::read(path, u64::MAX)?))
}

/// Reads the text of a file as JSON or, by its name, as YAML.
///
/// # Errors
/// What is wrong with its form.
pub(crate) fn parsed(path: &Path, text: &[u8]) -> Result<Value, Diagnostics> {
    let is_yaml = path
        .extension()
        .is_some_and(|ending| ending == "yaml" || ending == "yml");
    let value = if is_yaml {
        yaml::parse(text)
    } else {
        json::parse(text).map_err(|error| not_json(text, &error))
    };
    let value = value.and_then(|value| match value {
        Value::Null => Err(EMPTY.to_owned()),
        value => Ok(value),
    });
    value.map_err(|message| {
        let mut found = Diagnostics::default();
        found.error(shown(path), message);
        found
    })
}

/// What to write into a file without content.
const EMPTY: &str = "is empty: write an object with at least the section `http`";

/// What is wrong with the form of a file, without a part of its content.
fn not_json(text: &[u8], error: &JsonError) -> String {
    if text.trim_ascii().is_empty() {
        EMPTY.to_owned()
    } else if text.starts_with("\u{feff}".as_bytes()) {
        "begins with a byte order mark: write it as UTF-8 without one".to_owned()
    } else if std::str::from_utf8(text).is_err() {
        "is not UTF-8 text: write it as JSON in UTF-8".to_owned()
    } else if error.is_early_end() {
        format!("{error}: the rest of the file is missing, or a bracket is not closed")
    } else {
        format!("{error}; a file whose name ends in .yaml or .yml is read as YAML")
    }
}
