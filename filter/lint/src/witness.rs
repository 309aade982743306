//! A text that a regular expression of RE2 matches.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Longer samples are not made.
const MAX: usize = 256;

/// Returns a text that the expression matches, if one is easily found.
pub(crate) fn of(pattern: &str) -> Option<String> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let mut text = String::new();
    add(&hir, &mut text)?;
    Some(text)
}

fn add(hir: &Hir, text: &mut String) -> Option<()> {
    if text.len() > MAX {
        return None;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(std::str::from_utf8(&literal.0).ok()?),
        HirKind::Class(class) => text.push(character(class)?),
        HirKind::Repetition(repetition) => {
            for _ in 0..repetition.min.min(8) {
                add(&repetition.sub, text)?;
            }
        }
        HirKind::Capture(capture) => add(&capture.sub, text)?,
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| add(part, text))?,
        HirKind::Alternation(parts) => add(parts.first()?, text)?,
    }
    Some(())
}

/// A character of a class, one that names have if there is one.
fn character(class: &Class) -> Option<char> {
    let Class::Unicode(class) = class else {
        let Class::Bytes(class) = class else {
            return None;
        };
        return class
            .ranges()
            .first()
            .map(|range| char::from(range.start()));
    };
    let contains = |wanted: &char| {
        class
            .ranges()
            .iter()
            .any(|range| range.start() <= *wanted && *wanted <= range.end())
    };
    let nice = ['a', '1', 'A', '-', '.', '_', '/'];
    nice.into_iter().find(contains).or_else(|| {
        class
            .ranges()
            .first()
            .map(regex_syntax::hir::ClassUnicodeRange::start)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_matched() {
        for (pattern, sample) in [
            ("^v[0-9]+\\.[0-9]+$", "v1.1"),
            ("^(main|release/.*)$", "main"),
            ("^[a-z]{3}-\\d$", "aaa-1"),
            (".*", ""),
            ("(?i)ABC", "AAA"),
        ] {
            let found = of(pattern);
            if pattern.starts_with("(?i)") {
                assert!(found.is_some(), "{pattern}");
            } else {
                assert_eq!(found.as_deref(), Some(sample), "{pattern}");
            }
        }
        assert_eq!(of("("), None);
    }
}
