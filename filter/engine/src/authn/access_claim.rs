//! The `access` claim of Docker token servers (Docker registry token authentication specification,
//! "Token format").

use serde_json::Value;

use crate::access::Check;
use crate::authn::claims::Claims;
use crate::authn::origin::Origin;
use crate::login::scope::KeyScope;
use crate::time::UnixTime;

/// What a token server granted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccessClaim {
    entries: Vec<Entry>,
    /// The scopes of an API key.
    scopes: Vec<KeyScope>,
    /// A token server granted it, to whomever the token names; the token may name nobody (an empty
    /// `sub`).
    of_token_server: bool,
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
            Some(Value::Array(entries)) => Ok(Self {
                entries: entries.iter().map(Entry::read).collect::<Result<_, _>>()?,
                of_token_server: true,
                ..Self::default()
            }),
            Some(_) => Err(MalformedAccess),
        }
    }

    /// What an API key covers; all of it is of repositories.
    pub(crate) fn of_key(scopes: Vec<KeyScope>) -> Self {
        Self {
            scopes,
            ..Self::default()
        }
    }

    /// The claim of a token that was minted here. It covers the catalog if the credential does that
    /// it was given for: without the entry in the token a registry refuses its catalog, and here it
    /// is filtered.
    pub(crate) fn minted(mut self, origin: &Origin) -> Self {
        if origin.may_list() {
            let entry = |text: &str| text.to_owned();
            let actions = vec![entry("*")];
            self.entries.push(Entry {
                kind: entry("registry"),
                name: entry("catalog"),
                actions,
                expires: None,
            });
        }
        Self {
            of_token_server: origin.is_of_token_server(),
            ..self
        }
    }

    /// Returns true if a token server granted it, which may grant something to a token that names
    /// no user.
    pub(crate) const fn is_of_token_server(&self) -> bool {
        self.of_token_server
    }

    /// Until when an action on a repository is covered, in the words of the claim; `None` if it is
    /// not.
    pub(crate) fn covers_until(
        &self,
        repository: &str,
        action: &str,
        now: UnixTime,
    ) -> Option<UnixTime> {
        self.grants_until("repository", repository, action, now)
    }

    /// Until when the catalog is covered; `None` if it is not.
    pub(crate) fn covers_catalog_until(&self, now: UnixTime) -> Option<UnixTime> {
        self.grants_until("registry", "catalog", "*", now)
    }

    /// Returns true if a part of it ends before the token does.
    pub(crate) fn has_ends(&self) -> bool {
        self.entries.iter().any(|entry| entry.expires.is_some())
    }

    /// Returns true if a check is covered (D5: an action `*` covers all).
    pub(crate) fn covers(&self, check: &Check<'_>, now: UnixTime) -> bool {
        self.grants(
            "repository",
            check.repository,
            check.action.scope_action(),
            now,
        )
    }

    /// Returns true if the catalog is covered.
    pub(crate) fn covers_catalog(&self, now: UnixTime) -> bool {
        self.grants("registry", "catalog", "*", now)
    }

    fn grants(&self, kind: &str, name: &str, action: &str, now: UnixTime) -> bool {
        self.is_in_scope(kind, name, action)
            || self
                .entries
                .iter()
                .any(|entry| entry.grants(kind, name, action, now))
    }

    fn is_in_scope(&self, kind: &str, name: &str, action: &str) -> bool {
        kind == "repository" && self.scopes.iter().any(|scope| scope.covers(name, action))
    }

    fn grants_until(
        &self,
        kind: &str,
        name: &str,
        action: &str,
        now: UnixTime,
    ) -> Option<UnixTime> {
        if self.is_in_scope(kind, name, action) {
            return Some(UnixTime::MAX);
        }
        let granting = self
            .entries
            .iter()
            .filter(|entry| entry.grants(kind, name, action, now));
        granting
            .map(|entry| entry.expires.unwrap_or(UnixTime::MAX))
            .max()
    }
}

impl Entry {
    fn grants(&self, kind: &str, name: &str, action: &str, now: UnixTime) -> bool {
        self.kind == kind
            && self.name == name
            && self.expires.is_none_or(|expires| now < expires)
            && self
                .actions
                .iter()
                .any(|granted| granted == action || granted == "*")
    }

    fn read(value: &Value) -> Result<Self, MalformedAccess> {
        let text = |name: &str| {
            value
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
                .ok_or(MalformedAccess)
        };
        let actions = match value.get("actions") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(actions)) => actions
                .iter()
                .map(|action| action.as_str().map(str::to_owned).ok_or(MalformedAccess))
                .collect::<Result<_, _>>()?,
            Some(_) => return Err(MalformedAccess),
        };
        // An entry may end before its token; its `exp` is read as the token's own.
        let expires = Claims::new(value.as_object().ok_or(MalformedAccess)?.clone())
            .expires()
            .map_err(|_| MalformedAccess)?;
        Ok(Self {
            kind: text("type")?,
            name: text("name")?,
            actions,
            expires,
        })
    }
}
