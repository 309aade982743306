//! Differences as text for people.

use registry_auth_engine::access::Action;

use super::settings::Setting;
use super::witness::TAG;
use super::{Difference, Kind, Witness};
use crate::plain;

/// What is said of what is not compared.
const NOT_COMPARED: &str = "not compared, see replay";

/// Returns the text: a line for each difference, in columns, then one for each other setting that
/// has changed. Empty if nothing differs; otherwise it ends with a line break.
#[must_use]
pub fn text(differences: &[Difference], settings: &[Setting]) -> String {
    let rows: Vec<_> = differences.iter().map(row).collect();
    let width = |column: fn(&[String; 4]) -> &String| {
        let lengths = rows.iter().map(|row| column(row).chars().count());
        lengths.max().unwrap_or_default()
    };
    let (who, actions, pattern) = (
        width(|[who, ..]| who),
        width(|[_, actions, ..]| actions),
        width(|[_, _, pattern, _]| pattern),
    );
    let mut text = String::new();
    for (difference, [one, two, three, rest]) in differences.iter().zip(&rows) {
        let kind = difference.kind.name();
        let line = format!("{kind:<8} {one:<who$}  {two:<actions$}  {three:<pattern$}  {rest}");
        text.push_str(&plain::line(line.trim_end()));
        text.push('\n');
    }
    for setting in settings {
        let setting = setting.to_string();
        text.extend([
            "changed  ",
            &plain::line(&setting),
            "  ",
            NOT_COMPARED,
            "\n",
        ]);
    }
    text
}

fn row(difference: &Difference) -> [String; 4] {
    let mut rest: Vec<String> = difference.conditions.iter().cloned().collect();
    rest.extend(
        difference
            .witness
            .iter()
            .map(|witness| format!("e.g. {}", self::witness(witness))),
    );
    if matches!(difference.kind, Kind::Changed { .. }) {
        rest.push(NOT_COMPARED.to_owned());
    }
    rest.extend(
        difference
            .because
            .iter()
            .map(|because| format!("({because})")),
    );
    [
        difference.who.to_string(),
        actions(difference),
        difference.pattern.clone(),
        rest.join("  "),
    ]
}

/// The actions of a difference in words.
#[must_use]
pub fn actions(difference: &Difference) -> String {
    let names: Vec<_> = difference
        .actions
        .iter()
        .map(|action| action.name())
        .collect();
    names.join(" ")
}

/// A witness in the words of `registry-auth explain`.
#[must_use]
pub fn witness(witness: &Witness) -> String {
    let verb = match witness.action {
        Action::Read => "pull",
        Action::Create => "push",
        Action::Update => "overwrite",
        Action::Delete => "delete",
    };
    format!("{verb} {}:{TAG}", witness.repository)
}
