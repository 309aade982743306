//! Repository patterns: the globs of doublestar 4.10, translated to globset's once, when the
//! configuration is compiled.
//!
//! | pattern | matches |
//! |---|---|
//! | `?` | one character, not `/` |
//! | `*` | any run without `/`, the empty one too |
//! | `**` as a whole component or alternative | any number of components, none too: `tmp/**` matches `tmp` |
//! | `**` elsewhere, `***` | as `*` |
//! | `[a-c]`, `[!a-c]`, `[^a-c]` | one character of the class, never `/` |
//! | `{a,b/c}` | each alternative; they nest and may be empty |
//! | `\x` | `x` itself |
//! | `${username}` as a whole component, once | the caller's name, when a component may be called so |

mod parse;
mod reach;
mod shape;
mod translate;

use std::sync::Arc;

use globset::{Glob, GlobBuilder};

use parse::Piece;
pub use shape::Component;
pub(super) use shape::sequences;

/// Longest pattern, bytes.
const MAX_LENGTH: usize = 512;
/// Most plain patterns that the alternatives of one pattern may expand to.
const MAX_ALTERNATIVES: usize = 64;

/// Why a pattern is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The empty text.
    #[error("an empty pattern matches nothing, write `**` for all repositories")]
    Empty,
    /// Longer than 512 bytes.
    #[error("the pattern is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// More than 64 after expansion.
    #[error(
        "the pattern expands to more than {MAX_ALTERNATIVES} alternatives, write several patterns"
    )]
    TooManyAlternatives,
    /// Braces nest too deep.
    #[error("braces nest too deep")]
    TooDeep,
    /// `[` without `]`, or an empty class.
    #[error("a character class is not closed or empty, write `\\[` for a plain bracket")]
    Class,
    /// Braces that do not pair.
    #[error("braces do not pair, write `\\{{` and `\\}}` for plain ones")]
    Braces,
    /// `\` at the end.
    #[error("the pattern ends with a backslash")]
    Escape,
    /// `${...}` elsewhere than as one whole component.
    #[error(
        "`${{username}}` may stand once, as a whole component such as in `${{username}}/**`; there is no other `${{`"
    )]
    Template,
    /// Refused by globset.
    #[error("not a pattern that can be matched")]
    Other,
}

/// The placeholder for the caller's name.
pub(super) const TEMPLATE: &str = "${username}";
/// What it is compiled to: a character that is in no name, so that only it matches it.
pub(super) const MARK: char = '\u{1}';

/// One compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: Arc<str>,
    wildcards: usize,
    is_template: bool,
    unreachable: Option<Arc<str>>,
    globs: Vec<Glob>,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What doublestar's own check refuses, the empty pattern, and patterns over a limit.
    pub fn compile(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.len() > MAX_LENGTH {
            return Err(PatternError::TooLong);
        }
        let is_template = text.contains("${");
        let sequence = if is_template {
            template(text)?
        } else {
            parse::parse(text)?
        };
        let globs = translate::plain(&sequence)?
            .iter()
            .map(|plain| glob(plain))
            .collect::<Result<_, _>>()?;
        let unreachable = reach::unreachable(&sequence).map(Into::into);
        Ok(Self {
            text: text.into(),
            wildcards: parse::wildcards(&sequence),
            is_template,
            unreachable,
            globs,
        })
    }

    /// The pattern as written.
    #[must_use]
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Stars, question marks, classes and alternatives in it.
    #[must_use]
    pub const fn wildcards(&self) -> usize {
        self.wildcards
    }

    /// Why no name of a repository can match it, if none can, and what to write instead.
    #[must_use]
    pub fn unreachable(&self) -> Option<&str> {
        self.unreachable.as_deref()
    }

    /// Returns true if it contains `${username}`.
    #[must_use]
    pub const fn is_template(&self) -> bool {
        self.is_template
    }

    /// Regular expressions (of the crate `regex`, bytes), anchored at both ends: a name matches if it
    /// matches one of these. The caller's name is a mark in them that no name has.
    #[must_use]
    pub fn expressions(&self) -> Vec<String> {
        self.globs
            .iter()
            .map(|glob| glob.regex().to_owned())
            .collect()
    }

    /// The equivalent patterns of globset: a name matches if it matches one of these; empty for a
    /// pattern that cannot match.
    pub(super) fn globs(&self) -> &[Glob] {
        &self.globs
    }
}

/// A pattern with [`MARK`] for the caller's name, which is one whole component and not part of an
/// alternative.
fn template(text: &str) -> Result<Vec<Piece>, PatternError> {
    let whole = text
        .split('/')
        .filter(|component| *component == TEMPLATE)
        .count();
    if whole != 1 || text.matches("${").count() != 1 || text.contains(MARK) {
        return Err(PatternError::Template);
    }
    let sequence = parse::parse(&text.replace(TEMPLATE, MARK.encode_utf8(&mut [0; 4])))?;
    let is_outside = sequence
        .split(|piece| *piece == Piece::Slash)
        .any(|component| *component == [Piece::Char(MARK)]);
    if is_outside {
        Ok(sequence)
    } else {
        Err(PatternError::Template)
    }
}

fn glob(plain: &str) -> Result<Glob, PatternError> {
    GlobBuilder::new(plain)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map_err(|_| PatternError::Other)
}

#[cfg(test)]
mod tests;
