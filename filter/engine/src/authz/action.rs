//! The actions of one policy entry.

use strum::VariantArray as _;

use crate::access::Action;
use crate::config::Diagnostics;

/// A set of actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Actions(u8);

impl Actions {
    /// Reads the words of a policy; each unknown one is an error with its place.
    pub(super) fn compile(words: &[String], path: &str, diagnostics: &mut Diagnostics) -> Self {
        let mut actions = Self::default();
        for (index, word) in words.iter().enumerate() {
            let place = format!("{path}[{index}]");
            match Action::from_name(word) {
                Some(action) => actions.0 |= bit(action),
                None if word == "detectManifestCollision" => {
                    diagnostics.warn(place, "`detectManifestCollision` has no effect here");
                }
                None => diagnostics.error(place, unknown(word)),
            }
        }
        actions
    }

    pub(super) const fn contains(self, action: Action) -> bool {
        self.0 & bit(action) != 0
    }

    /// The words, in the order of rights.
    pub(super) fn names(self) -> Vec<&'static str> {
        let all = Action::VARIANTS.iter().copied();
        all.filter(|action| self.contains(*action))
            .map(Action::name)
            .collect()
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

const fn bit(action: Action) -> u8 {
    match action {
        Action::Read => 1,
        Action::Create => 2,
        Action::Update => 4,
        Action::Delete => 8,
    }
}

fn unknown(word: &str) -> String {
    let meant = match word.to_ascii_lowercase().as_str() {
        "read" | "pull" | "get" | "list" | "view" => ": did you mean `read`?",
        "create" | "upload" => ": did you mean `create`?",
        "update" | "overwrite" => ": did you mean `update`?",
        "delete" | "remove" => ": did you mean `delete`?",
        "push" | "write" => ": did you mean `create` and `update`?",
        _ => ": write `read`, `create`, `update` or `delete`",
    };
    format!("unknown action `{}`{meant}", word.escape_debug())
}
