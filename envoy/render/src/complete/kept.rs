//! What of a document the filter gets.
//!
//! Other sections of zot may hold secrets (credentials of a storage, of a directory), and a proxy
//! shows its configuration to whoever reaches its admin interface.

use serde_json::{Map, Value};

use super::draft::Draft;
use super::members;

/// The sections that the filter reads; `tests`, `shadow` and `lint` are known to it.
const ROOT: &[&str] = &["http", "proxy", "log", "tests", "shadow", "lint"];
const HTTP: &[&str] = &["realm", "auth", "accessControl"];
const AUTH: &[&str] = &["failDelay", "bearer", "mtls"];
const LOG: &[&str] = &["level", "decisions"];

/// Returns the document without the sections that the filter does not read.
#[must_use]
pub fn of(document: &Value) -> Value {
    let mut root = only(document, ROOT);
    within(&mut root, "http", HTTP);
    if let Some(key) = members::key(&root, "http").map(str::to_owned)
        && let Some(http) = root.get_mut(&key).and_then(Value::as_object_mut)
    {
        within(http, "auth", AUTH);
    }
    within(&mut root, "log", LOG);
    Value::Object(root)
}

fn within(object: &mut Map<String, Value>, name: &str, names: &[&str]) {
    let Some(key) = members::key(object, name).map(str::to_owned) else {
        return;
    };
    if let Some(section) = object.get_mut(&key).filter(|section| section.is_object()) {
        *section = Value::Object(only(section, names));
    }
}

fn only(value: &Value, names: &[&str]) -> Map<String, Value> {
    let members = value.as_object().into_iter().flatten();
    let is_kept = |name: &str| names.iter().any(|kept| kept.eq_ignore_ascii_case(name));
    members
        .filter(|(name, _)| is_kept(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Replaces the levels that zot has above `error`, and drops a section that says nothing.
pub(super) fn level(draft: &mut Draft<'_>) {
    let level = members::get(&draft.value, "log").and_then(|log| members::get(log, "level"));
    if let Some("fatal" | "panic") = level.and_then(Value::as_str) {
        draft.set(&["log"], "level", "error");
        draft.assume("log.level: `error`, which is the highest level of the filter");
    }
}
