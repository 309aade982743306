//! What is written in expressions: their texts, and the claims that they read.
//!
//! Read as text, and not parsed: what is found is tried, and what is missed is not.

use registry_auth_engine::trace::{Outcome, Step};

/// The name under which a claim mapping has the claims; conditions have them under `req`.
const CLAIMS: &str = "claims";

/// Returns the texts in quotes, as they are written: none with an escape.
pub(super) fn literals(expression: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = expression;
    loop {
        let begin = rest.trim_start_matches(|letter| letter != '\'' && letter != '"');
        let quote = begin.chars().next();
        let quoted = quote.and_then(|quote| begin.strip_prefix(quote)?.split_once(quote));
        let Some((text, after)) = quoted else {
            return found;
        };
        if !text.is_empty() && !text.contains('\\') {
            found.push(text);
        }
        rest = after;
    }
}

/// Returns the claims that an expression reads, each as the names to it: `claims.a.b`,
/// `claims['a'].b`, `req.claims.a`.
pub(super) fn claims(expression: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some((before, after)) = rest.split_once(CLAIMS) {
        let is_whole = !before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
        let path = path(after);
        if is_whole && !path.is_empty() && !found.contains(&path) {
            found.push(path);
        }
        rest = after;
    }
    found
}

/// The members that follow a name. A call at the end is no member: `claims.sub.startsWith(...)`.
fn path(text: &str) -> Vec<String> {
    let mut path = Vec::new();
    let mut rest = text;
    loop {
        let plain = rest.strip_prefix(".?").or(rest.strip_prefix('.'));
        let (name, after) = if let Some(plain) = plain {
            let end = plain.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
            plain
                .split_at_checked(end.unwrap_or(plain.len()))
                .unwrap_or((plain, ""))
        } else if let Some((name, after)) = quoted(rest) {
            (name, after)
        } else {
            return path;
        };
        if name.is_empty() || after.starts_with('(') {
            return path;
        }
        path.push(name.to_owned());
        rest = after;
    }
}

/// The name in `['name']` or `[?'name']`, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix("[?").or(text.strip_prefix('['))?;
    let quote = text
        .chars()
        .next()
        .filter(|quote| matches!(quote, '\'' | '"'))?;
    let (name, rest) = text.strip_prefix(quote)?.split_once(quote)?;
    Some((name, rest.strip_prefix(']')?))
}

/// The text of an expression that was false or could not be evaluated.
pub(super) fn failed(step: &Step) -> Option<&str> {
    match step {
        Step::Expression {
            source,
            outcome: Outcome::False(_) | Outcome::Error(_),
            ..
        } => Some(source),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_claims_of_an_expression_are_found() {
        let rows: [(&str, &[&str], &[&str]); 8] = [
            ("claims.owner == '9919'", &["9919"], &["owner"]),
            ("'gh/' + claims.repository", &["gh/"], &["repository"]),
            (
                "claims['kubernetes.io'].namespace == \"it's\"",
                &["kubernetes.io", "it's"],
                &["kubernetes.io namespace"],
            ),
            ("req.claims.ref.startsWith('refs/')", &["refs/"], &["ref"]),
            (
                "claims.?a.orValue('') + claims[?'b'].c",
                &["b"],
                &["a", "b c"],
            ),
            ("claims.a == claims.a", &[], &["a"]),
            ("myclaims.x || vars.claimsy == 'a\\'", &[], &[]),
            ("'open", &[], &[]),
        ];
        for (expression, texts, expected) in rows {
            let claims: Vec<_> = claims(expression)
                .iter()
                .map(|path| path.join(" "))
                .collect();
            assert_eq!(literals(expression), texts, "{expression}");
            assert_eq!(claims, expected, "{expression}");
        }
    }
}
