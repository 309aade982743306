//! Differences as they are found, merged where a line can say them together.

use std::collections::{BTreeMap, BTreeSet};

use registry_auth_engine::access::Action;

use super::region::Site;
use super::verdict::Found;
use super::{DiffError, Difference, Kind, Who, Witness};

/// The most differences.
const DIFFERENCES: usize = 100_000;

/// What the differences of one line have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kind: Kind,
    who: Who,
    pattern: String,
    verb: Option<&'static str>,
    conditions: Option<String>,
}

/// What they have not.
#[derive(Default)]
struct Rest {
    actions: BTreeSet<Action>,
    others: BTreeSet<String>,
    witness: Option<Witness>,
}

/// All differences.
#[derive(Default)]
pub(super) struct Merged(BTreeMap<Key, Rest>);

impl Merged {
    /// Adds a difference.
    pub(super) fn add(
        &mut self,
        who: &Who,
        site: &Site<'_>,
        found: Found,
        witness: Witness,
    ) -> Result<(), DiffError> {
        let is_witness = !matches!(found.kind, Kind::Changed { .. });
        let key = Key {
            kind: found.kind,
            who: who.clone(),
            pattern: site.pattern.to_owned(),
            verb: site.other.map(|(verb, _)| verb),
            conditions: found.conditions,
        };
        let rest = self.0.entry(key).or_default();
        rest.actions.insert(witness.action);
        if rest.witness.is_none() && is_witness {
            rest.witness = Some(witness);
        }
        if let Some((_, other)) = site.other
            && !rest.others.contains(other)
        {
            rest.others.insert(other.to_owned());
        }
        if self.0.len() > DIFFERENCES {
            return Err(DiffError::TooMany(DIFFERENCES));
        }
        Ok(())
    }

    /// Returns them, additions first.
    pub(super) fn into_differences(self) -> Vec<Difference> {
        let all = self.0.into_iter();
        all.map(|(key, rest)| Difference {
            because: because(&key, &rest.others),
            kind: key.kind,
            who: key.who,
            actions: rest.actions,
            pattern: key.pattern,
            conditions: key.conditions,
            witness: rest.witness,
        })
        .collect()
    }
}

/// `acme/app/** hides acme/**`
fn because(key: &Key, others: &BTreeSet<String>) -> Option<String> {
    let (verb, first) = key.verb.zip(others.first())?;
    let because = format!("{} {verb} {first}", key.pattern);
    Some(match others.len() {
        1 => because,
        all => format!("{because} and {} more", all - 1),
    })
}
