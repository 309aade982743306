//! What somebody wants of a new key: the body of a request for one.

use registry_auth_engine::UnixTime;
use registry_auth_engine::json;
use registry_auth_engine::login::scope::{KeyScope, MAX_SCOPES};
use serde_json::Value;

use super::times::read_time;

/// The longest label, in bytes.
const MAX_LABEL: usize = 1024;
/// What a scope that narrows begins with.
const NARROWS: &str = "repository:";

/// A key that is to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What its owner calls it.
    pub label: String,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// When it ends, if it does.
    pub expires: Option<UnixTime>,
    /// `User-Agent` of the request.
    pub user_agent: String,
}

/// What is wrong with what is wanted, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidKey(pub String);

impl InvalidKey {
    fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Wanted {
    /// Reads a body. As in zot, all members may be missing, others are ignored, and the case of
    /// names does not matter.
    ///
    /// # Errors
    /// Not a JSON object, a member of another type, or a date that is not RFC 3339.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidKey> {
        let Ok(Value::Object(members)) = json::parse(body) else {
            return Err(InvalidKey::new("the body must be a JSON object"));
        };
        let mut wanted = Self::default();
        for (name, value) in members {
            match (name.to_ascii_lowercase().as_str(), value) {
                (_, Value::Null) => {}
                ("label", Value::String(label)) => wanted.label = label,
                ("label", _) => return Err(InvalidKey::new("`label` must be text")),
                ("expirationdate", Value::String(date)) if date.is_empty() => {}
                ("expirationdate", value) => wanted.expires = date(&value)?,
                ("scopes", value) => wanted.scopes = texts(value)?,
                _ => {}
            }
        }
        Ok(wanted)
    }

    /// Checks what a key may be. Returns what its owner should know: which scopes are mere labels.
    ///
    /// # Errors
    /// The label or the scopes are too long, the end has passed, or a scope looks like one that
    /// narrows, but is none.
    pub fn check(&self, now: UnixTime) -> Result<Option<String>, InvalidKey> {
        if self.label.len() > MAX_LABEL || self.label.chars().any(char::is_control) {
            return Err(InvalidKey::new(
                "`label` must have at most 1024 bytes and no control characters",
            ));
        }
        if self.scopes.len() > MAX_SCOPES {
            return Err(InvalidKey::new("there must be at most 32 `scopes`"));
        }
        if self.expires.is_some_and(|end| end <= now) {
            return Err(InvalidKey::new("`expirationDate` must be in the future"));
        }
        let mut labels = 0;
        for scope in &self.scopes {
            if !scope.starts_with(NARROWS) {
                labels += 1;
            } else if KeyScope::parse(scope).is_none() {
                return Err(InvalidKey::new(
                    "a scope that begins with `repository:` must be `repository:PATTERN:ACTIONS`, such as `repository:team/**:pull,push`, with actions of `pull`, `push`, `delete` and `*`",
                ));
            }
        }
        Ok((labels > 0).then(|| {
            format!("{labels} of the scopes are labels that narrow nothing: only `repository:PATTERN:ACTIONS` does")
        }))
    }
}

/// The scopes of a key that narrow what may be done with it.
pub(super) fn narrowing(scopes: &[String]) -> impl Iterator<Item = &String> {
    let narrows = |scope: &&String| KeyScope::parse(scope).is_some();
    scopes.iter().filter(narrows)
}

fn date(value: &Value) -> Result<Option<UnixTime>, InvalidKey> {
    let date = value.as_str().and_then(read_time).ok_or_else(|| {
        InvalidKey::new("`expirationDate` must be a time such as `2027-01-02T03:04:05Z`")
    })?;
    // As in zot, the zero time is long past.
    Ok(Some(date.unwrap_or_default()))
}

fn texts(value: Value) -> Result<Vec<String>, InvalidKey> {
    let error = || InvalidKey::new("`scopes` must be a list of texts");
    let Value::Array(list) = value else {
        return Err(error());
    };
    let text = |value| match value {
        Value::String(text) => Ok(text),
        _ => Err(error()),
    };
    list.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_narrows_is_a_label_or_is_wrong() {
        let rows = [
            ("repository:a/**:pull", Ok(false)),
            ("repository:**:pull,push,delete", Ok(false)),
            ("repository:a/*:*", Ok(false)),
            ("ci", Ok(true)),
            ("", Ok(true)),
            ("Repository:a:pull", Ok(true)),
            ("repository:", Err(())),
            ("repository:a", Err(())),
            ("repository:a:", Err(())),
            ("repository::pull", Err(())),
            ("repository:a:read", Err(())),
            ("repository:a:pull,", Err(())),
            ("repository:a:pull push", Err(())),
            ("repository:a[:pull", Err(())),
        ];
        for (scope, expected) in rows {
            let wanted = Wanted {
                scopes: vec![scope.into()],
                ..Wanted::default()
            };
            let checked = wanted.check(UnixTime::from_secs(0));
            let found = checked.map(|warning| warning.is_some()).map_err(|_| ());
            assert_eq!(found, expected, "{scope}");
            let narrows = narrowing(&wanted.scopes).count();
            assert_eq!(narrows, usize::from(expected == Ok(false)), "{scope}");
        }
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let now = UnixTime::from_secs(0);
        let wanted = |label: &str, scopes: usize| Wanted {
            label: label.into(),
            scopes: vec!["repository:a:pull".into(); scopes],
            ..Wanted::default()
        };
        let rows = [
            (wanted(&"l".repeat(MAX_LABEL), MAX_SCOPES), true),
            (wanted(&"l".repeat(MAX_LABEL + 1), 0), false),
            (wanted("", MAX_SCOPES + 1), false),
            (wanted("a\nb", 0), false),
        ];
        for (wanted, expected) in rows {
            assert_eq!(wanted.check(now).is_ok(), expected, "{wanted:?}");
        }
    }
}
