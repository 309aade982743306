//! Members of objects whose names are compared without case, as zot's loader compares them.

use serde_json::{Map, Value};

/// Returns the name of a member as it is written; the exact one first.
pub(crate) fn key<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    if let Some((exact, _)) = object.get_key_value(name) {
        return Some(exact);
    }
    object
        .keys()
        .find(|key| key.eq_ignore_ascii_case(name))
        .map(String::as_str)
}

/// Returns a member of a value; `None` if that is no object.
pub(crate) fn get<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    object.get(key(object, name)?)
}

/// Writes a member over the one that is there, however its name is written.
pub(crate) fn set(object: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    let written = key(object, name).unwrap_or(name).to_owned();
    object.insert(written, value.into());
}

/// Removes a member.
pub(crate) fn remove(object: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let written = key(object, name)?.to_owned();
    object.remove(&written)
}

/// Returns the object that is a member of a document, empty if there was none; `None` if either is
/// no object.
pub(crate) fn object<'a>(
    document: &'a mut Value,
    name: &str,
) -> Option<&'a mut Map<String, Value>> {
    let root = document.as_object_mut()?;
    let written = key(root, name).unwrap_or(name).to_owned();
    let member = root
        .entry(written)
        .or_insert_with(|| Value::Object(Map::new()));
    member.as_object_mut()
}
