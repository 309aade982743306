//! One finding.

use std::ops::Range;

use super::ids::IDS;
use super::level::Level;

/// Where a finding is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    #[default]
    File,
    /// The name of the member, which is what is wrong.
    Key,
    /// The value of the member.
    Value,
    /// The first occurrence of a text in the value.
    Part(String),
    /// These bytes of the file.
    Bytes(Range<usize>),
}

/// Something that is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// One of [`IDS`](super::IDS).
    pub id: &'static str,
    /// How bad it is.
    pub level: Level,
    /// The member, such as `http.auth.bearer.oidc[0].issuer`; empty for the file.
    pub path: String,
    /// Where in it.
    pub place: Place,
    /// What is found: one line, never a secret.
    pub message: String,
    /// What to write instead.
    pub write: Option<String>,
}

impl Finding {
    /// A finding, whose level is that of its id.
    #[must_use]
    pub fn new(id: &'static str, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            id,
            level: level(id),
            path: path.into(),
            place: Place::Value,
            message: one_line(&message.into()),
            write: None,
        }
    }

    /// The same at the name of the member.
    #[must_use]
    pub fn at_key(self) -> Self {
        Self {
            place: Place::Key,
            ..self
        }
    }

    /// The same at a part of the value.
    #[must_use]
    pub fn at(self, part: impl Into<String>) -> Self {
        Self {
            place: Place::Part(part.into()),
            ..self
        }
    }

    /// The same with what to write.
    #[must_use]
    pub fn write(self, advice: impl Into<String>) -> Self {
        Self {
            write: Some(one_line(&advice.into())),
            ..self
        }
    }
}

fn one_line(text: &str) -> String {
    text.chars()
        .flat_map(|character| {
            let escaped = character.is_control().then(|| character.escape_default());
            let plain = (!character.is_control()).then_some(character);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

fn level(id: &str) -> Level {
    let row = IDS.iter().find(|(known, ..)| *known == id);
    row.map_or(Level::Error, |(_, level, _)| *level)
}
