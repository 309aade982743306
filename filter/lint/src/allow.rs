//! `lint.allow`: findings that are meant.

use registry_auth_engine::config::{ConfigError, Diagnostics};
use serde_json::Value;

use super::finding::Finding;
use super::ids::IDS;
use super::level::Level;
use super::subject::member;

/// Takes out the findings that the configuration allows, and adds what is wrong with the list, and
/// entries that allow nothing. Errors cannot be allowed.
#[must_use]
pub(crate) fn allowed(value: &Value, found: Vec<Finding>) -> Vec<Finding> {
    let list = member(value, "lint").and_then(|lint| member(lint, "allow"));
    let Some(list) = list.and_then(Value::as_array) else {
        return found;
    };
    let entries: Vec<(usize, Entry<'_>)> = list
        .iter()
        .enumerate()
        .filter_map(|(index, entry)| Some((index, Entry::of(entry)?)))
        .collect();
    let mut used = vec![false; list.len()];
    let mut kept = Vec::new();
    for finding in found {
        let entry = entries.iter().find(|(_, entry)| {
            finding.level != Level::Error
                && entry.id == finding.id
                && covers(entry.at, &finding.path)
        });
        match entry.and_then(|(index, _)| used.get_mut(*index)) {
            Some(used) => *used = true,
            None => kept.push(finding),
        }
    }
    for (index, entry) in entries {
        if used.get(index) == Some(&false) {
            let message = format!(
                "allows nothing: there is no `{}` at `{}`",
                entry.id, entry.at
            );
            let finding = Finding::new("stale-allow", format!("lint.allow[{index}]"), message);
            kept.push(finding.write("remove it"));
        }
    }
    kept
}

struct Entry<'a> {
    id: &'a str,
    at: &'a str,
}

impl<'a> Entry<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        let text = |name: &str| member(value, name)?.as_str();
        Some(Self {
            id: text("id")?,
            at: text("at")?,
        })
    }
}

/// The member itself, or what is in it.
fn covers(at: &str, path: &str) -> bool {
    let (at, path) = (at.to_ascii_lowercase(), path.to_ascii_lowercase());
    path.strip_prefix(&at)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// What is wrong with `lint`.
#[must_use]
pub(crate) fn errors(value: &Value) -> Vec<ConfigError> {
    let mut found = Diagnostics::default();
    let Some(lint) = member(value, "lint") else {
        return found.errors;
    };
    let Some(members) = lint.as_object() else {
        found.error("lint", "must be an object with `allow`");
        return found.errors;
    };
    for name in members
        .keys()
        .filter(|name| !name.eq_ignore_ascii_case("allow"))
    {
        found.error(format!("lint.{name}"), "unknown key; known here: allow");
    }
    let Some(value) = member(lint, "allow") else {
        return found.errors;
    };
    let Some(entries) = value.as_array() else {
        found.error("lint.allow", "must be a list of { id, at, because }");
        return found.errors;
    };
    for (index, entry) in entries.iter().enumerate() {
        let path = format!("lint.allow[{index}]");
        for name in ["id", "at", "because"] {
            let text = member(entry, name).and_then(Value::as_str);
            if text.is_none_or(|text| text.trim().is_empty()) {
                let example = "{ id: hidden-grant, at: \"http.accessControl.repositories[\\\"acme/infra/**\\\"]\", because: only the operators push there }";
                found.error(
                    format!("{path}.{name}"),
                    format!("must be given, such as {example}"),
                );
            }
        }
        for name in entry
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
        {
            if !["id", "at", "because"]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
            {
                found.error(
                    format!("{path}.{name}"),
                    "unknown key; known here: id, at, because",
                );
            }
        }
        let id = member(entry, "id")
            .and_then(Value::as_str)
            .unwrap_or_default();
        match IDS.iter().find(|(known, ..)| *known == id) {
            Some((_, Level::Error, _)) => {
                found.error(
                    format!("{path}.id"),
                    format!("`{id}` is an error, which cannot be allowed: mend it"),
                );
            }
            None if !id.is_empty() => {
                found.error(
                    format!("{path}.id"),
                    format!("`{id}` is no finding; docs/lints.md lists all"),
                );
            }
            _ => {}
        }
    }
    found.errors
}
