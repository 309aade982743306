//! What is wrong with a configuration, and where: as `registry-auth check` says it.

use registry_auth_lint::{Lines, Located, PAGE, Report};
use serde::Serialize;

use crate::places::Place;

/// The most findings that are shown.
const MOST: usize = 200;

/// What was found, errors first.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Findings {
    pub(crate) findings: Vec<Finding>,
    /// How many findings are left out.
    pub(crate) left_out: usize,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Finding {
    /// What kind of finding it is, a heading of docs/lints.md.
    id: &'static str,
    /// `error`, `danger` or `warning`.
    level: &'static str,
    /// What is wrong.
    message: String,
    /// What to write instead.
    write: Option<String>,
    /// Where in the configuration; empty for the document.
    path: String,
    /// Where in the text; absent for the document.
    place: Option<Place>,
    /// Where it is explained.
    link: String,
}

impl Findings {
    /// The findings of a report.
    #[must_use]
    pub(crate) fn of(mut report: Report) -> Self {
        report.sort();
        let lines = report.lines();
        let found = report.found.iter();
        Self {
            findings: found.take(MOST).map(|one| shown(one, &lines)).collect(),
            left_out: report.found.len().saturating_sub(MOST),
        }
    }
}

fn shown(one: &Located, lines: &Lines<'_>) -> Finding {
    let finding = &one.finding;
    let place = one.bytes.as_ref().map(|bytes| {
        let (line, column) = lines.position(bytes.start);
        let (end_line, end_column) = lines.position(bytes.end);
        Place {
            line,
            column,
            end_line,
            end_column,
        }
    });
    Finding {
        id: finding.id,
        level: finding.level.name(),
        message: finding.message.clone(),
        write: finding.write.clone(),
        path: finding.path.clone(),
        place,
        link: format!("{PAGE}#{}", finding.id),
    }
}
