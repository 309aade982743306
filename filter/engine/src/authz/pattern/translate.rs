//! Translates pieces to patterns of globset: alternatives expanded, `**` where globset reads it as
//! doublestar does.

use super::parse::{Class, Piece};
use super::{MAX_ALTERNATIVES, PatternError};

/// The plain patterns that a sequence expands to; each is counted before it is made.
pub(super) fn plain(sequence: &[Piece]) -> Result<Vec<String>, PatternError> {
    if count(sequence) > MAX_ALTERNATIVES {
        return Err(PatternError::TooManyAlternatives);
    }
    let mut all = Vec::new();
    for flat in expand(sequence) {
        all.extend(spell(&flat));
    }
    if all.len() > 2 * MAX_ALTERNATIVES {
        return Err(PatternError::TooManyAlternatives);
    }
    Ok(all)
}

fn count(sequence: &[Piece]) -> usize {
    sequence.iter().fold(1_usize, |total, piece| {
        let here = match piece {
            Piece::Alternatives(all) => all
                .iter()
                .fold(0_usize, |sum, inner| sum.saturating_add(count(inner))),
            // Inside a component it is spelled in two ways.
            Piece::Recursive => 2,
            _ => 1,
        };
        total.saturating_mul(here)
    })
}

pub(super) fn expand(sequence: &[Piece]) -> Vec<Vec<Piece>> {
    let mut all: Vec<Vec<Piece>> = vec![Vec::new()];
    for piece in sequence {
        let Piece::Alternatives(alternatives) = piece else {
            for flat in &mut all {
                flat.push(piece.clone());
            }
            continue;
        };
        let tails: Vec<Vec<Piece>> = alternatives
            .iter()
            .flat_map(|inner| expand(inner))
            .collect();
        all = all
            .iter()
            .flat_map(|head| tails.iter().map(|tail| [head.as_slice(), tail].concat()))
            .collect();
    }
    all
}

/// A component in globset's language.
#[derive(Clone, PartialEq)]
pub(super) enum Component {
    Recursive,
    Text(String),
}

/// The components, joined.
fn spell(flat: &[Piece]) -> Vec<String> {
    components(flat).iter().map(|all| join(all)).collect()
}

/// Sequences of components: more than one where a component is spelled in several ways. A trailing
/// `**` also matches no component, which globset's does not.
pub(super) fn components(flat: &[Piece]) -> Vec<Vec<Component>> {
    let mut all: Vec<Vec<Component>> = vec![Vec::new()];
    for component in flat.split(|piece| *piece == Piece::Slash) {
        let choices = component_choices(component);
        all = all
            .iter()
            .flat_map(|head| choices.iter().map(|tail| [head.as_slice(), tail].concat()))
            .collect();
    }
    let mut spelled = Vec::new();
    for mut components in all {
        components.dedup_by(|one, other| *one == Component::Recursive && one == other);
        // Also with a slash behind it.
        let last = if components.last() == Some(&Component::Text(String::new())) {
            2
        } else {
            1
        };
        if let Some((head, [Component::Recursive, ..])) =
            components.split_at_checked(components.len().saturating_sub(last))
            && !head.is_empty()
        {
            spelled.push(head.to_vec());
        }
        spelled.push(components);
    }
    spelled
}

fn join(components: &[Component]) -> String {
    // globset treats a pattern `**/` as `**`.
    if let [Component::Recursive, Component::Text(last)] = components
        && last.is_empty()
    {
        return "**/*/".to_owned();
    }
    let texts: Vec<&str> = components
        .iter()
        .map(|component| match component {
            Component::Recursive => "**",
            Component::Text(text) => text,
        })
        .collect();
    texts.join("/")
}

/// One component in globset's language; empty when nothing can match it. A `**` alternative that
/// ends it crosses slashes: `a{**}` is `a*` or `a*/**/*`. With something behind it, it is a star
/// like others.
fn component_choices(pieces: &[Piece]) -> Vec<Vec<Component>> {
    if matches!(pieces, [Piece::Stars(2) | Piece::Recursive]) {
        return vec![vec![Component::Recursive]];
    }
    let mut all = vec![vec![Component::Text(String::new())]];
    for (index, piece) in pieces.iter().enumerate() {
        if *piece == Piece::Recursive && index + 1 < pieces.len() {
            for head in &mut all {
                append(head, "*");
            }
            continue;
        }
        if *piece == Piece::Recursive {
            let crossing = all.iter().map(|head| {
                let mut longer = head.clone();
                append(&mut longer, "*");
                longer.extend([Component::Recursive, Component::Text("*".to_owned())]);
                longer
            });
            let crossing: Vec<_> = crossing.collect();
            for head in &mut all {
                append(head, "*");
            }
            all.extend(crossing);
            continue;
        }
        let Some(text) = piece_text(piece) else {
            return Vec::new();
        };
        for head in &mut all {
            append(head, &text);
        }
    }
    all
}

/// Two stars that meet would be one `**`, so the second is dropped.
fn append(components: &mut [Component], text: &str) {
    if let Some(Component::Text(last)) = components.last_mut()
        && !(text == "*" && last.ends_with('*') && !last.ends_with("\\*"))
    {
        last.push_str(text);
    }
}

fn piece_text(piece: &Piece) -> Option<String> {
    Some(match piece {
        Piece::Any => "?".to_owned(),
        Piece::Stars(_) => "*".to_owned(),
        Piece::Char(char) if char.is_alphanumeric() => char.to_string(),
        Piece::Char(char) => format!("\\{char}"),
        Piece::Class(class) => return class_text(class),
        Piece::Slash | Piece::Recursive | Piece::Alternatives(_) => return None,
    })
}

/// globset has no escapes inside a class, so the characters with a meaning there are put where they
/// have none.
fn class_text(class: &Class) -> Option<String> {
    let mut ranges = String::new();
    let (mut bracket, mut dash, mut leading) = (false, false, String::new());
    for &(low, high) in &class.ranges {
        bracket |= (low..=high).contains(&']');
        dash |= (low..=high).contains(&'-');
        for (low, high) in without(low, high, &[']', '-', '/', '!', '^', '[']) {
            if low == high {
                ranges.push(low);
            } else {
                ranges.extend([low, '-', high]);
            }
        }
        leading.extend(
            ['!', '^', '[']
                .into_iter()
                .filter(|special| (low..=high).contains(special)),
        );
    }
    let negation = if class.negated { "!" } else { "" };
    let bracket = if bracket { "]" } else { "" };
    let dash = if dash { "-" } else { "" };
    if bracket.is_empty() && ranges.is_empty() && leading.is_empty() && dash.is_empty() {
        // `[/]`: no character is left; `[!/]`: all but the slash.
        return class.negated.then(|| "?".to_owned());
    }
    if !class.negated && bracket.is_empty() && ranges.is_empty() && dash.is_empty() {
        // Only characters that mean something else when they come first.
        let escaped: Vec<String> = leading.chars().map(|char| format!("\\{char}")).collect();
        return Some(format!("{{{}}}", escaped.join(",")));
    }
    // A dash is one at either end. The other end is for the bracket, or else `!` and `^` could come
    // to stand first.
    Some(if bracket.is_empty() {
        format!("[{negation}{dash}{ranges}{leading}]")
    } else {
        format!("[{negation}{bracket}{ranges}{leading}{dash}]")
    })
}

/// The range without some characters, in pieces; empty if it runs backwards.
fn without(low: char, high: char, excluded: &[char]) -> Vec<(char, char)> {
    let mut pieces = vec![(low, high)];
    for &char in excluded {
        pieces = pieces
            .into_iter()
            .flat_map(|(low, high)| {
                if !(low..=high).contains(&char) {
                    return vec![(low, high)];
                }
                // The excluded characters are ASCII, with neighbours on both sides.
                let before = char::from_u32(u32::from(char) - 1).unwrap_or(char);
                let after = char::from_u32(u32::from(char) + 1).unwrap_or(char);
                vec![(low, before), (after, high)]
            })
            .filter(|(low, high)| low <= high)
            .collect();
    }
    pieces.retain(|(low, high)| low <= high);
    pieces
}
