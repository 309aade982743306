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
mod tests {
    use super::*;

    fn read(list: &str) -> Result<String, Reason> {
        let mut scopes = Vec::new();
        Scope::parse_list(list, &mut scopes)?;
        Ok(Scope::list(&scopes))
    }

    #[test]
    fn a_scope_follows_the_grammar_of_distribution() {
        let longest = "a".repeat(255);
        let long = format!("repository:{longest}:pull");
        let rows = [
            ("", ""),
            ("  ", ""),
            ("repository:a:pull", "repository:a:pull"),
            (
                "repository:team/app:pull,push",
                "repository:team/app:pull,push",
            ),
            ("repository:a:push,pull", "repository:a:pull,push"),
            ("repository:a:pull,pull", "repository:a:pull"),
            ("repository:a:*", "repository:a:pull,push,delete"),
            ("repository:a:delete", "repository:a:delete"),
            ("repository:a:", "repository:a"),
            ("repository:a:metadata", "repository:a"),
            ("repository(plugin):a:pull", "repository:a:pull"),
            ("registry:catalog:*", "registry:catalog:*"),
            ("registry:catalog:pull", ""),
            ("registry:other:*", ""),
            ("artifact:a:pull", ""),
            ("repository:host.example:5000/a:pull", ""),
            ("repository:Host/a:pull", ""),
            (
                "repository:a:pull repository:b:push",
                "repository:a:pull repository:b:push",
            ),
            (
                "repository:a:pull  registry:catalog:*",
                "repository:a:pull registry:catalog:*",
            ),
            (
                "repository:b:pull repository:a:pull repository:b:pull",
                "repository:b:pull repository:a:pull",
            ),
            (
                "repository:b:push repository:a:pull repository:b:pull",
                "repository:b:push,pull repository:a:pull",
            ),
            (
                "repository:b: repository(plugin):b:pull",
                "repository:b:pull",
            ),
            (
                "registry:catalog:* registry:catalog:*",
                "registry:catalog:*",
            ),
            (&long, &long),
        ];
        for (list, wanted) in rows {
            assert_eq!(read(list).as_deref(), Ok(wanted), "{list}");
        }
    }

    #[test]
    fn what_breaks_the_grammar_is_refused() {
        let long = format!("repository:{}:pull", "a".repeat(256));
        let actions = format!("repository:a:pull{}", ",pull".repeat(MAX_ACTIONS));
        let rows = [
            "repository",
            "repository:a",
            "repository::pull",
            ":a:pull",
            "Repository:a:pull",
            "repository():a:pull",
            "repository(x:a:pull",
            "repository(x)y:a:pull",
            "repository:A:pull",
            "repository:a/:pull",
            "repository:/a:pull",
            "repository:a//b:pull",
            "repository:../a:pull",
            "repository:a%2fb:pull",
            "repository:a:PULL",
            "repository:a:pull;push",
            "repository:a\n:pull",
            "repository:a:pull\trepository:b:pull",
            "repository:h:5:6/a:pull",
            "repository:h:/a:pull",
            "repository:h:x/a:pull",
            "repository:-h/A:pull",
            "repository:a:pull x",
            &long,
            &actions,
        ];
        for list in rows {
            assert_eq!(read(list), Err(Reason::MalformedRequest), "{list}");
        }
    }

    #[test]
    fn the_number_of_different_scopes_is_bounded() {
        let different = |count: usize| {
            let each = (0..count).map(|number| format!("repository:a{number}:pull"));
            each.collect::<Vec<_>>().join(" ")
        };
        let most = different(MAX_SCOPES);
        assert_eq!(read(&most).as_deref(), Ok(&*most));
        assert_eq!(
            read(&different(MAX_SCOPES + 1)),
            Err(Reason::MalformedRequest)
        );
        assert_eq!(
            read(&format!("{most} registry:catalog:*")),
            Err(Reason::MalformedRequest)
        );
        // A repeated scope is one scope, wherever it is.
        assert_eq!(read(&format!("{most} {most}")).as_deref(), Ok(&*most));
        let mut scopes = Vec::new();
        for _ in 0..100 {
            Scope::parse_list(
                "repository:b:push registry:catalog:* repository:a:pull,push",
                &mut scopes,
            )
            .unwrap();
        }
        assert_eq!(
            Scope::list(&scopes),
            "repository:b:push registry:catalog:* repository:a:pull,push"
        );
    }

    #[test]
    fn what_is_granted_is_what_policy_and_question_share() {
        let asked = "repository:read:pull,push repository:create:pull,push repository:update:push repository:none:* \
                     repository:read:delete registry:catalog:* repository:all:pull repository:all:* registry:catalog:*";
        let mut scopes = Vec::new();
        Scope::parse_list(asked, &mut scopes).unwrap();
        let may = |action: Action, name: &str| action.name() == name || name == "all";
        for (open, wanted) in [
            (
                false,
                "repository:read:pull repository:create:push repository:update:push repository:all:pull,push,delete",
            ),
            (
                true,
                "repository:read:pull repository:create:push repository:update:push registry:catalog:* repository:all:pull,push,delete",
            ),
        ] {
            assert_eq!(Scope::list(&Scope::granted(&scopes, &may, open)), wanted);
        }
    }

    #[test]
    fn an_entry_of_the_claim_says_the_same_as_the_scope() {
        let mut scopes = Vec::new();
        Scope::parse_list("repository:a/b:pull,push registry:catalog:*", &mut scopes).unwrap();
        let entries: Vec<_> = scopes.iter().map(Scope::entry).collect();
        let wanted = json!([
            { "type": "repository", "name": "a/b", "actions": ["pull", "push"] },
            { "type": "registry", "name": "catalog", "actions": ["*"] },
        ]);
        assert_eq!(Value::from(entries), wanted);
    }
}
