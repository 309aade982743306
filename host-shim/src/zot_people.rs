//! What a document says of people and means here but not in zot (`docs/zot.md`).

use registry_auth_engine::config::ConfigError;
use serde_json::Value;

/// The deviations that an operator of zot notices, by section of `http.auth`.
const DEVIATIONS: &[(&str, &[&str])] = &[
    (
        "htpasswd",
        &[
            "D18: lines that begin with `#` are comments, and unusable lines are named; in zot `#` lines are users",
            "D20: ten wrong passwords for a name from an address within a minute are refused with 429; zot counts none",
        ],
    ),
    (
        "ldap",
        &[
            "D21: API keys and tokens are never sent to the directory; zot tries them as passwords",
            "D22: the user name is the entry's attribute, not what was typed: policies see one name per person",
            "D23: a directory that does not answer is 503; in zot it is a wrong password, after 28 seconds",
        ],
    ),
    (
        "openid",
        &[
            "D28: API keys of social logins need another login within `sessionMaxAge`, where that is given; in zot they live on",
            "D29: a name that the htpasswd file has is refused to social logins; in zot they are one user",
            "D30: an address that is not verified is no user name; zot takes it",
        ],
    ),
    (
        "apiKey",
        &[
            "D28: a key ends when its owner is gone from the htpasswd file or the directory; in zot it lives on",
            "D41: only a login makes and deletes keys, no key and no token of a workload; in zot they do",
            "D45: scopes of the form `repository:PATTERN:ACTIONS` narrow a key; zot ignores all",
        ],
    ),
];

/// Returns the deviations of the sections that a document has.
pub(crate) fn differences(document: &Value) -> Vec<ConfigError> {
    let auth = member(document, "http").and_then(|http| member(http, "auth"));
    let Some(auth) = auth else {
        return Vec::new();
    };
    let is_there = |name: &str| {
        member(auth, name).is_some_and(|value| !value.is_null() && *value != Value::Bool(false))
    };
    let found = DEVIATIONS.iter().filter(|(section, _)| is_there(section));
    found
        .flat_map(|(section, messages)| {
            messages.iter().map(move |message| ConfigError {
                path: format!("http.auth.{section}"),
                message: (*message).to_owned(),
            })
        })
        .collect()
}

fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let mut members = object.as_object()?.iter();
    members
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_sections_that_are_there_are_told() {
        let rows = [
            (json!({}), 0),
            (json!({ "http": { "auth": { "bearer": {} } } }), 0),
            (
                json!({ "http": { "auth": { "htpasswd": {}, "apikey": false } } }),
                2,
            ),
            (
                json!({ "http": { "auth": { "LDAP": {}, "apikey": true } } }),
                6,
            ),
        ];
        for (document, expected) in rows {
            assert_eq!(differences(&document).len(), expected, "{document}");
        }
    }
}
