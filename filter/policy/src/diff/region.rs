//! The names for which the same patterns decide, and what they give.

use super::patterns::Patterns;
use super::rights::{Rights, Rules};

/// The pattern of what the admin policy gives.
pub(super) const ADMIN: &str = "adminPolicy";

/// The deciding patterns of both policies.
pub(super) type Deciding = (Option<u32>, Option<u32>);

/// Patterns that decide together, with one of the names.
#[derive(Clone, Copy)]
pub(super) struct Region<'a> {
    pub(super) patterns: &'a Patterns,
    deciding: Deciding,
    pub(super) repository: &'a str,
}

/// The pattern that makes a difference, and how the other one matters.
pub(super) struct Site<'a> {
    pub(super) pattern: &'a str,
    /// A verb, and the other pattern.
    pub(super) other: Option<(&'static str, &'a str)>,
}

impl<'a> Region<'a> {
    pub(super) const fn of(
        patterns: &'a Patterns,
        deciding: Deciding,
        repository: &'a str,
    ) -> Self {
        Self {
            patterns,
            deciding,
            repository,
        }
    }

    /// The rules that decide, of each policy.
    pub(super) fn rules(&self) -> [Option<&'a Rules>; 2] {
        let [old, new] = &self.patterns.rules;
        let of = |rules: &'a [Rules], id: Option<u32>| rules.get(id? as usize);
        [of(old, self.deciding.0), of(new, self.deciding.1)]
    }

    /// The patterns that decide, of each policy.
    pub(super) fn texts(&self) -> [Option<&'a str>; 2] {
        let (old, new) = self.deciding;
        [old, new].map(|id| {
            let pattern = self.patterns.list.get(id? as usize)?;
            Some(pattern.text.as_str())
        })
    }

    /// What a caller gets by each policy.
    pub(super) fn rights(
        &self,
        name: &str,
        [old_groups, new_groups]: [&[String]; 2],
    ) -> [Rights; 2] {
        let [old, new] = self.rules();
        let [old_admin, new_admin] = &self.patterns.admin;
        let user = Some(name);
        [
            rights(old, user, old_groups).or(&old_admin.of(user, old_groups)),
            rights(new, user, new_groups).or(&new_admin.of(user, new_groups)),
        ]
    }

    /// The pattern that makes the difference.
    pub(super) fn site(&self) -> Site<'a> {
        let stays = |id: Option<u32>, side: usize| {
            let pattern = id.and_then(|id| self.patterns.list.get(id as usize));
            pattern.is_some_and(|pattern| pattern.is_in.get(side) == Some(&true))
        };
        let (pattern, other) = match self.texts() {
            [Some(old), Some(new)] if old == new => (new, None),
            [Some(old), Some(new)] if stays(self.deciding.0, 1) => (new, Some(("hides", old))),
            [Some(old), Some(new)] if stays(self.deciding.1, 0) => {
                (old, Some(("no longer hides", new)))
            }
            [Some(old), Some(new)] => (new, Some(("decides instead of", old))),
            [Some(one), None] | [None, Some(one)] => (one, None),
            [None, None] => (ADMIN, None),
        };
        Site { pattern, other }
    }
}

/// What rules give to a caller; nobody's name is that of the anonymous one.
pub(super) fn rights(rules: Option<&Rules>, user: Option<&str>, groups: &[String]) -> Rights {
    match (rules, user) {
        (None, _) => Rights::default(),
        (Some(rules), None) => rules.anybody.clone(),
        (Some(rules), Some(_)) => rules.of(user, groups),
    }
}
