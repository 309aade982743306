//! The `access` claim of Docker token servers (Docker registry token authentication specification, "Token format").

use serde_json::Value;

use crate::access::Check;
use crate::authn::claims::Claims;
use crate::time::UnixTime;

/// What a token server granted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccessClaim {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    kind: String,
    name: String,
    actions: Vec<String>,
    expires: Option<UnixTime>,
}

/// The claim is there and has another form than the specification's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedAccess;

impl AccessClaim {
    /// Reads the claim. An absent or null claim grants nothing.
    ///
    /// # Errors
    /// When `access` is no array, or an entry has members of another type: nothing is guessed.
    pub fn read(claims: &Claims) -> Result<Self, MalformedAccess> {
        match claims.as_map().get("access") {
            None | Some(Value::Null) => Ok(Self::default()),
            Some(Value::Array(entries)) => {
                Ok(Self { entries: entries.iter().map(Entry::read).collect::<Result<_, _>>()? })
            }
            Some(_) => Err(MalformedAccess),
        }
    }

    /// The same with the catalog: for tokens that were minted here. Without it in the token a registry shows nobody its
    /// catalog, and here it is filtered.
    pub(crate) fn with_catalog(mut self) -> Self {
        let entry = |text: &str| text.to_owned();
        let actions = vec![entry("*")];
        self.entries.push(Entry { kind: entry("registry"), name: entry("catalog"), actions, expires: None });
        self
    }

    /// Whether a check is covered (D5: an action `*` covers all).
    pub(crate) fn covers(&self, check: &Check<'_>, now: UnixTime) -> bool {
        self.grants("repository", check.repository, check.action.scope_action(), now)
    }

    /// Whether the catalog is covered.
    pub(crate) fn covers_catalog(&self, now: UnixTime) -> bool {
        self.grants("registry", "catalog", "*", now)
    }

    fn grants(&self, kind: &str, name: &str, action: &str, now: UnixTime) -> bool {
        self.entries.iter().any(|entry| {
            entry.kind == kind
                && entry.name == name
                && entry.expires.is_none_or(|expires| now < expires)
                && entry.actions.iter().any(|granted| granted == action || granted == "*")
        })
    }
}

impl Entry {
    fn read(value: &Value) -> Result<Self, MalformedAccess> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned).ok_or(MalformedAccess);
        let actions = match value.get("actions") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(actions)) => actions
                .iter()
                .map(|action| action.as_str().map(str::to_owned).ok_or(MalformedAccess))
                .collect::<Result<_, _>>()?,
            Some(_) => return Err(MalformedAccess),
        };
        // An entry may end before its token; its `exp` is read as the token's own.
        let expires =
            Claims::new(value.as_object().ok_or(MalformedAccess)?.clone()).expires().map_err(|_| MalformedAccess)?;
        Ok(Self { kind: text("type")?, name: text("name")?, actions, expires })
    }
}
