//! Reads JSON values into raw types and reports every error with its path instead of stopping at
//! the first.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{Diagnostics, duration, unknown_key};
use crate::json;

/// The error for null: a value would be missing unnoticed, and a missing restriction allows more.
const NULL: &str =
    "is null, as a YAML key without a value is: write what belongs here, or remove the key";

/// The error for an empty string or list that would restrict nothing.
const EMPTY: &str = "is empty: write a value, or remove the key";

/// Unknown keys get a suggestion while there are fewer errors than this; more are no typing errors,
/// and comparing costs memory.
const MAX_SUGGESTED: usize = 20;

/// The members of one object; what is not taken until the end is unknown.
pub(super) struct Object<'a> {
    path: String,
    members: Map<String, Value>,
    known: Vec<&'static str>,
    diagnostics: &'a mut Diagnostics,
}

impl<'a> Object<'a> {
    /// The object at `path`; another value is an error and reads as the empty object.
    pub(super) fn new(
        path: impl Into<String>,
        value: Value,
        diagnostics: &'a mut Diagnostics,
    ) -> Self {
        let path = path.into();
        let members = match value {
            Value::Object(members) => members,
            other => {
                let message = match other {
                    Value::Null => NULL.to_owned(),
                    other => format!("must be an object, not {}", kind(&other)),
                };
                diagnostics.error(&path, message);
                Map::new()
            }
        };
        Self {
            path,
            members,
            known: Vec::new(),
            diagnostics,
        }
    }

    pub(super) fn path_of(&self, name: &str) -> String {
        join(&self.path, name)
    }

    pub(super) fn error(&mut self, name: &str, message: impl Into<String>) {
        let path = self.path_of(name);
        self.diagnostics.error(path, message);
    }

    /// Takes a member as it is. Names are compared without case, as zot's loader does; null is an
    /// error, and reads as absent.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Value> {
        let value = self.remove(name)?;
        if value.is_null() {
            self.error(name, NULL);
            return None;
        }
        Some(value)
    }

    fn key(&self, name: &str) -> Option<&String> {
        let (key, _) = self.members.get_key_value(name).or_else(|| {
            self.members
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
        })?;
        Some(key)
    }

    fn remove(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        let key = self.key(name)?.clone();
        self.members.remove(&key)
    }

    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            other => {
                self.error(name, format!("must be a string, not {}", kind(&other)));
                None
            }
        }
    }

    /// A string that has to say something where it is given.
    pub(super) fn filled(&mut self, name: &'static str) -> Option<String> {
        let text = self.text(name)?;
        if text.trim().is_empty() {
            self.error(name, EMPTY);
            return None;
        }
        Some(text)
    }

    pub(super) fn flag(&mut self, name: &'static str) -> bool {
        self.flag_or(name, false)
    }

    /// A flag that is `default` when absent.
    pub(super) fn flag_or(&mut self, name: &'static str, default: bool) -> bool {
        match self.take(name) {
            None => default,
            Some(Value::Bool(flag)) => flag,
            Some(other) => {
                self.error(name, format!("must be true or false, not {}", kind(&other)));
                default
            }
        }
    }

    /// Whole seconds; zero or more.
    pub(super) fn seconds(&mut self, name: &'static str) -> Option<u64> {
        self.whole(name, "must be a whole number of seconds, zero or more")
    }

    /// A place in a list, counted from zero; the first when absent.
    pub(super) fn index(&mut self, name: &'static str) -> usize {
        let index = self
            .whole(name, "must be a whole number, zero or more")
            .unwrap_or_default();
        usize::try_from(index).unwrap_or(usize::MAX)
    }

    /// A part of a whole.
    pub(super) fn rate(&mut self, name: &'static str) -> Option<f64> {
        let rate = self.take(name)?.as_f64();
        let rate = rate.filter(|rate| (0.0..=1.0).contains(rate));
        if rate.is_none() {
            self.error(name, "must be a number from 0 (none) to 1 (all)");
        }
        rate
    }

    fn whole(&mut self, name: &'static str, otherwise: &str) -> Option<u64> {
        let value = self.take(name)?;
        // A proxy that keeps its configuration as a protobuf Struct knows floating-point numbers
        // only.
        let whole = value
            .as_f64()
            .filter(|number| *number >= 0.0 && number.fract() == 0.0);
        let digits = match value {
            // As zot does.
            Value::String(text) => Some(text),
            _ => whole.map(|number| format!("{number:.0}")),
        };
        let number = digits.and_then(|digits| digits.parse().ok());
        if number.is_none() {
            self.error(name, otherwise);
        }
        number
    }

    pub(super) fn duration(&mut self, name: &'static str) -> Option<Duration> {
        let text = self.text(name)?;
        let duration = duration::parse(&text);
        if duration.is_none() {
            self.error(
                name,
                format!("`{text}` is not a duration; write for example `30s`, `1m` or `1h30m`"),
            );
        }
        duration
    }

    /// A list of strings; a single string is treated as a list of one (zot's weak decoding).
    pub(super) fn texts(&mut self, name: &'static str) -> Vec<String> {
        let path = self.path_of(name);
        let items = match self.take(name) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(single) => vec![single],
        };
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            match item {
                Value::String(text) => texts.push(text),
                other => {
                    self.diagnostics.error(
                        format!("{path}[{index}]"),
                        format!("must be a string, not {}", kind(&other)),
                    );
                }
            }
        }
        texts
    }

    /// As [`Self::texts`], but where the list is given it has to name something: without names it
    /// would restrict nothing.
    pub(super) fn filled_texts(&mut self, name: &'static str) -> Vec<String> {
        let given = self
            .key(name)
            .and_then(|key| self.members.get(key))
            .is_some_and(|value| !value.is_null());
        let texts = self.texts(name);
        if given && texts.iter().all(|text| text.trim().is_empty()) {
            self.error(name, EMPTY);
        }
        texts
    }

    /// A member that is an object, read by `read`.
    pub(super) fn object<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Object<'_>) -> T,
    ) -> Option<T> {
        let path = self.path_of(name);
        let value = self.take(name)?;
        Some(self.nested(path, value, read))
    }

    /// A list of objects, each read by `read`; a single object is treated as a list of one.
    pub(super) fn objects<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&mut Object<'_>) -> T,
    ) -> Vec<T> {
        let path = self.path_of(name);
        let items = match self.take(name) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(single) => vec![single],
        };
        let nested = |(index, item)| self.nested(format!("{path}[{index}]"), item, &read);
        items.into_iter().enumerate().map(nested).collect()
    }

    /// A member whose own member names are free, each value an object read by `read`.
    pub(super) fn map<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&mut Object<'_>) -> T,
    ) -> BTreeMap<String, T> {
        let path = self.path_of(name);
        let Some(value) = self.take(name) else {
            return BTreeMap::new();
        };
        let members = Object::new(&path, value, self.diagnostics).members;
        // Not collected, which sorts first: each kind of map would bring 4 kB of sorting into the
        // module.
        let mut map = BTreeMap::new();
        for (key, value) in members {
            let inner = join(&path, &key);
            map.insert(key, self.nested(inner, value, &read));
        }
        map
    }

    /// Names that have no effect, whatever their values are: each that is present is a warning, not
    /// an error.
    pub(super) fn ignore(&mut self, names: &[&'static str], why: &str) {
        for name in names {
            if self.remove(name).is_some() {
                let path = self.path_of(name);
                self.diagnostics.warn(path, why);
            }
        }
    }

    /// As [`Self::ignore`], but in one warning for all of them.
    pub(super) fn ignore_together(&mut self, names: &[&'static str], why: &str) {
        let mut there = Vec::new();
        for name in names {
            if self.remove(name).is_some() {
                there.push(self.path_of(name));
            }
        }
        if !there.is_empty() {
            self.diagnostics
                .warn(&self.path, format!("{why}: {}", there.join(", ")));
        }
    }

    /// Refuses members of these names.
    pub(super) fn refuse(&mut self, names: &[&'static str], why: &str) {
        for name in names {
            if self.remove(name).is_some() {
                self.error(name, why);
            }
        }
    }

    /// Whatever was not taken is an error, for the same reason.
    pub(super) fn refuse_rest(&mut self, why: &str) {
        for (name, _) in std::mem::take(&mut self.members) {
            self.error(&name, why);
        }
    }

    /// Whatever was not taken is an error.
    pub(super) fn end(&mut self) {
        let known = std::mem::take(&mut self.known);
        for (name, _) in std::mem::take(&mut self.members) {
            let message = self.unknown(&name, &known);
            self.error(&name, message);
        }
    }

    fn unknown(&self, name: &str, known: &[&str]) -> String {
        if let Some(same) = known.iter().find(|known| known.eq_ignore_ascii_case(name)) {
            return format!(
                "duplicate key: names are compared without case, and `{same}` is there too"
            );
        }
        let suggestion = || unknown_key::suggestion(name, known);
        let suggestion = if self.diagnostics.errors.len() < MAX_SUGGESTED {
            suggestion()
        } else {
            None
        };
        suggestion.unwrap_or_else(|| format!("unknown key; known here: {}", known.join(", ")))
    }

    fn nested<T>(
        &mut self,
        path: String,
        value: Value,
        read: impl FnOnce(&mut Object<'_>) -> T,
    ) -> T {
        read(&mut Object::new(path, value, self.diagnostics))
    }
}

/// The path of a member: `a.b`, or `a["x/y"]` for a name that is no identifier.
#[must_use]
pub fn join(path: &str, name: &str) -> String {
    let plain = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match (path.is_empty(), plain) {
        (true, true) => name.to_owned(),
        (false, true) => format!("{path}.{name}"),
        (_, false) => format!("{path}[{}]", Value::from(name)),
    }
}

/// The kind of a value in the words of Go and YAML, whose sequences are lists.
fn kind(value: &Value) -> &'static str {
    if value.is_array() {
        "a list"
    } else {
        json::kind(value)
    }
}
