//! Scopes: what a client asks a token for, and what it gets (Distribution, "Token Scope
//! Documentation").

use serde_json::{Value, json};
use strum::VariantArray;

use crate::access::Action;
use crate::reason::Reason;
use crate::route::Repository;

/// How many scopes one request may name; each may cost a policy decision for every action.
pub const MAX_SCOPES: usize = 64;

/// How many actions one scope may name.
const MAX_ACTIONS: usize = 16;

/// An action of a repository scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum ScopeAction {
    /// Reading.
    Pull,
    /// Writing, both new and over something existing.
    Push,
    /// Deleting.
    Delete,
}

impl ScopeAction {
    /// The word in scopes and in the `access` claim.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
        }
    }

    /// The actions of policies that it stands for; one of them is enough to be granted it.
    #[must_use]
    pub const fn actions(self) -> &'static [Action] {
        match self {
            Self::Pull => &[Action::Read],
            Self::Push => &[Action::Create, Action::Update],
            Self::Delete => &[Action::Delete],
        }
    }
}

/// The subject of a scope that can be granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `repository:NAME:...`, with what is asked (or granted) of it.
    Repository(String, Vec<ScopeAction>),
    /// `registry:catalog:*`.
    Catalog,
}

impl Scope {
    /// Adds the scopes of a list that is separated by blanks to `scopes`, each repository once with
    /// all that is asked of it, in the order in which they come first. A scope that nothing can be
    /// granted of, such as one of another resource type, is left out; so is a resource class, which
    /// Distribution ignores today.
    ///
    /// # Errors
    /// `MalformedRequest` when a scope breaks the grammar, or there are more than [`MAX_SCOPES`]
    /// different ones.
    pub fn parse_list(list: &str, scopes: &mut Vec<Self>) -> Result<(), Reason> {
        for text in list.split(' ').filter(|text| !text.is_empty()) {
            if let Some(scope) = Self::parse(text)? {
                scope.join(scopes);
            }
            if scopes.len() > MAX_SCOPES {
                return Err(Reason::MalformedRequest);
            }
        }
        Ok(())
    }

    /// One scope; `None` if it cannot be granted.
    fn parse(text: &str) -> Result<Option<Self>, Reason> {
        let malformed = Reason::MalformedRequest;
        let (kind, rest) = text.split_once(':').ok_or(malformed)?;
        let (name, actions) = rest.rsplit_once(':').ok_or(malformed)?;
        let kind = resource_type(kind).ok_or(malformed)?;
        let is_repository = Repository::parse_name(name).is_ok();
        if !(is_repository || is_on_a_host(name)) || actions.split(',').count() > MAX_ACTIONS {
            return Err(malformed);
        }
        if !actions
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'*' | b','))
        {
            return Err(malformed);
        }
        let asked = |wanted: &str| actions.split(',').any(|action| action == wanted);
        Ok(match kind {
            "repository" if is_repository => {
                let wanted = |action: &ScopeAction| asked("*") || asked(action.name());
                Some(Self::Repository(
                    name.to_owned(),
                    ScopeAction::VARIANTS
                        .iter()
                        .copied()
                        .filter(wanted)
                        .collect(),
                ))
            }
            "registry" if name == "catalog" && asked("*") => Some(Self::Catalog),
            _ => None,
        })
    }

    /// What is granted of what is asked: for each repository once the actions that `may` allows,
    /// and the catalog if it is `open`. What is not granted is left out, which is no error.
    #[must_use]
    pub fn granted(asked: &[Self], may: &dyn Fn(Action, &str) -> bool, open: bool) -> Vec<Self> {
        let mut granted: Vec<Self> = Vec::new();
        for scope in asked {
            let scope = match scope {
                Self::Repository(name, actions) => {
                    let may = |action: &&ScopeAction| {
                        action.actions().iter().any(|action| may(*action, name))
                    };
                    Self::Repository(name.clone(), actions.iter().filter(may).copied().collect())
                }
                Self::Catalog if open => Self::Catalog,
                Self::Catalog => continue,
            };
            if !scope.is_empty() {
                scope.join(&mut granted);
            }
        }
        granted
    }

    const fn is_empty(&self) -> bool {
        matches!(self, Self::Repository(_, actions) if actions.is_empty())
    }

    /// Adds the scope to others, as far as it is new.
    fn join(self, others: &mut Vec<Self>) {
        let Self::Repository(name, actions) = &self else {
            if !others.contains(&self) {
                others.push(self);
            }
            return;
        };
        let known = others.iter_mut().find_map(|other| match other {
            Self::Repository(known, actions) if known == name => Some(actions),
            _ => None,
        });
        match known {
            Some(known) => {
                let new: Vec<_> = actions
                    .iter()
                    .filter(|action| !known.contains(action))
                    .copied()
                    .collect();
                known.extend(new);
            }
            None => others.push(self),
        }
    }

    /// The entry of an `access` claim.
    #[must_use]
    pub fn entry(&self) -> Value {
        match self {
            Self::Repository(name, actions) => {
                let actions: Vec<_> = actions.iter().map(|action| action.name()).collect();
                json!({ "type": "repository", "name": name, "actions": actions })
            }
            Self::Catalog => json!({ "type": "registry", "name": "catalog", "actions": ["*"] }),
        }
    }

    /// Scopes as a list that is separated by blanks.
    #[must_use]
    pub fn list(scopes: &[Self]) -> String {
        let mut list = String::new();
        for scope in scopes {
            scope.write(&mut list);
        }
        list
    }

    fn write(&self, list: &mut String) {
        if !list.is_empty() {
            list.push(' ');
        }
        match self {
            Self::Repository(name, actions) => {
                list.push_str("repository:");
                list.push_str(name);
                let mut separator = ':';
                for action in actions {
                    list.push(separator);
                    list.push_str(action.name());
                    separator = ',';
                }
            }
            Self::Catalog => list.push_str("registry:catalog:*"),
        }
    }
}

/// `resourcetype`, without its class.
fn resource_type(text: &str) -> Option<&str> {
    let word = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    match text.split_once('(') {
        None => word(text).then_some(text),
        Some((kind, class)) => (word(kind) && word(class.strip_suffix(')')?)).then_some(kind),
    }
}

/// `hostname '/' component ...`: the grammar allows it, no repository here has such a name.
fn is_on_a_host(name: &str) -> bool {
    let Some((host, path)) = name.split_once('/') else {
        return false;
    };
    let (host, port) = host.split_once(':').unwrap_or((host, "0"));
    let is_label = |part: &str| {
        let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
        let mut bytes = part.bytes();
        edge(bytes.next())
            && edge(part.bytes().next_back())
            && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    host.split('.').all(is_label)
        && !port.is_empty()
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && Repository::parse_name(path).is_ok()
}

#[cfg(test)]
mod tests;
