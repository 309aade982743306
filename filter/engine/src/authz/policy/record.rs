//! What is recorded of the rules while they are considered.

use super::Entry;
use crate::authz::req::Request;
use crate::authz::rule::Clause;
use crate::trace::{RuleOutcome, Step};

impl Request<'_> {
    pub(super) fn record(&self, clause: Clause, outcome: RuleOutcome) {
        self.facts.recorder().record(|| Step::Rule {
            place: clause.to_string(),
            outcome,
        });
    }

    /// Records a rule that does not name the caller. Returns `names`.
    pub(super) fn considers(&self, clause: Clause, names: bool) -> bool {
        if !names {
            self.record(clause, RuleOutcome::NotNamed);
        }
        names
    }

    /// Records a rule without conditions. Returns `may`.
    pub(super) fn gives(&self, clause: Clause, may: bool) -> bool {
        let outcome = if may {
            RuleOutcome::Granted
        } else {
            RuleOutcome::NotThisAction
        };
        self.record(clause, outcome);
        may
    }

    /// Records the entries that name somebody else.
    #[cold]
    #[inline(never)]
    pub(super) fn record_strangers(&self, entries: &[Entry]) {
        for (index, entry) in entries.iter().enumerate() {
            let names = entry.names_user(self.identity) || entry.names_group(self.identity);
            self.considers(Clause::Entry(index), names);
        }
    }
}
