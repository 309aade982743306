//! The requests of a log, decided again by two policies.
//!
//! A record has less than a request: where a condition or a claim mapping reads more, it is not
//! known what the policy decides, and such a request is never the same, unless exactly the same
//! conditions decide about it in both policies.
//!
//! ```text
//!  record   a line of a log
//!  decider  what one policy decides about it
//!  callers  who asked, by the new configuration
//!  report   what has come of all lines
//! ```

mod callers;
mod decider;
mod record;
mod report;

#[cfg(test)]
mod tests;

pub use record::Record;
pub use report::{Group, Report};

use std::collections::HashSet;

use callers::{Callers, Seen};
use decider::{Caller, Decided, Decider};

use crate::diff::Side;

/// Reasons of refusals by rules, which another policy may not refuse.
const BY_RULES: [&str; 2] = ["policy_denied", "no_credential"];
/// What has passed without rules.
const WITHOUT_RULES: [&str; 3] = ["publicPaths", "access claim", "login service"];

/// How far apart the two records of one decision may be, in records.
const RECENT: usize = 2_000;

/// A log that is read line by line. Memory does not grow with it.
#[derive(Debug)]
pub struct Replay<'a> {
    old: Decider<'a>,
    new: Decider<'a>,
    callers: Callers<'a>,
    report: Report,
    /// Records that have been read, the last ones.
    recent: HashSet<String>,
    /// And those before.
    before: HashSet<String>,
}

/// What has come of one record.
enum Outcome {
    Same,
    Differs { is_allowed: bool, caller: Caller },
    Unknown(String),
}

impl<'a> Replay<'a> {
    /// Begins with the configuration that wrote the log and the one that is to follow it.
    #[must_use]
    pub fn of(old: Side<'a>, new: Side<'a>) -> Self {
        Self {
            old: Decider::of(old),
            new: Decider::of(new),
            callers: Callers::of(old, new),
            report: Report::default(),
            recent: HashSet::new(),
            before: HashSet::new(),
        }
    }

    /// Reads one line. Lines without a record are counted; empty ones are not.
    pub fn line(&mut self, line: &[u8]) {
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let Some(record) = Record::read(line) else {
            self.report.foreign += 1;
            return;
        };
        if self.is_repeated(&record) {
            self.report.repeated += 1;
            return;
        }
        self.report.requests += 1;
        match self.outcome(&record) {
            Outcome::Same => self.report.same += 1,
            Outcome::Unknown(why) => self.report.add_undecidable(&why),
            Outcome::Differs { is_allowed, caller } => {
                let pattern = self.new.pattern(&record.repository, &caller);
                let old = || self.old.pattern(&record.repository, &caller);
                self.report.add(&record, is_allowed, pattern.or_else(old));
            }
        }
    }

    /// Returns true for a record that was there before as it is: a log may have each twice, from the
    /// filter and in the access log. Other records with the id are others: a client may choose it.
    fn is_repeated(&mut self, record: &Record) -> bool {
        if record.id.is_none() {
            return false;
        }
        let text = format!("{record:?}");
        if self.recent.contains(&text) {
            return true;
        }
        if self.recent.len() >= RECENT {
            // The older half of what is kept.
            self.before = std::mem::take(&mut self.recent);
        }
        let is_repeated = self.before.contains(&text);
        self.recent.insert(text);
        is_repeated
    }

    /// Counts a line that is too long to be read.
    pub const fn long_line(&mut self) {
        self.report.foreign += 1;
    }

    /// Returns what has come of all lines.
    #[must_use]
    pub fn finish(mut self) -> Report {
        if self.report.requests > 0 {
            self.report.unused = self.new.unused();
        }
        self.report
    }

    fn outcome(&mut self, record: &Record) -> Outcome {
        if record.is_clipped() {
            self.new.may_use(record, &Callers::recorded(record));
            return Outcome::Unknown("a text that was cut".to_owned());
        }
        if let Some(what) = without_rules(record) {
            return if self.callers.differ() {
                Outcome::Unknown(format!(
                    "rules did not decide (`{what}`), and more than rules differs"
                ))
            } else {
                Outcome::Same
            };
        }
        let caller = Callers::recorded(record);
        let old = self.old.decide(record, &caller);
        if let (Some(recorded), false) = (record.is_granted, matches!(old, Decided::Unknown(_)))
            && recorded != (old == Decided::Granted)
        {
            self.report.otherwise += 1;
        }
        let (seen, new) = match self.callers.seen(record) {
            Seen::Unknown(why) => {
                self.new.may_use(record, &caller);
                return Outcome::Unknown(why);
            }
            Seen::Refused => (Caller::default(), Decided::Refused),
            Seen::As(seen) => {
                let new = self.new.decide(record, &seen);
                (seen, new)
            }
        };
        match (old, new) {
            (Decided::Unknown(old), Decided::Unknown(new)) => {
                let same = seen == caller && old.basis.is_some() && old.basis == new.basis;
                if same {
                    Outcome::Same
                } else {
                    Outcome::Unknown(new.why)
                }
            }
            (Decided::Unknown(unknown), _) | (_, Decided::Unknown(unknown)) => {
                Outcome::Unknown(unknown.why)
            }
            (old, new) if old == new => Outcome::Same,
            (_, new) => Outcome::Differs {
                is_allowed: new == Decided::Granted,
                caller: seen,
            },
        }
    }
}

/// What decided about a record, if that was no rule.
fn without_rules(record: &Record) -> Option<&str> {
    let reason = record.reason.as_deref();
    let reason = reason.filter(|reason| !BY_RULES.contains(reason));
    let rule = record.rule.as_deref();
    reason.or_else(|| rule.filter(|rule| WITHOUT_RULES.contains(rule)))
}
