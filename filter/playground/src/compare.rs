//! What two configurations decide differently, on the names that they have.
//!
//! Nothing is proved: a difference at a name that neither has is not found.

use std::collections::{BTreeMap, BTreeSet};

use registry_auth_engine::UnixTime;
use registry_auth_engine::config::raw::Document;
use registry_auth_engine::engine::Engine;
use serde::Serialize;
use serde_json::Value;

use crate::matrix::{self, Caller};

/// The most decisions that are compared, in each configuration.
const MOST: usize = 20_000;

/// The differences.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Differences {
    /// What is allowed now, and was not.
    pub(crate) added: Vec<Difference>,
    /// What was allowed, and is not now.
    pub(crate) removed: Vec<Difference>,
    /// How many decisions were compared.
    pub(crate) compared: usize,
    /// False if there were too many to compare all.
    pub(crate) complete: bool,
}

/// Somebody who may do something in one of the two.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Difference {
    /// The caller, as it is shown.
    pub(crate) caller: String,
    /// The same as `Who`.
    pub(crate) who: Value,
    /// The actions.
    pub(crate) actions: Vec<&'static str>,
    /// The repository.
    pub(crate) repository: String,
    /// A request that shows it.
    pub(crate) words: String,
    /// Whether its tag exists.
    pub(crate) tag_exists: Option<bool>,
}

/// Compares two configurations.
#[must_use]
pub(crate) fn of(
    old: (&Engine, &Document),
    new: (&Engine, &Document),
    now: UnixTime,
) -> Differences {
    let mut callers: BTreeMap<String, Caller> = BTreeMap::new();
    let mut names = BTreeSet::new();
    for (engine, document) in [old, new] {
        let all = matrix::callers(engine, document);
        callers.extend(all.into_iter().map(|caller| (caller.label.clone(), caller)));
        names.extend(matrix::repositories(engine, document));
    }
    let actions: Vec<_> = matrix::actions().collect();
    let mut found = Differences {
        complete: true,
        ..Differences::default()
    };
    for caller in callers.values() {
        for name in &names {
            if found.compared + actions.len() > MOST {
                found.complete = false;
                return found;
            }
            found.compared += actions.len();
            let cells = [old, new].map(|(engine, _)| matrix::cells(engine, caller, name, now));
            let [before, after] = cells;
            let mut changed = [Vec::new(), Vec::new()];
            for ((action, before), after) in actions.iter().zip(before).zip(after) {
                let [added, removed] = &mut changed;
                match (before.is_granted(), after.is_granted()) {
                    (false, true) => added.push(*action),
                    (true, false) => removed.push(*action),
                    _ => {}
                }
            }
            let [added, removed] = changed;
            let of = |actions: Vec<&'static str>| {
                let (words, tag_exists) = matrix::request(actions.first()?, name)?;
                Some(Difference {
                    caller: caller.label.clone(),
                    who: caller.who.clone(),
                    actions,
                    repository: name.clone(),
                    words,
                    tag_exists,
                })
            };
            found.added.extend(of(added));
            found.removed.extend(of(removed));
        }
    }
    found
}
