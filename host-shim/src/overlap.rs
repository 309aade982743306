//! Decides if two patterns can match the same name.

/// Patterns with more alternatives or stars are treated as overlapping with every other, to bound
/// the time.
const MOST: usize = 64;
const MOST_STARS: usize = 12;

/// Returns true if both patterns may match the same name. Character classes are treated as `?`, so
/// the result can be true for patterns without a common name, never false for patterns with one.
pub(crate) fn overlap(one: &str, other: &str) -> bool {
    // There may be thousands of patterns, and most of them begin with another name.
    let constant = |pattern: &str| {
        let end = pattern.find(['*', '?', '[', '{', '\\']);
        end.unwrap_or(pattern.len())
    };
    let common = constant(one).min(constant(other));
    if one.as_bytes().get(..common) != other.as_bytes().get(..common) {
        return false;
    }
    let stars = |pattern: &str| pattern.matches('*').count();
    if stars(one) + stars(other) > MOST_STARS {
        return true;
    }
    let (ones, others) = (alternatives(one), alternatives(other));
    ones.iter().any(|one| {
        others
            .iter()
            .any(|other| meet(&components(one), &components(other)))
    })
}

/// Expands the braces of a pattern.
fn alternatives(pattern: &str) -> Vec<String> {
    let mut all = vec![pattern.to_owned()];
    while let Some(index) = all.iter().position(|pattern| pattern.contains('{')) {
        let pattern = all.swap_remove(index);
        let innermost = pattern
            .rsplit_once('{')
            .and_then(|(head, rest)| Some((head, rest.split_once('}')?)));
        let Some((head, (inside, tail))) = innermost else {
            continue;
        };
        all.extend(inside.split(',').map(|one| format!("{head}{one}{tail}")));
        if all.len() > MOST {
            return vec!["**".to_owned()];
        }
    }
    all
}

fn components(pattern: &str) -> Vec<Vec<char>> {
    pattern.split('/').map(component).collect()
}

/// Returns a component with `?` for each class, and without escapes.
fn component(text: &str) -> Vec<char> {
    let mut chars = text.chars();
    let mut simple = Vec::new();
    while let Some(char) = chars.next() {
        match char {
            '[' => {
                chars
                    .by_ref()
                    .take_while(|char| *char != ']')
                    .for_each(drop);
                simple.push('?');
            }
            '\\' => {
                simple.extend(chars.next().map(|escaped| {
                    if matches!(escaped, '*' | '?') {
                        '\0'
                    } else {
                        escaped
                    }
                }));
            }
            other => simple.push(other),
        }
    }
    simple
}

fn meet(one: &[Vec<char>], other: &[Vec<char>]) -> bool {
    let is_deep = |component: &[char]| component == ['*', '*'];
    match (one.split_first(), other.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if is_deep(first) => {
            meet(rest, other)
                || other
                    .split_first()
                    .is_some_and(|(_, behind)| meet(one, behind))
        }
        (_, Some((first, _))) if is_deep(first) => meet(other, one),
        (Some((first, rest)), Some((second, behind))) => touch(first, second) && meet(rest, behind),
        _ => false,
    }
}

fn touch(one: &[char], other: &[char]) -> bool {
    match (one.split_first(), other.split_first()) {
        (None, None) => true,
        (Some(('*', rest)), _) => {
            touch(rest, other)
                || other
                    .split_first()
                    .is_some_and(|(_, behind)| touch(one, behind))
        }
        (_, Some(('*', _))) => touch(other, one),
        (Some((first, rest)), Some((second, behind))) => {
            (first == second || *first == '?' || *second == '?') && touch(rest, behind)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_overlap_when_a_name_fits_both() {
        let rows = [
            ("a/*", "*/b", true),
            ("a/b", "a/c", false),
            ("a/**", "**/b", true),
            ("team/**", "prod/**", false),
            ("{a,b}/x", "b/*/y", false),
            ("{a,b}/x", "b/*", true),
            ("a?c", "abc", true),
            ("a*c", "*bd", false),
            ("a/**", "a", true),
            ("**", "x/y/z", true),
            ("a[bc]", "a?", true),
            ("x/**/y", "x/*/*/z", false),
            ("\\*a", "bca", false),
        ];
        for (one, other, expected) in rows {
            assert_eq!(
                (overlap(one, other), overlap(other, one)),
                (expected, expected),
                "{one} and {other}"
            );
        }
    }
}
