//! Comparisons that let others through.

use cel_interpreter::IdedExpr;

use super::expression::{Written, call, path, text, walk};
use super::finding::Finding;
use super::subject::{Issuer, Subject};

/// Claims whose beginning is compared on purpose: branches, tags, versions.
const OF_REFS: [&str; 12] = [
    "ref",
    "ref_path",
    "base_ref",
    "head_ref",
    "branchName",
    "build_branch",
    "build_tag",
    "environment",
    "event_name",
    "sha",
    "workflow",
    "runner_environment",
];

pub(crate) fn find(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for issuer in subject.issuers() {
        for written in &issuer.expressions {
            walk(&written.tree, &mut |node| {
                found.extend(of_call(node, written, Some(&issuer)));
            });
        }
    }
    for rule in subject.rules() {
        for (index, condition) in rule.raw.conditions.iter().enumerate() {
            if condition.message.trim().is_empty() {
                let path = format!("{}.conditions[{index}]", rule.path);
                let message = "has no message: whoever is refused by it reads only \"requested access to the resource is denied\"";
                let finding = Finding::new("no-message", path, message);
                found.push(
                    finding.write(
                        "message: what to do instead, such as \"push a version, not latest\"",
                    ),
                );
            }
        }
        for written in &rule.conditions {
            walk(&written.tree, &mut |node| {
                found.extend(of_call(node, written, None));
            });
        }
    }
}

fn of_call(node: &IdedExpr, written: &Written<'_>, issuer: Option<&Issuer<'_>>) -> Option<Finding> {
    let (name, arguments) = call(node)?;
    if let ("substring", [receiver, ..]) = (name, arguments.as_slice()) {
        return of_part(receiver, written, issuer);
    }
    let [receiver, argument] = arguments.as_slice() else {
        return None;
    };
    let literal = text(argument)?;
    let what = what(receiver, issuer)?;
    let problem = match name {
        "startsWith" if what.is_identity && is_owner_open(literal) => {
            let shown = format!("`{literal}-evil` begins so too");
            (
                shown,
                format!("startsWith('{literal}/'), or == '{literal}'"),
            )
        }
        "endsWith" if what.is_identity && begins_open(literal) => {
            let shown = format!("`evil-{literal}` ends so too");
            let separator = if what.shown.ends_with("email") {
                '@'
            } else {
                '/'
            };
            (
                shown,
                format!("endsWith('{separator}{literal}'), or == with the whole value"),
            )
        }
        "contains" if what.is_identity => {
            let shown = format!("`evil-{literal}-evil` contains it too");
            (
                shown,
                "== with the whole value, or `in` with a list of them".to_owned(),
            )
        }
        "matches" => return of_pattern(literal, &what, written),
        _ => return None,
    };
    let (shown, advice) = problem;
    let message = format!("`{}`: {shown}", what.shown);
    Some(
        Finding::new("prefix-without-separator", &written.path, message)
            .at(literal)
            .write(advice),
    )
}

/// A part of a claim, by its place: whoever is called so and goes on has the same.
fn of_part(
    receiver: &IdedExpr,
    written: &Written<'_>,
    issuer: Option<&Issuer<'_>>,
) -> Option<Finding> {
    let what = what(receiver, issuer).filter(|what| what.is_identity)?;
    let message = format!(
        "`{}`: a part of it, cut by its place, is also a part of others",
        what.shown
    );
    let finding = Finding::new("prefix-without-separator", &written.path, message);
    Some(
        finding
            .at("substring")
            .write("the whole claim, or split('/')[0] for what is before a separator"),
    )
}

fn of_pattern(literal: &str, what: &What, written: &Written<'_>) -> Option<Finding> {
    let begin = literal.starts_with('^') || literal.starts_with("\\A");
    let end = literal.ends_with('$') || literal.ends_with("\\z");
    // From the begin to a separator is a prefix that nobody else has.
    let separated = literal.ends_with(['/', ':']);
    let whole =
        (begin || literal.starts_with(".*")) && (end || separated || literal.ends_with(".*"));
    if what.is_identity && is_open_inside(literal) {
        let message = format!(
            "`{}`: what stands for any text touches a name, so longer names pass too",
            what.shown
        );
        let finding = Finding::new("prefix-without-separator", &written.path, message);
        return Some(finding.at(literal).write(
            "a separator (`/`, `:`, `@`) on both sides of each `.*`, or == with the whole value",
        ));
    }
    if whole && (begin || what.is_identity) && !(what.is_identity && open_start(literal)) {
        return None;
    }
    if !what.is_identity && (begin && end) {
        return None;
    }
    let message = format!(
        "`{}`: the pattern is true of a part of a text, so names that go on before or behind it pass too",
        what.shown
    );
    let inner = literal
        .trim_start_matches('^')
        .trim_end_matches('$')
        .trim_start_matches(".*");
    let id = if what.is_identity {
        "prefix-without-separator"
    } else {
        "unanchored"
    };
    let finding = Finding::new(id, &written.path, message).at(literal);
    let whole = match inner.strip_suffix(".*") {
        Some(begin) if what.is_identity => format!("matches('^{begin}/.*$')"),
        _ if what.is_identity && begin => format!("matches('^{inner}/.*$')"),
        _ => format!("matches('^{inner}$')"),
    };
    Some(finding.write(whole))
}

/// Something that stands for any text, between two parts of a pattern, touches a letter or digit.
fn is_open_inside(literal: &str) -> bool {
    let is_of_name = |character: char| character.is_ascii_alphanumeric();
    let any = [
        ".*", ".+", "[^/]*", "[^/]+", "[^:]*", "[^:]+", "\\w*", "\\w+", "\\S*", "\\S+",
    ];
    any.iter().any(|any| {
        literal.match_indices(any).any(|(at, any)| {
            let (before, rest) = literal.split_at(at);
            let after = rest.get(any.len()..).unwrap_or_default();
            // At an end it is another matter: see above and below.
            let is_inside = !before.trim_start_matches('^').is_empty()
                && !after.trim_end_matches('$').is_empty();
            let escape = before.ends_with('\\');
            is_inside && !escape && (before.ends_with(is_of_name) || after.starts_with(is_of_name))
        })
    })
}

/// `.*` at the begin of a pattern for an identity is no anchor; `^acme.*` is a prefix without an
/// end.
fn open_start(literal: &str) -> bool {
    let inner = literal.trim_start_matches('^');
    if inner.starts_with(".*") && !literal.starts_with('^') {
        return true;
    }
    literal
        .strip_suffix(".*$")
        .or_else(|| literal.strip_suffix(".*"))
        .is_some_and(ends_open)
}

/// What is compared.
struct What {
    shown: String,
    /// It says who somebody is, so a part of it is not enough.
    is_identity: bool,
}

fn what(receiver: &IdedExpr, issuer: Option<&Issuer<'_>>) -> Option<What> {
    let path = path(receiver)?;
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    let shown = names.join(".");
    let is_identity = match names.as_slice() {
        ["claims", name, ..] | ["req", "claims", name, ..] => !OF_REFS.contains(name),
        ["vars", name] => issuer.is_none_or(|issuer| !is_of_ref(issuer, name)),
        ["req", "user", "username"] => true,
        ["req", "tag" | "reference" | "repository" | "userAgent", ..] => false,
        _ => return None,
    };
    Some(What { shown, is_identity })
}

/// A variable that is made of branches and tags only.
fn is_of_ref(issuer: &Issuer<'_>, name: &str) -> bool {
    let claims = issuer.claims_of_variables();
    claims.get(name).is_some_and(|claims| {
        !claims.is_empty() && claims.iter().all(|claim| OF_REFS.contains(&claim.as_str()))
    })
}

/// The owner of a name, its first component, may go on behind it.
fn is_owner_open(literal: &str) -> bool {
    let name = literal.split_once("://").map_or(literal, |(_, name)| name);
    !name.contains('/') && ends_open(literal)
}

/// Another name may go on behind it.
fn ends_open(literal: &str) -> bool {
    literal
        .chars()
        .last()
        .is_none_or(|last| last.is_alphanumeric() || matches!(last, '-' | '_'))
}

fn begins_open(literal: &str) -> bool {
    literal.chars().next().is_none_or(char::is_alphanumeric)
}

/// What is wrong in a text that is not CEL: advice for what people write instead.
#[must_use]
pub(crate) fn advice(source: &str) -> Option<(&'static str, String)> {
    let outside = without_strings(source);
    let has_word = |word: &str| {
        outside
            .split(|character: char| !character.is_alphanumeric() && character != '_')
            .any(|part| part == word)
    };
    if let Some(quote) = source
        .chars()
        .find(|character| "\u{2018}\u{2019}\u{201c}\u{201d}".contains(*character))
    {
        return Some(("'...' with straight quotes", quote.to_string()));
    }
    for (word, advice) in [
        ("and", "`&&`"),
        ("or", "`||`"),
        ("not", "`!`"),
        ("AND", "`&&`"),
        ("OR", "`||`"),
        ("NOT", "`!`"),
        ("if", "CONDITION ? ONE : OTHER"),
        ("then", "CONDITION ? ONE : OTHER"),
        ("is", "`==`"),
    ] {
        if has_word(word) {
            return Some((advice, word.to_owned()));
        }
    }
    for (wrong, advice) in [
        ("===", "`==`"),
        ("<>", "`!=`"),
        ("=~", ".matches('...')"),
        ("${", "the name alone, without `${` and `}`"),
    ] {
        if outside.contains(wrong) {
            return Some((advice, wrong.to_owned()));
        }
    }
    if is_assigned(&outside) {
        return Some(("`==`", "=".to_owned()));
    }
    if let Some(escape) = bad_escape(source) {
        return Some(("a raw text, r'...', or two backslashes", escape));
    }
    if source.matches('\'').count() % 2 == 1 && !source.contains('"') {
        return Some(("a quote at the end of the text", "'".to_owned()));
    }
    let count = |character: char| outside.matches(character).count();
    for (one, other, advice) in [
        ('(', ')', "a `)` for each `(`"),
        ('[', ']', "a `]` for each `[`"),
        ('{', '}', "a `}` for each `{`"),
    ] {
        if count(one) != count(other) {
            return Some((advice, one.to_string()));
        }
    }
    None
}

/// A `=` that is not a part of `==`, `!=`, `<=`, `>=`.
fn is_assigned(outside: &str) -> bool {
    let bytes = outside.as_bytes();
    bytes.iter().enumerate().any(|(at, byte)| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        let after = bytes.get(at + 1);
        *byte == b'=' && after != Some(&b'=') && !matches!(before, Some(b'=' | b'!' | b'<' | b'>'))
    })
}

/// An escape in a text that CEL does not have, such as `\d`.
fn bad_escape(source: &str) -> Option<String> {
    let mut raw = false;
    let mut characters = source.chars().peekable();
    let mut last = ' ';
    while let Some(character) = characters.next() {
        if (character == '\'' || character == '"') && matches!(last, 'r' | 'R') {
            raw = !raw;
        }
        if character == '\\' && !raw {
            let next = characters.next()?;
            if !"abfnrtv\\?\"'`xXuU01234567".contains(next) {
                return Some(format!("\\{next}"));
            }
        }
        last = character;
    }
    None
}

/// The text with the content of strings left out.
fn without_strings(source: &str) -> String {
    let mut outside = String::new();
    let mut quote = None;
    let mut escaped = false;
    for character in source.chars() {
        match quote {
            Some(open) => {
                if escaped {
                    escaped = false;
                } else if character == '\\' {
                    escaped = true;
                } else if character == open {
                    quote = None;
                    outside.push(' ');
                }
            }
            None if character == '\'' || character == '"' => quote = Some(character),
            None => outside.push(character),
        }
    }
    outside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_for_cel_has_an_advice() {
        // (source, part of the advice)
        let rows = [
            ("claims.a = 'b'", "`==`"),
            ("claims.a == 'b' and claims.c == 'd'", "`&&`"),
            ("claims.a == 'b' or true", "`||`"),
            ("not claims.a", "`!`"),
            ("claims.a == \u{2018}b\u{2019}", "straight"),
            ("claims.a.matches('\\d+')", "raw text"),
            ("claims.a == 'b", "a quote"),
            ("(claims.a == 'b'", "`)`"),
            ("${claims.a}", "without"),
            ("claims.a == 'this and that or not' && (", "`)`"),
        ];
        for (source, part) in rows {
            let (found, _) = advice(source).unwrap_or_default();
            assert!(found.contains(part), "{source}: {found}");
        }
        assert_eq!(advice("claims.a <= 1 && claims.b.matches(r'\\d')"), None);
    }
}
