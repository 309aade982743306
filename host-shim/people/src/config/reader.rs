//! Reads the members of JSON objects as zot's loader does: names in any case, a text where a number
//! or a boolean is expected, one value where a list is expected. All errors, each with its path.

use registry_auth_engine::config::Diagnostics;
use registry_auth_engine::json;
use serde_json::{Map, Value};

/// How alike two names have to be for one to be suggested, by Jaro-Winkler similarity.
const ALIKE: f64 = 0.8;

/// The longest name that is compared with others, in bytes.
const MAX_COMPARED: usize = 64;

/// The members of one object. What is not taken until the end is unknown.
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
        value: &Value,
        diagnostics: &'a mut Diagnostics,
    ) -> Self {
        let path = path.into();
        let members = match value {
            Value::Object(members) => members.clone(),
            other => {
                diagnostics.error(
                    &path,
                    format!("must be an object, not {}", json::kind(other)),
                );
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

    /// The number of errors so far.
    pub(super) fn errors(&self) -> usize {
        self.diagnostics.errors.len()
    }

    /// Returns true if there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn error(&mut self, name: &str, message: impl Into<String>) {
        let path = self.path_of(name);
        self.diagnostics.error(path, message);
    }

    /// An error of the object itself.
    pub(super) fn error_here(&mut self, message: impl Into<String>) {
        self.diagnostics.error(&self.path, message);
    }

    pub(super) fn warn(&mut self, name: &str, message: impl Into<String>) {
        let path = self.path_of(name);
        self.diagnostics.warn(path, message);
    }

    /// Takes a member as it is; null is an error and reads as absent.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        let (key, _) = self.members.get_key_value(name).or_else(|| {
            self.members
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
        })?;
        let key = key.clone();
        let value = self.members.remove(&key)?;
        if value.is_null() {
            self.error(name, "is null: write a value, or remove the key");
            return None;
        }
        Some(value)
    }

    /// A text; a number is read as its digits. The empty text reads as absent.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            other => {
                self.error(
                    name,
                    format!("must be a string, not {}", json::kind(&other)),
                );
                None
            }
        }
    }

    /// A text that is needed.
    pub(super) fn needed(&mut self, name: &'static str, example: &str) -> Option<String> {
        let before = self.errors();
        let text = self.text(name).filter(|text| !text.trim().is_empty());
        if text.is_none() && before == self.errors() {
            self.error(name, format!("must be given, such as `{example}`"));
        }
        text
    }

    /// A boolean, or a text or number that Go reads as one; absent and the empty text are None.
    pub(super) fn flag(&mut self, name: &'static str) -> Option<bool> {
        let flag = match self.take(name)? {
            Value::Bool(flag) => Some(flag),
            Value::Number(number) => number.as_f64().map(|number| number != 0.0),
            Value::String(text) if text.is_empty() => return None,
            Value::String(text) => go_bool(&text),
            _ => None,
        };
        if flag.is_none() {
            self.error(name, "must be true or false");
        }
        flag
    }

    /// A whole number, or a text of its digits.
    pub(super) fn whole(&mut self, name: &'static str, what: &str) -> Option<u64> {
        let number = match self.take(name)? {
            Value::Number(number) => whole(&number),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        if number.is_none() {
            self.error(name, format!("must be {what}"));
        }
        number
    }

    /// A list of texts; a single one is treated as a list of one.
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
                Value::String(text) if text.trim().is_empty() => self
                    .diagnostics
                    .error(format!("{path}[{index}]"), "is empty: write a value"),
                Value::String(text) => texts.push(text),
                Value::Number(number) => texts.push(number.to_string()),
                other => self.diagnostics.error(
                    format!("{path}[{index}]"),
                    format!("must be a string, not {}", json::kind(&other)),
                ),
            }
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
        let mut object = Object::new(path, &value, self.diagnostics);
        let read = read(&mut object);
        object.end();
        Some(read)
    }

    /// The members that are left, each an object read by `read`.
    pub(super) fn rest<T>(&mut self, mut read: impl FnMut(&str, &mut Object<'_>) -> T) -> Vec<T> {
        let mut all = Vec::new();
        for (name, value) in std::mem::take(&mut self.members) {
            let path = self.path_of(&name);
            let mut object = Object::new(path, &value, self.diagnostics);
            all.push(read(&name, &mut object));
            object.end();
        }
        all
    }

    /// Whatever was not taken is an error.
    pub(super) fn end(&mut self) {
        let known = std::mem::take(&mut self.known);
        for name in std::mem::take(&mut self.members).keys() {
            let message = unknown(name, &known);
            self.error(name, message);
        }
    }
}

fn unknown(name: &str, known: &[&str]) -> String {
    if let Some(same) = known.iter().find(|known| known.eq_ignore_ascii_case(name)) {
        return format!(
            "duplicate key: names are compared without case, and `{same}` is there too"
        );
    }
    let alike = known
        .iter()
        .filter(|_| name.len() <= MAX_COMPARED)
        .map(|known| {
            let alike = strsim::jaro_winkler(&name.to_lowercase(), &known.to_lowercase());
            (alike, known)
        })
        .filter(|(alike, _)| *alike > ALIKE)
        .reduce(|best, next| if next.0 > best.0 { next } else { best });
    match alike {
        Some((_, near)) => format!("unknown key; did you mean `{near}`"),
        None => format!("unknown key; known here: {}", known.join(", ")),
    }
}

/// What Go's `strconv.ParseBool` takes.
fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Zero or more. YAML and protobuf write some whole numbers as floating-point numbers.
fn whole(number: &serde_json::Number) -> Option<u64> {
    let float = number
        .as_f64()
        .filter(|float| *float >= 0.0 && float.fract() == 0.0);
    float.and_then(|float| format!("{float:.0}").parse().ok())
}

/// `a.b`, or `a["x/y"]` for a name that is no identifier.
pub(super) fn join(path: &str, name: &str) -> String {
    let plain = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain {
        format!("{path}.{name}")
    } else {
        format!("{path}[{}]", Value::from(name))
    }
}
