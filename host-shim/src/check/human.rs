//! Findings as people read them, in the form of rustc.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Group, Level as Shown, Origin, Renderer, Snippet};
use registry_auth_lint::{Level, Lines, Located, Place, Report};

use super::excerpt;

/// The id of what has a name that nobody knows.
const UNKNOWN: &str = "unknown-key";

/// The findings of a file, in full or in a line each.
pub(crate) fn text(report: &Report, short: bool) -> String {
    let lines = report.lines();
    let mut text = String::new();
    for one in &report.found {
        let shown = if short {
            line(report, one, &lines)
        } else {
            full(report, one, &lines)
        };
        let _ = writeln!(text, "{shown}");
    }
    text
}

fn line(report: &Report, one: &Located, lines: &Lines<'_>) -> String {
    let finding = &one.finding;
    let place = one.bytes.as_ref().map_or_else(String::new, |bytes| {
        let (line, column) = lines.position(bytes.start);
        format!(":{line}:{column}")
    });
    let path = if finding.path.is_empty() {
        String::new()
    } else {
        format!("{}: ", finding.path)
    };
    let write = finding
        .write
        .as_ref()
        .map(|write| format!("; write: {write}"));
    format!(
        "{}{place}: {}[{}]: {path}{}{}",
        report.file,
        finding.level.name(),
        finding.id,
        finding.message,
        write.unwrap_or_default()
    )
}

fn full(report: &Report, one: &Located, lines: &Lines<'_>) -> String {
    let finding = &one.finding;
    let level = match finding.level {
        Level::Error => Shown::ERROR,
        Level::Danger => Shown::ERROR.with_name("danger"),
        Level::Warning => Shown::WARNING,
    };
    let title = level.primary_title(finding.message.as_str()).id(finding.id);
    let mut group = Group::with_title(title);
    let at = one
        .bytes
        .as_ref()
        .map(|bytes| (bytes, lines.position(bytes.start)));
    if let Some((bytes, (line, column))) = at {
        // Where the text has no form, nobody knows what a line belongs to.
        let has_form = !matches!(finding.place, Place::Bytes(_));
        let shown = excerpt::of(&report.text, bytes).filter(|_| has_form);
        // What is written behind a name that nobody knows may be anything.
        let is_of_unknown = |other: &&Located| {
            let at = other.bytes.as_ref();
            other.finding.id == UNKNOWN && at.is_some_and(|at| lines.position(at.start).0 == line)
        };
        let shown = match report.found.iter().filter(is_of_unknown).count() {
            0 => shown,
            1 if finding.id == UNKNOWN => {
                shown.and_then(|(shown, start)| excerpt::name_only(shown, start, bytes))
            }
            _ => None,
        };
        group = match shown {
            Some((shown, start)) => {
                let end = bytes
                    .end
                    .max(bytes.start + 1)
                    .min(start + shown.len().max(1));
                let span = bytes.start - start..end - start;
                group.element(
                    Snippet::source(shown)
                        .line_start(line)
                        .path(report.file.as_str())
                        .annotation(AnnotationKind::Primary.span(span)),
                )
            }
            None => group.element(
                Origin::path(report.file.as_str())
                    .line(line)
                    .char_column(column),
            ),
        };
    } else {
        group = group.element(Origin::path(report.file.as_str()));
    }
    if !finding.path.is_empty() {
        group = group.element(Shown::NOTE.with_name("at").message(finding.path.as_str()));
    }
    if let Some(write) = &finding.write {
        group = group.element(Shown::HELP.with_name("write").message(write.as_str()));
    }
    Renderer::plain().render(&[group])
}
