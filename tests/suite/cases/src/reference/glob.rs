//! Globs by trying everything.

/// One thing that a pattern matches.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Char(char),
    Any,
    /// A run of stars that stays inside its component.
    Run,
    /// `**` as a whole component or alternative.
    Deep,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// Returns true if a name matches a pattern of doublestar's language: a whole component or
/// alternative `**` is any number of components, other stars stay inside one, and a class never
/// matches a slash.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    alternatives(pattern)
        .iter()
        .any(|plain| is_match(plain, &name, true))
}

/// The number of stars, question marks, classes and braces in a pattern.
pub(super) fn wildcards(pattern: &str) -> usize {
    let mut text = pattern.to_owned();
    while text.contains("**") {
        text = text.replace("**", "*");
    }
    text.chars()
        .filter(|character| matches!(character, '*' | '?' | '[' | '{'))
        .count()
}

/// The patterns without braces that a pattern stands for. A `**` that is a whole alternative is put
/// as the character U+0002.
fn alternatives(pattern: &str) -> Vec<Vec<Token>> {
    let innermost = pattern
        .rsplit_once('{')
        .and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
    let Some((before, (inside, after))) = innermost else {
        return vec![tokens(pattern)];
    };
    let each = inside
        .split(',')
        .map(|one| if one == "**" { "\u{2}" } else { one });
    each.flat_map(|one| alternatives(&format!("{before}{one}{after}")))
        .collect()
}

fn tokens(plain: &str) -> Vec<Token> {
    plain
        .split('/')
        .map(component)
        .collect::<Vec<_>>()
        .join(&Token::Char('/'))
}

fn component(text: &str) -> Vec<Token> {
    if text == "**" {
        return vec![Token::Deep];
    }
    let mut chars = text.chars();
    let mut tokens = Vec::new();
    while let Some(character) = chars.next() {
        let token = match character {
            '*' => Token::Run,
            '?' => Token::Any,
            '\u{2}' => Token::Deep,
            '[' => class(
                &chars
                    .by_ref()
                    .take_while(|character| *character != ']')
                    .collect::<String>(),
            ),
            other => Token::Char(other),
        };
        if token != Token::Run || tokens.last() != Some(&Token::Run) {
            tokens.push(token);
        }
    }
    tokens
}

fn class(inside: &str) -> Token {
    let negated = inside.starts_with(['!', '^']);
    let mut chars = inside.chars().skip(usize::from(negated)).peekable();
    let mut ranges = Vec::new();
    while let Some(low) = chars.next() {
        let mut ahead = chars.clone();
        let high = if ahead.next() == Some('-') {
            ahead.next()
        } else {
            None
        };
        if high.is_some() {
            chars = ahead;
        }
        ranges.push((low, high.unwrap_or(low)));
    }
    Token::Class { negated, ranges }
}

/// `at_start`: a component of the pattern begins here.
fn is_match(pattern: &[Token], name: &[char], at_start: bool) -> bool {
    const SLASH: Token = Token::Char('/');
    let Some((token, rest)) = pattern.split_first() else {
        return name.is_empty();
    };
    let suffixes = |most: usize| (0..=most).filter_map(|at| name.get(at..));
    let deep = *token == Token::Deep && at_start;
    match rest {
        // `tmp/**` and `tmp/**/` match `tmp`.
        _ if *token == SLASH && name.is_empty() => {
            let rest = rest.strip_suffix(&[SLASH]).unwrap_or(rest);
            !rest.is_empty()
                && rest
                    .split(|token| *token == SLASH)
                    .all(|component| component == [Token::Deep])
        }
        [] if deep => true,
        [SLASH, rest @ ..] if deep => {
            let behind = name
                .iter()
                .enumerate()
                .filter(|(_, character)| **character == '/');
            let starts = std::iter::once(0).chain(behind.map(|(at, _)| at + 1));
            starts
                .filter_map(|at| name.get(at..))
                .any(|suffix| is_match(rest, suffix, true))
        }
        // A `**` that is an alternative, with something behind it in its component, is a star like
        // others.
        _ if *token == Token::Run || *token == Token::Deep && !matches!(rest, [] | [SLASH, ..]) => {
            let end = name
                .iter()
                .position(|character| *character == '/')
                .unwrap_or(name.len());
            suffixes(end).any(|suffix| is_match(rest, suffix, false))
        }
        _ if *token == Token::Deep => {
            suffixes(name.len()).any(|suffix| is_match(rest, suffix, false))
        }
        _ => name.split_first().is_some_and(|(first, behind)| {
            is_one(token, *first) && is_match(rest, behind, *token == SLASH)
        }),
    }
}

fn is_one(token: &Token, character: char) -> bool {
    match token {
        Token::Char(wanted) => *wanted == character,
        Token::Any => character != '/',
        Token::Class { negated, ranges } => {
            character != '/'
                && *negated
                    != ranges
                        .iter()
                        .any(|(low, high)| (*low..=*high).contains(&character))
        }
        Token::Run | Token::Deep => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_doublestars() {
        let rows = [
            ("tmp/**", "tmp", true),
            ("tmp/**", "tmpx", false),
            ("**/a", "a", true),
            ("**/a", "x/y/a", true),
            ("**/a", "xa", false),
            ("**/", "a", false),
            ("a/**/", "a/b", false),
            ("a/**/", "a", true),
            ("{a,b/}", "b", false),
            ("**//**", "a", false),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/xb", false),
            ("a/**/**", "a", true),
            ("repo**", "repo/a", false),
            ("**repo", "a/repo", false),
            ("***", "a/b", false),
            ("a?c", "a/c", false),
            ("[!a]x", "bx", true),
            ("[a-c]x", "dx", false),
            ("a[!b]c", "a/c", false),
            ("{a,b/c}/d", "b/c/d", true),
            ("{a,{b,c}}/**", "c", true),
            ("pre{**}", "pre/x", true),
            ("{a,**}/b", "b", true),
            ("{a,**}/b", "x/y/b", true),
            ("x{**}y", "x/y", false),
            ("x{**}y", "xzy", true),
            ("x{**}y", "xz", false),
        ];
        for (pattern, name, expected) in rows {
            assert_eq!(matches(pattern, name), expected, "{pattern} on {name}");
        }
        assert_eq!((wildcards("a/**/{b,c}?"), wildcards("a*b[c]")), (3, 2));
    }
}
