//! The text of a pattern as a sequence of pieces.

use std::iter::Peekable;
use std::str::Chars;

use super::PatternError;

const MAX_BRACES: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Char(char),
    /// `?`
    Any,
    /// A run of stars, with its length.
    Stars(usize),
    /// `**` as a whole alternative.
    Recursive,
    Class(Class),
    Slash,
    Alternatives(Vec<Vec<Self>>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) negated: bool,
    pub(super) ranges: Vec<(char, char)>,
}

pub(super) fn parse(text: &str) -> Result<Vec<Piece>, PatternError> {
    let mut chars = text.chars().peekable();
    let sequence = sequence(&mut chars, 0)?;
    // Only a brace or a comma ends a sequence early, and outside of braces a comma does not.
    if chars.next().is_some() {
        Err(PatternError::Braces)
    } else {
        Ok(sequence)
    }
}

/// Stars, question marks, classes and alternatives, at whatever depth.
pub(super) fn wildcards(sequence: &[Piece]) -> usize {
    let count = |piece: &Piece| match piece {
        Piece::Char(_) | Piece::Slash => 0,
        Piece::Any | Piece::Stars(_) | Piece::Recursive | Piece::Class(_) => 1,
        Piece::Alternatives(alternatives) => {
            1 + alternatives
                .iter()
                .map(|inner| wildcards(inner))
                .sum::<usize>()
        }
    };
    sequence.iter().map(count).sum()
}

fn sequence(chars: &mut Peekable<Chars<'_>>, depth: usize) -> Result<Vec<Piece>, PatternError> {
    let mut pieces = Vec::new();
    while let Some(&char) = chars.peek() {
        if char == '}' || (char == ',' && depth > 0) {
            break;
        }
        chars.next();
        pieces.push(match char {
            '*' => Piece::Stars(1 + run_of_stars(chars)),
            '?' => Piece::Any,
            '/' => Piece::Slash,
            '[' => Piece::Class(class(chars)?),
            '{' => Piece::Alternatives(alternatives(chars, depth + 1)?),
            '\\' => match chars.next().ok_or(PatternError::Escape)? {
                '/' => Piece::Slash,
                escaped => Piece::Char(escaped),
            },
            other => Piece::Char(other),
        });
    }
    Ok(pieces)
}

fn run_of_stars(chars: &mut Peekable<Chars<'_>>) -> usize {
    let mut length = 0;
    while chars.next_if_eq(&'*').is_some() {
        length += 1;
    }
    length
}

fn alternatives(
    chars: &mut Peekable<Chars<'_>>,
    depth: usize,
) -> Result<Vec<Vec<Piece>>, PatternError> {
    if depth > MAX_BRACES {
        return Err(PatternError::TooDeep);
    }
    let mut all = Vec::new();
    loop {
        let alternative = sequence(chars, depth)?;
        all.push(if alternative == [Piece::Stars(2)] {
            vec![Piece::Recursive]
        } else {
            alternative
        });
        match chars.next() {
            Some(',') => {}
            Some('}') => return Ok(all),
            _ => return Err(PatternError::Braces),
        }
    }
}

fn class(chars: &mut Peekable<Chars<'_>>) -> Result<Class, PatternError> {
    let negated = chars.next_if(|char| matches!(char, '!' | '^')).is_some();
    let mut ranges = Vec::new();
    loop {
        let low = match chars.next().ok_or(PatternError::Class)? {
            ']' if ranges.is_empty() => return Err(PatternError::Class),
            ']' => return Ok(Class { negated, ranges }),
            '\\' => chars.next().ok_or(PatternError::Class)?,
            char => char,
        };
        let is_range =
            chars.peek() == Some(&'-') && chars.clone().nth(1).is_some_and(|char| char != ']');
        if !is_range {
            ranges.push((low, low));
            continue;
        }
        chars.next();
        let high = match chars.next().ok_or(PatternError::Class)? {
            '\\' => chars.next().ok_or(PatternError::Class)?,
            char => char,
        };
        // A range that runs backwards is empty, but the class goes on.
        ranges.push((low, high));
    }
}
