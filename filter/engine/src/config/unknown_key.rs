//! What to say about a key that is not known where it stands.

use super::sections::PLACES;

/// How alike two names have to be, by Jaro-Winkler similarity: `policy` and `policies` are, `auth`
/// and `cluster` are not.
const ALIKE: f64 = 0.8;

/// The longest key that is compared with names, bytes: none is half as long.
const MAX_COMPARED: usize = 64;

/// The key that may be meant by the key `name` in an object whose keys are `known`.
pub(super) fn suggestion(name: &str, known: &[&str]) -> Option<String> {
    if name.len() > MAX_COMPARED {
        return None;
    }
    let folded = fold(name);
    let is_same = |other: &str| fold(other) == folded;
    let elsewhere = |section: &str| {
        let (_, path) = PLACES.iter().find(|(name, _)| *name == section)?;
        Some(format!("unknown key here; did you mean `{path}`"))
    };
    // A name that belongs elsewhere is no misspelling of one that belongs here.
    let section = PLACES
        .iter()
        .map(|(section, _)| *section)
        .find(|section| is_same(section));
    if let Some(section) = section.filter(|_| !known.iter().any(|known| is_same(known))) {
        return elsewhere(section);
    }
    if let Some(near) = nearest(&folded, known.iter().copied()) {
        return Some(format!("unknown key; did you mean `{near}`"));
    }
    elsewhere(nearest(
        &folded,
        PLACES.iter().map(|(section, _)| *section),
    )?)
}

/// The name that may be meant by one that is not among these.
pub(super) fn meant<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    if name.len() > MAX_COMPARED {
        return None;
    }
    nearest(&fold(name), known.iter().copied())
}

/// The first of the names that are most like `folded`, if any is alike.
fn nearest<'a>(folded: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let alike = names
        .map(|name| (strsim::jaro_winkler(folded, &fold(name)), name))
        .filter(|(alike, _)| *alike > ALIKE);
    alike
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, name)| name)
}

/// Spellings of one name: `access_control`, `access-control`, `AccessControl`.
fn fold(name: &str) -> String {
    name.chars()
        .filter(|character| !matches!(character, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_and_its_place_when_it_is_another() {
        let http = &["realm", "auth", "accessControl", "address", "port", "tls"];
        let policy = &["name", "users", "groups", "actions", "conditions"];
        // (key, known there, end of the message)
        let rows: &[(&str, &[&str], &str)] = &[
            ("accesControl", http, "did you mean `accessControl`"),
            ("accessControls", http, "did you mean `accessControl`"),
            ("access_control", http, "did you mean `accessControl`"),
            ("ACCESS-CONTROL", http, "did you mean `accessControl`"),
            ("acessControl", http, "did you mean `accessControl`"),
            ("accessContol", http, "did you mean `accessControl`"),
            ("accessCtrl", http, "did you mean `accessControl`"),
            ("authentication", http, "did you mean `auth`"),
            ("condition", policy, "did you mean `conditions`"),
            ("user", policy, "did you mean `users`"),
            ("action", policy, "did you mean `actions`"),
            ("condtions", policy, "did you mean `conditions`"),
            (
                "accessControl",
                policy,
                "here; did you mean `http.accessControl`",
            ),
            (
                "acces_control",
                policy,
                "here; did you mean `http.accessControl`",
            ),
            ("bearer", http, "here; did you mean `http.auth.bearer`"),
            ("proxy", http, "here; did you mean `proxy`"),
        ];
        for (key, known, expected) in rows {
            let message = suggestion(key, known).unwrap_or_default();
            assert!(message.ends_with(expected), "{key}: {message}");
        }
        for key in ["xyz", "", "x", &"conditions".repeat(10)] {
            assert_eq!(suggestion(key, policy), None, "{key}");
        }
    }
}
