//! What has come of a log.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use registry_auth_engine::json::is_unseen;

use super::record::Record;

/// The most groups that are kept apart.
const GROUPS: usize = 1_000;
/// The most groups that are shown of each kind.
const SHOWN: usize = 20;
/// The most causes that are kept apart.
const CAUSES: usize = 100;
/// The longest text of a log that is kept, in characters.
const LONGEST: usize = 200;
/// The cause of those beyond.
const OTHER: &str = "other causes";

/// What has come of all lines of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Records.
    pub requests: u64,
    /// Those that both policies decide alike.
    pub same: u64,
    /// Those that the new policy alone refuses.
    pub newly_refused: u64,
    /// Those that the new policy alone grants.
    pub newly_allowed: u64,
    /// Those that cannot be decided, by what the record has not.
    pub undecidable: BTreeMap<String, u64>,
    /// Lines without a record.
    pub foreign: u64,
    /// Records that were there before as they are.
    pub repeated: u64,
    /// Records that say something else than the old policy decides.
    pub otherwise: u64,
    /// Those that are decided differently, by whom they concern; up to a limit.
    pub groups: BTreeMap<Group, Count>,
    /// Rules of the new policy that have granted nothing.
    pub unused: Vec<String>,
}

/// Requests that are decided differently.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// The new policy grants them.
    pub is_allowed: bool,
    /// The user name; nobody if absent.
    pub user: Option<String>,
    /// What is done.
    pub action: String,
    /// The pattern that decides.
    pub pattern: String,
}

/// How many requests there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// The number.
    pub count: u64,
    /// The id of the last one that has one.
    pub last_id: Option<String>,
}

impl Report {
    /// Returns the number of requests that cannot be decided.
    #[must_use]
    pub fn undecidable(&self) -> u64 {
        self.undecidable.values().sum()
    }

    pub(super) fn add_undecidable(&mut self, why: &str) {
        let why = shown(why);
        let is_known = self.undecidable.contains_key(&why) || self.undecidable.len() < CAUSES;
        let why = if is_known { why } else { OTHER.to_owned() };
        *self.undecidable.entry(why).or_default() += 1;
    }

    pub(super) fn add(&mut self, record: &Record, is_allowed: bool, pattern: Option<String>) {
        if is_allowed {
            self.newly_allowed += 1;
        } else {
            self.newly_refused += 1;
        }
        let actions: Vec<_> = record.actions.iter().map(|action| action.name()).collect();
        let group = Group {
            is_allowed,
            user: record.user.as_deref().map(shown),
            action: actions.join("|"),
            pattern: pattern.unwrap_or_else(|| shown(&record.repository)),
        };
        if self.groups.len() >= GROUPS && !self.groups.contains_key(&group) {
            return;
        }
        let known = self.groups.entry(group).or_default();
        known.count += 1;
        if record.id.is_some() {
            known.last_id = record.id.as_deref().map(shown);
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_deref().unwrap_or("anybody");
        write!(formatter, "{user}")?;
        for part in [&self.action, &self.pattern] {
            if !part.is_empty() {
                write!(formatter, " {part}")?;
            }
        }
        Ok(())
    }
}

/// The text: counts, then who is concerned, then rules that have granted nothing.
impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = format!(
            "replay   {}: {} same, {} newly refused, {} newly allowed, {} undecidable",
            counted(self.requests, "request", "requests"),
            grouped(self.same),
            grouped(self.newly_refused),
            grouped(self.newly_allowed),
            grouped(self.undecidable())
        );
        let is_one = self.undecidable.len() == 1;
        let causes = self.undecidable.iter().map(|(why, count)| {
            if is_one {
                why.clone()
            } else {
                format!("{} {why}", grouped(*count))
            }
        });
        let causes: Vec<String> = causes.collect();
        if !causes.is_empty() {
            write!(line, " ({})", causes.join(", "))?;
        }
        writeln!(formatter, "{line}")?;
        if self.foreign > 0 {
            let lines = counted(self.foreign, "line", "lines");
            writeln!(formatter, "         {lines} without a record")?;
        }
        if self.repeated > 0 {
            let records = counted(self.repeated, "record was", "records were");
            writeln!(
                formatter,
                "         {records} there before, as a log has them that holds the access log too"
            )?;
        }
        if self.otherwise > 0 {
            writeln!(
                formatter,
                "         {} decided in another way than by the old policy: another one wrote the log",
                counted(self.otherwise, "request was", "requests were")
            )?;
        }
        self.show(formatter, false, self.newly_refused)?;
        self.show(formatter, true, self.newly_allowed)?;
        for rule in &self.unused {
            writeln!(formatter, "unused   {rule} granted nothing in this log")?;
        }
        Ok(())
    }
}

impl Report {
    /// Shows the largest groups of one kind, which has `all` requests.
    fn show(&self, formatter: &mut fmt::Formatter<'_>, is_allowed: bool, all: u64) -> fmt::Result {
        let groups = self
            .groups
            .iter()
            .filter(|(group, _)| group.is_allowed == is_allowed);
        let mut groups: Vec<_> = groups.collect();
        groups.sort_by_key(|(_, count)| std::cmp::Reverse(count.count));
        let word = if is_allowed { "allowed" } else { "refused" };
        let mut rest = all;
        for (group, Count { count, last_id }) in groups.into_iter().take(SHOWN) {
            rest = rest.saturating_sub(*count);
            write!(
                formatter,
                "         newly {word}: {} x {group}",
                grouped(*count)
            )?;
            match last_id {
                Some(id) => writeln!(formatter, ", last id {id}")?,
                None => writeln!(formatter)?,
            }
        }
        if rest > 0 {
            writeln!(
                formatter,
                "         newly {word}: {} x others",
                grouped(rest)
            )?;
        }
        Ok(())
    }
}

/// Returns what a log says as it may be printed: one line, not too long, without control characters.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for char in text.chars().take(LONGEST) {
        if is_unseen(char) {
            shown.extend(char.escape_default());
        } else {
            shown.push(char);
        }
    }
    if text.chars().nth(LONGEST).is_some() {
        shown.push_str("...");
    }
    shown
}

/// A number, and what is counted.
fn counted(number: u64, one: &str, many: &str) -> String {
    let name = if number == 1 { one } else { many };
    format!("{} {name}", grouped(number))
}

/// A number with commas between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
