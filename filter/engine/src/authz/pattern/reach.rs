//! Patterns that no name of a repository can match: whatever they are meant to close stays open to
//! others.

use super::MARK;
use super::parse::Piece;
use super::translate::expand;

/// Says why no name (OCI distribution spec, `<name>`, lower case) can match the pattern, and what
/// to write instead. `None` if one may.
pub(super) fn unreachable(sequence: &[Piece]) -> Option<String> {
    let mut reasons = expand(sequence).into_iter().map(|flat| reason(&flat));
    let first = reasons.next()??;
    reasons.all(|reason| reason.is_some()).then_some(first)
}

fn reason(flat: &[Piece]) -> Option<String> {
    let advice = match flat {
        [Piece::Slash, ..] => "it begins with `/`: leave that out",
        [.., Piece::Slash] => "it ends with `/`: write `NAME/**` for what is below a name",
        _ if flat
            .windows(2)
            .any(|pair| *pair == [Piece::Slash, Piece::Slash]) =>
        {
            "a component is empty: `//`"
        }
        _ => {
            let stray = flat.iter().find_map(|piece| match piece {
                Piece::Char(character) if !is_of_name(*character) => Some(*character),
                _ => None,
            })?;
            return Some(format!(
                "no name has `{}`: {}",
                stray.escape_default(),
                instead(stray)
            ));
        }
    };
    Some(advice.to_owned())
}

const fn is_of_name(character: char) -> bool {
    matches!(character, 'a'..='z' | '0'..='9' | '.' | '_' | '-' | MARK)
}

/// What was meant by a character that is in no name.
const fn instead(character: char) -> &'static str {
    match character {
        ':' => "write the name without host and tag; a condition on `req.tag` decides about tags",
        '@' => {
            "write the name without digest; a condition on `req.reference` decides about digests"
        }
        '^' | '$' | '(' | ')' | '|' | '\\' | '+' => {
            "patterns are globs, not regular expressions; the caller's name is `${username}`"
        }
        '!' => "there is no negation; the pattern that matches best decides alone",
        _ => "names consist of `a-z`, `0-9`, `.`, `_`, `-` and `/`",
    }
}

#[cfg(test)]
mod tests {
    use crate::authz::pattern::Pattern;

    #[test]
    fn a_pattern_that_no_name_can_match_says_what_to_write() {
        // (pattern, a part of the reason, or "" if some name matches)
        let rows = [
            ("**", ""),
            ("*", ""),
            ("team/**", ""),
            ("**/app", ""),
            ("${username}/**", ""),
            ("team/{app,web}-*", ""),
            ("{a:b,c}", ""),
            ("[!b]pp", ""),
            ("a.b_c-d/?", ""),
            ("/team/**", "begins with `/`"),
            ("{/a,/b}", "begins with `/`"),
            ("team/", "write `NAME/**`"),
            ("team/**/", "write `NAME/**`"),
            ("team//app", "`//`"),
            ("team/app:v1", "`req.tag`"),
            ("registry.test:5000/team/*", "without host and tag"),
            ("https://registry.test/team/**", "`//`"),
            ("team/app@sha256:0", "without digest"),
            ("^team/.*$", "globs"),
            ("team/(a|b)", "globs"),
            ("team/$username/x", "`${username}`"),
            ("!team/**", "no negation"),
            (" team/**", "names consist of"),
            ("team/\u{fc}", "\\u{fc}"),
        ];
        for (text, part) in rows {
            let pattern = Pattern::compile(text).unwrap();
            let reason = pattern.unreachable();
            assert_eq!(reason.is_some(), !part.is_empty(), "{text}: {reason:?}");
            assert!(
                reason.unwrap_or_default().contains(part),
                "{text}: {reason:?}"
            );
        }
    }
}
