//! Finds out from the reader's errors which keys it takes, and which values.

use anyhow::{Context as _, Error, bail};
use registry_auth_engine::config;
use serde_json::{Map, Value, json};

/// A key that no object has; too long to be a misspelling, so that the reader lists the keys that
/// it knows.
const UNKNOWN: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/// What stands for the free name of a member of a map, by the name of the map.
const FREE: [(&str, &str); 3] = [
    ("repositories", "PATTERN"),
    ("groups", "NAME"),
    ("claimMapping", "ISSUER"),
];

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Flag,
    Seconds,
    Index,
    Rate,
    Duration,
    Texts,
    Object,
    Objects,
    Map,
    /// Whatever is not checked while it is read: keys.
    Any,
    Ignored,
}

impl Kind {
    /// As the page writes it of the key at this path.
    pub(super) fn name(self, path: &str) -> &'static str {
        match self {
            Self::Any if path == "tests" => "list of tests",
            Self::Text => "string",
            Self::Flag => "boolean",
            Self::Seconds => "integer, seconds",
            Self::Index => "integer",
            Self::Rate => "number",
            Self::Duration => "duration",
            Self::Texts => "list of strings",
            Self::Object => "object",
            Self::Objects => "list of objects",
            Self::Map => "map of objects",
            Self::Any if path == "lint" => "object",
            Self::Any => "JWKS",
            Self::Ignored => "ignored",
        }
    }
}

/// Every key that the reader takes, by its path: `a.b[].c` below a list, `a.NAME.c` below a map.
///
/// # Errors
/// The reader says something that is not understood here.
pub(super) fn keys() -> Result<Vec<(String, Kind)>, Error> {
    let mut keys = Vec::new();
    let mut objects = vec![String::new()];
    while let Some(object) = objects.pop() {
        for name in names(&object)? {
            let path = if object.is_empty() {
                name.clone()
            } else {
                format!("{object}.{name}")
            };
            let kind = kind(&path)?;
            objects.extend(match kind {
                Kind::Object => Some(path.clone()),
                Kind::Objects => Some(format!("{path}[]")),
                Kind::Map => Some(format!("{path}.{}", free(&name))),
                _ => None,
            });
            keys.push((path, kind));
        }
    }
    Ok(keys)
}

/// A document in which the value at `path` is this one, and nothing else.
pub(super) fn document(path: &str, value: Value) -> Value {
    path.rsplit('.').fold(value, |inner, step| {
        let inner = if step.ends_with("[]") {
            json!([inner])
        } else {
            inner
        };
        Value::Object(Map::from_iter([(
            step.trim_end_matches("[]").to_owned(),
            inner,
        )]))
    })
}

/// The path as errors have it.
pub(super) fn written(path: &str) -> String {
    path.replace("[]", "[0]")
}

/// Where a document has objects at `path`, as JSON pointers.
pub(super) fn pointers(document: &Value, path: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let (name, is_list) = (step.trim_end_matches("[]"), step.ends_with("[]"));
        let is_free = FREE.iter().any(|(_, free)| *free == name);
        found = found
            .iter()
            .flat_map(|place| below(document, place, name, is_free, is_list))
            .collect();
    }
    found.retain(|place| document.pointer(place).is_some_and(Value::is_object));
    found
}

fn below(document: &Value, place: &str, name: &str, is_free: bool, is_list: bool) -> Vec<String> {
    let Some(members) = document.pointer(place).and_then(Value::as_object) else {
        return Vec::new();
    };
    let named = members.keys().filter(|key| is_free || *key == name);
    let places = named.map(|key| format!("{place}/{}", key.replace('~', "~0").replace('/', "~1")));
    if !is_list {
        return places.collect();
    }
    let items = |place: String| {
        let length = document
            .pointer(&place)
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        (0..length).map(move |index| format!("{place}/{index}"))
    };
    places.flat_map(items).collect()
}

fn free(map: &str) -> &'static str {
    FREE.iter()
        .find(|(name, _)| *name == map)
        .map_or("NAME", |(_, free)| free)
}

/// The names of the keys that the reader knows in an object.
fn names(object: &str) -> Result<Vec<String>, Error> {
    let path = if object.is_empty() {
        UNKNOWN.to_owned()
    } else {
        format!("{object}.{UNKNOWN}")
    };
    let errors = errors(&path, &Value::Null);
    let known = errors
        .iter()
        .find_map(|message| message.strip_prefix("unknown key; known here: "));
    let known = known
        .with_context(|| format!("{path}: the reader does not say what it knows: {errors:?}"))?;
    Ok(known.split(", ").map(str::to_owned).collect())
}

/// What the reader says about the value at a path.
fn errors(path: &str, value: &Value) -> Vec<String> {
    let (_, found) = config::decode_value(document(path, value.clone()));
    let place = written(path);
    found
        .errors
        .into_iter()
        .filter(|error| error.path == place)
        .map(|error| error.message)
        .collect()
}

fn kind(path: &str) -> Result<Kind, Error> {
    let object = json!({ UNKNOWN: 1 });
    let (_, found) = config::decode_value(document(path, object.clone()));
    let place = written(path);
    let at = |place: &str| {
        found
            .errors
            .iter()
            .find(|error| error.path == place)
            .map(|error| error.message.as_str())
    };
    let is = |place: String, beginning: &str| {
        at(&place).is_some_and(|message| message.starts_with(beginning))
    };
    if is(format!("{place}.{UNKNOWN}"), "unknown key") {
        return Ok(Kind::Object);
    }
    if is(format!("{place}.{UNKNOWN}"), "must be an object") {
        return Ok(Kind::Map);
    }
    if is(format!("{place}[0].{UNKNOWN}"), "unknown key") {
        return Ok(Kind::Objects);
    }
    if is(format!("{place}[0]"), "must be a string") {
        return Ok(Kind::Texts);
    }
    Ok(match at(&place) {
        Some(message) if message.starts_with("must be true or false") => Kind::Flag,
        Some(message) if message.contains("number of seconds") => Kind::Seconds,
        Some(message) if message.starts_with("must be a whole number") => Kind::Index,
        Some(message) if message.starts_with("must be a number") => Kind::Rate,
        Some(_)
            if errors(path, &json!("x"))
                .iter()
                .any(|message| message.contains("is not a duration")) =>
        {
            Kind::Duration
        }
        Some(message) if message.starts_with("must be a string") => Kind::Text,
        Some(message) if message.starts_with("is read by `registry-auth run`") => Kind::Ignored,
        Some(message) => bail!("{path}: {message}"),
        None if found
            .warnings
            .iter()
            .any(|warning| format!("{warning}").contains(&place)) =>
        {
            Kind::Ignored
        }
        None => Kind::Any,
    })
}
