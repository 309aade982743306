//! A pattern as sequences of components, for programs that compare patterns.

use super::parse::{self, Piece};
use super::{MARK, PatternError, TEMPLATE, glob, template, translate};

/// A component of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Component {
    /// `**`: any number of components, none too.
    Rest,
    /// `${username}`
    Username,
    /// This name.
    Name(String),
    /// Each component that this expression (in the syntax of the crate `regex`) matches.
    Matching(String),
}

/// Returns the sequences that a pattern stands for: it matches a name that one of them matches.
/// Those that no name can match are left out.
///
/// # Errors
/// As [`Pattern::compile`](super::Pattern::compile).
pub(crate) fn sequences(text: &str) -> Result<Vec<Vec<Component>>, PatternError> {
    let pieces: Vec<Piece> = if text.contains(TEMPLATE) {
        template(text)?
    } else {
        parse::parse(text)?
    };
    let mut all = Vec::new();
    for flat in translate::expand(&pieces) {
        for components in translate::components(&flat) {
            all.extend(sequence(&components)?);
        }
    }
    Ok(all)
}

/// `None` if a component is empty, as that of no name is.
fn sequence(components: &[translate::Component]) -> Result<Option<Vec<Component>>, PatternError> {
    let mut sequence = Vec::new();
    for component in components {
        sequence.push(match component {
            translate::Component::Recursive => Component::Rest,
            translate::Component::Text(text) if text.is_empty() => return Ok(None),
            translate::Component::Text(text) => match plain(text) {
                Some(name) if name == MARK.to_string() => Component::Username,
                Some(name) => Component::Name(name),
                None => Component::Matching(glob(text)?.regex().to_owned()),
            },
        });
    }
    Ok(Some(sequence))
}

/// The text that a component matches, if it is one text.
fn plain(component: &str) -> Option<String> {
    let mut plain = String::new();
    let mut chars = component.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => plain.push(chars.next()?),
            char if char.is_alphanumeric() => plain.push(char),
            _ => return None,
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_the_sequences_of_its_components() {
        let name = |text: &str| Component::Name(text.to_owned());
        let any = || Component::Matching("(?-u)^[^/]*$".to_owned());
        let rows: [(&str, Vec<Vec<Component>>); 8] = [
            ("**", vec![vec![Component::Rest]]),
            ("a/b.c", vec![vec![name("a"), name("b.c")]]),
            (
                "a/**",
                vec![vec![name("a")], vec![name("a"), Component::Rest]],
            ),
            ("*/x", vec![vec![any(), name("x")]]),
            ("{a,b/c}", vec![vec![name("a")], vec![name("b"), name("c")]]),
            ("a/${username}", vec![vec![name("a"), Component::Username]]),
            ("a//b", vec![]),
            ("**/**/x", vec![vec![Component::Rest, name("x")]]),
        ];
        for (text, expected) in rows {
            assert_eq!(sequences(text).unwrap(), expected, "{text}");
        }
    }
}
