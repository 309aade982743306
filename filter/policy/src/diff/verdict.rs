//! What has happened to one right.

use std::collections::BTreeSet;

use super::Kind;
use super::rights::Access;

/// What has happened, and under which conditions.
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) conditions: Option<String>,
}

impl Found {
    /// Compares a right by the rules of two policies, of which one `granted` it in a sample or
    /// not. `None` if the rules and the samples contradict each other.
    pub(super) fn of(old: &Access, new: &Access, granted: [bool; 2]) -> Option<Self> {
        let changed = |may_add, may_remove| Kind::Changed {
            may_add,
            may_remove,
        };
        let is_added = granted == [false, true];
        let is_removed = granted == [true, false];
        let (kind, conditions) = match (old, new) {
            (Access::No, Access::Yes) => (is_added.then_some(Kind::Added)?, None),
            (Access::Yes, Access::No) => (is_removed.then_some(Kind::Removed)?, None),
            // A sample for which the conditions are true is a witness.
            (Access::No, Access::If(new)) => {
                let kind = if is_added {
                    Kind::Added
                } else {
                    changed(true, false)
                };
                (kind, Some(words(new)))
            }
            (Access::If(old), Access::No) => {
                let kind = if is_removed {
                    Kind::Removed
                } else {
                    changed(false, true)
                };
                (kind, Some(format!("before {}", words(old))))
            }
            (Access::Yes, Access::If(new)) => {
                (changed(false, true), Some(format!("only {}", words(new))))
            }
            (Access::If(old), Access::Yes) => (
                changed(true, false),
                Some(format!("before only {}", words(old))),
            ),
            (Access::If(old), Access::If(new)) => {
                let kind = changed(!new.is_subset(old), !old.is_subset(new));
                (kind, Some(format!("{}; before {}", words(new), words(old))))
            }
            (Access::No, Access::No) | (Access::Yes, Access::Yes) => return None,
        };
        Some(Self { kind, conditions })
    }
}

/// `if A and B, or if C`
fn words(conditions: &BTreeSet<Vec<String>>) -> String {
    let all: Vec<String> = conditions
        .iter()
        .map(|all| format!("if {}", all.join(" and ")))
        .collect();
    all.join(", or ")
}
