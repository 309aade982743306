//! What a newer configuration gives and takes, as `registry-auth diff` says it.

use registry_auth_engine::UnixTime;
use registry_auth_engine::access::Action;
use registry_auth_policy::diff::settings::settings;
use registry_auth_policy::diff::{self, Kind, Side, Witness, show};
use serde::Serialize;
use serde_json::{Value, json};

use crate::decision::{self, Question};
use crate::path;
use crate::places::{Place, Places};
use crate::who::Who;

/// The most differences that are shown.
const MOST: usize = 200;

/// A configuration, with the places in its text.
#[derive(Clone, Copy)]
pub(crate) struct Compared<'a> {
    /// The configuration.
    pub(crate) side: Side<'a>,
    /// Where its parts are.
    pub(crate) places: &'a Places,
}

/// The differences.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Differences {
    /// Rights that are given, taken, or given otherwise.
    pub(crate) rights: Vec<Difference>,
    /// How many more there are.
    pub(crate) left_out: usize,
    /// What else is another, and is not compared.
    pub(crate) settings: Vec<String>,
    /// The same as `registry-auth diff` prints it.
    pub(crate) text: String,
}

/// What has happened to a right.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Difference {
    /// `added`, `removed` or `changed`.
    pub(crate) kind: &'static str,
    /// Whose it is.
    pub(crate) who: String,
    /// The actions.
    pub(crate) actions: Vec<&'static str>,
    /// The pattern, or `adminPolicy`.
    pub(crate) pattern: String,
    /// Where the pattern is in the newer text; absent if it is not there.
    pub(crate) place: Option<Place>,
    /// How another pattern matters, and on which conditions.
    pub(crate) notes: Vec<String>,
    /// Somebody for whom it makes a difference.
    pub(crate) example: Option<Example>,
}

/// A request that both configurations decide, in different ways.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Example {
    /// The same as `Who`.
    pub(crate) who: Value,
    /// The same as in `Question`.
    pub(crate) words: String,
    /// The same as in `Question`.
    pub(crate) tag_exists: Option<bool>,
    /// What the older one says.
    pub(crate) before: String,
    /// What the newer one says.
    pub(crate) now: String,
}

/// Compares two configurations, the older one first.
///
/// # Errors
/// They cannot be compared: why.
pub(crate) fn of(
    old: Compared<'_>,
    new: Compared<'_>,
    now: UnixTime,
) -> Result<Differences, String> {
    let found = diff::compare(old.side, new.side).map_err(|error| error.to_string())?;
    let settings = settings(old.side, new.side);
    let text = show::text(&found, &settings);
    let rights = found
        .iter()
        .take(MOST)
        .map(|found| difference(found, [old, new], now));
    Ok(Differences {
        rights: rights.collect(),
        left_out: found.len().saturating_sub(MOST),
        settings: settings.iter().map(ToString::to_string).collect(),
        text,
    })
}

fn difference(found: &diff::Difference, sides: [Compared<'_>; 2], now: UnixTime) -> Difference {
    let mut notes: Vec<String> = found.conditions.iter().cloned().collect();
    if matches!(found.kind, Kind::Changed { .. }) {
        notes.push("what the conditions decide is not compared: ask both".to_owned());
    }
    notes.extend(found.because.iter().cloned());
    let [_, new] = sides;
    let example = found.witness.as_ref();
    Difference {
        kind: found.kind.name(),
        who: found.who.to_string(),
        actions: found.actions.iter().map(|action| action.name()).collect(),
        pattern: found.pattern.clone(),
        place: place(&found.pattern, new),
        notes,
        example: example.and_then(|witness| self::example(witness, sides, now)),
    }
}

/// Where a pattern is, if a configuration has it.
fn place(pattern: &str, side: Compared<'_>) -> Option<Place> {
    let control = side.side.document.access_control.as_ref()?;
    let path = if control.repositories.contains_key(pattern) {
        path::of_pattern(pattern)
    } else {
        control.admin_policy.as_ref()?;
        path::of_rule(None, pattern)
    };
    side.places.of(&path)
}

fn example(witness: &Witness, sides: [Compared<'_>; 2], now: UnixTime) -> Option<Example> {
    let words = show::witness(witness);
    // To push a new tag and to move one are different rights.
    let tag_exists = match witness.action {
        Action::Create => Some(false),
        Action::Update => Some(true),
        Action::Read | Action::Delete => None,
    };
    let groups = &witness.groups;
    let (who, shown) = match &witness.user {
        None => (Who::Anonymous, json!({ "kind": "anonymous" })),
        Some(name) => (
            Who::User {
                name: name.clone(),
                groups: groups.clone(),
            },
            json!({ "kind": "user", "name": name, "groups": groups }),
        ),
    };
    let [before, now] = sides.map(|one| {
        let question = Question {
            who: who.clone(),
            words: words.clone(),
            tag_exists,
            now: now.secs(),
            nearest: false,
        };
        let decided =
            decision::decide(one.side.engine, one.side.document, one.places, question).ok()?;
        Some(decided.headline)
    });
    Some(Example {
        who: shown,
        words,
        tag_exists,
        before: before?,
        now: now?,
    })
}
