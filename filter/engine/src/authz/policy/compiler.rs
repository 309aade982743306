//! From a written access control to a policy.

use std::collections::BTreeSet;
use std::sync::Arc;

use registry_auth_cel::Members;
use strum::VariantArray as _;

use super::{Entry, Group, Policy};
use crate::authz::action::Actions;
use crate::authz::condition::{Conditions, Expressions};
use crate::authz::index::PatternIndex;
use crate::authz::pattern::Pattern;
use crate::authz::req::Member;
use crate::config::{Diagnostics, raw};

/// The longest name of a rule, in characters.
const MAX_NAME: usize = 64;

const MISNAMED: &str = "a name is shown within lines and quotation marks: write 1 to 64 characters, without control characters, `\"` and `\\`";

fn is_name(name: &str) -> bool {
    let is_shown = |character: char| !character.is_control() && !"\"\\".contains(character);
    (1..=MAX_NAME).contains(&name.chars().count()) && name.chars().all(is_shown)
}

/// Compiles a policy, and collects what is wrong.
pub(super) struct Compiler<'a> {
    pub(super) expressions: Expressions,
    pub(super) client_readers: Option<String>,
    pub(super) diagnostics: &'a mut Diagnostics,
}

impl Compiler<'_> {
    pub(super) fn policy(mut self, raw: &raw::AccessControl, path: &str) -> Option<Policy> {
        let before = self.diagnostics.errors.len();
        let mut seen = BTreeSet::new();
        let mut groups = Vec::new();
        for (text, group) in &raw.repositories {
            let place = format!("{path}.repositories[\"{text}\"]");
            let pattern = self.pattern(text, &place, &mut seen);
            let group = self.group(group, &place);
            groups.extend(pattern.map(|pattern| (pattern, group)));
        }
        let admin = raw
            .admin_policy
            .as_ref()
            .map(|entry| self.entry(entry, &format!("{path}.adminPolicy")));
        let entries = || {
            groups
                .iter()
                .flat_map(|(_, group)| &group.entries)
                .chain(&admin)
        };
        let is_read = |member: &Member| entries().any(|entry| entry.conditions.may_read(*member));
        let read = Member::VARIANTS.iter().copied().filter(is_read).collect();
        let mut claims_read = Members::default();
        entries().for_each(|entry| entry.conditions.add_claims_read(&mut claims_read));
        let Some(repositories) = PatternIndex::build(groups) else {
            self.diagnostics.error(
                format!("{path}.repositories"),
                "the patterns together are too large",
            );
            return None;
        };
        let sound = self.diagnostics.errors.len() == before;
        let client_readers = self.client_readers;
        sound.then(|| Policy {
            repositories,
            admin,
            groups: raw.groups.clone(),
            read,
            claims_read,
            client_readers,
        })
    }

    /// Repository names have no upper case and zot's loader lower-cases the patterns, so they are
    /// read that way.
    fn pattern(&mut self, text: &str, place: &str, seen: &mut BTreeSet<String>) -> Option<Pattern> {
        let lower = text.to_ascii_lowercase();
        if lower != text {
            self.diagnostics.warn(
                place,
                format!("repository names have no upper case, read as `{lower}`"),
            );
        }
        if !seen.insert(lower.clone()) {
            self.diagnostics
                .error(place, "duplicate pattern (case-insensitive)");
            return None;
        }
        let pattern = Pattern::compile(&lower)
            .map_err(|error| self.diagnostics.error(place, error.to_string()))
            .ok()?;
        if let Some(reason) = pattern.unreachable() {
            let message = format!(
                "no repository has such a name, so this closes and opens nothing: {reason}"
            );
            self.diagnostics.warn(place, message);
        } else if text.split('/').any(|component| component == "{username}") {
            self.diagnostics.warn(
                place,
                "`{username}` is the name `username`; the caller's name is `${username}`",
            );
        } else if lower.starts_with("v2/") {
            self.diagnostics.warn(
                place,
                "names begin behind `/v2/`: this is a repository `v2/...`",
            );
        }
        Some(pattern)
    }

    fn group(&mut self, raw: &raw::PolicyGroup, place: &str) -> Group {
        let entries = raw.policies.iter().enumerate();
        let entries = entries
            .map(|(index, entry)| self.entry(entry, &format!("{place}.policies[{index}]")))
            .collect();
        Group {
            entries,
            default: Actions::compile(
                &raw.default_policy,
                &format!("{place}.defaultPolicy"),
                self.diagnostics,
            ),
            anonymous: Actions::compile(
                &raw.anonymous_policy,
                &format!("{place}.anonymousPolicy"),
                self.diagnostics,
            ),
        }
    }

    fn entry(&mut self, raw: &raw::PolicyEntry, place: &str) -> Entry {
        for (index, _) in raw
            .users
            .iter()
            .enumerate()
            .filter(|(_, user)| user.is_empty())
        {
            let advice =
                "an empty user name: write `anonymousPolicy` for callers without credentials";
            self.diagnostics
                .error(format!("{place}.users[{index}]"), advice);
        }
        for (index, _) in raw
            .groups
            .iter()
            .enumerate()
            .filter(|(_, group)| group.is_empty())
        {
            let advice =
                "an empty group name: write `defaultPolicy` for everybody with a credential";
            self.diagnostics
                .error(format!("{place}.groups[{index}]"), advice);
        }
        if raw.users.is_empty() && raw.groups.is_empty() {
            self.diagnostics
                .warn(place, "names no users and no groups, so it grants nothing");
        } else if raw.actions.is_empty() {
            self.diagnostics
                .warn(place, "names no actions, so it grants nothing");
        }
        if raw.name.as_deref().is_some_and(|name| !is_name(name)) {
            self.diagnostics.error(format!("{place}.name"), MISNAMED);
        }
        let actions = Actions::compile(&raw.actions, &format!("{place}.actions"), self.diagnostics);
        let place = format!("{place}.conditions");
        let conditions = Conditions::compile(
            &raw.conditions,
            &place,
            &mut self.expressions,
            self.diagnostics,
        );
        if self.client_readers.is_none() && conditions.may_read(Member::Client) {
            self.client_readers = Some(place);
        }
        Entry {
            name: raw.name.as_deref().map(Arc::from),
            users: set(&raw.users),
            groups: set(&raw.groups),
            actions,
            conditions,
        }
    }
}

/// Not collected: that sorts first, and each sort takes 4 kB of the module.
fn set(names: &[String]) -> BTreeSet<String> {
    let mut set = BTreeSet::new();
    set.extend(names.iter().cloned());
    set
}
