//! What is recorded of the rules while they are considered.

use super::Entry;
use crate::authz::req::Request;
use crate::authz::rule::{Clause, Label};
use crate::trace::{RuleOutcome, Step};

impl Request<'_> {
    pub(super) fn record(&self, label: Label<'_>, outcome: RuleOutcome) {
        self.facts.recorder().record(|| Step::Rule {
            place: label.clause.to_string(),
            name: label.name.cloned(),
            outcome,
        });
    }

    /// Records a rule that does not name the caller. Returns `names`.
    pub(super) fn considers(&self, label: Label<'_>, names: bool) -> bool {
        if !names {
            self.record(label, RuleOutcome::NotNamed);
        }
        names
    }

    /// Records a rule without conditions. Returns `may`.
    pub(super) fn gives(&self, label: Label<'_>, may: bool) -> bool {
        let outcome = if may {
            RuleOutcome::Granted
        } else {
            RuleOutcome::NotThisAction
        };
        self.record(label, outcome);
        may
    }

    /// Records the entries that name somebody else.
    #[cold]
    #[inline(never)]
    pub(super) fn record_strangers(&self, entries: &[Entry]) {
        for (index, entry) in entries.iter().enumerate() {
            let names = entry.names_user(self.identity) || entry.names_group(self.identity);
            self.considers(entry.label(Clause::Entry(index)), names);
        }
    }
}
