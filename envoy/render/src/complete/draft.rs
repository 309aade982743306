//! A document while it is completed.

use registry_auth_engine::config::Diagnostics;
use serde_json::{Map, Value};

use super::members;
use super::named::{Content, Named};
use crate::files::Files;
use crate::options::Options;

/// What becomes the filter's configuration, and what is found on the way.
pub(super) struct Draft<'a> {
    /// The document as the filter will get it.
    pub(super) value: Value,
    /// Errors and warnings.
    pub(super) found: Diagnostics,
    /// What was assumed.
    pub(super) assumptions: Vec<String>,
    /// Files that are not read for the filter.
    pub(super) named: Vec<Named>,
    /// What the caller says.
    pub(super) options: &'a Options,
    /// The files that the document names.
    pub(super) files: &'a dyn Files,
}

impl Draft<'_> {
    /// Adds a line about something that nobody said.
    pub(super) fn assume(&mut self, line: impl Into<String>) {
        self.assumptions.push(line.into());
    }

    /// Notes that the document names a file at `place`.
    pub(super) fn name(&mut self, place: String, path: &str, content: Content) {
        self.named.push(Named {
            place,
            path: path.to_owned(),
            content,
        });
    }

    /// Returns the object at a path, which is created where it is absent. `None` if something else
    /// is there: the engine reports that.
    pub(super) fn object(&mut self, path: &[&str]) -> Option<&mut Map<String, Value>> {
        let mut at = self.value.as_object_mut()?;
        for name in path {
            let key = members::key(at, name).map_or_else(|| (*name).to_owned(), str::to_owned);
            let next = at.entry(key).or_insert_with(|| Value::Object(Map::new()));
            at = next.as_object_mut()?;
        }
        Some(at)
    }

    /// Writes a member of the object at `path`, over what is there.
    pub(super) fn set(&mut self, path: &[&str], name: &str, value: impl Into<Value>) {
        if let Some(object) = self.object(path) {
            members::set(object, name, value);
        }
    }

    /// Writes a member of the object at `path` if it is absent.
    pub(super) fn default(&mut self, path: &[&str], name: &str, value: impl Into<Value>) {
        if let Some(object) = self.object(path)
            && members::key(object, name).is_none()
        {
            members::set(object, name, value);
        }
    }

    /// Returns an entry of `http.auth.bearer.oidc`, which may be a single object there.
    pub(super) fn oidc(&mut self, index: usize) -> Option<&mut Map<String, Value>> {
        let bearer = self.object(&["http", "auth", "bearer"])?;
        let key = members::key(bearer, "oidc")?.to_owned();
        let entry = match bearer.get_mut(&key)? {
            Value::Array(entries) => entries.get_mut(index)?,
            single => single,
        };
        entry.as_object_mut()
    }
}
