//! What an API key may do: `repository:PATTERN:ACTIONS`.

/// The most scopes of one key.
pub const MAX_SCOPES: usize = 32;

/// The longest scope, in bytes.
pub const MAX_SCOPE: usize = 512;

const ACTIONS: [&str; 4] = ["pull", "push", "delete", "*"];

/// One scope of an API key. In its pattern `*` stands for any run of characters within a component,
/// and `**` as a whole component for any number of them, none too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyScope {
    components: Vec<String>,
    actions: Vec<String>,
}

impl KeyScope {
    /// Reads a scope; `None` if the text is none, but a label.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (pattern, actions) = text.strip_prefix("repository:")?.rsplit_once(':')?;
        let components: Vec<_> = pattern.split('/').map(str::to_owned).collect();
        let actions: Vec<_> = actions.split(',').map(str::to_owned).collect();
        let is_known = |action: &String| ACTIONS.contains(&action.as_str());
        let is_whole = text.len() <= MAX_SCOPE && components.iter().all(|part| is_component(part));
        (is_whole && actions.iter().all(is_known)).then_some(Self {
            components,
            actions,
        })
    }

    /// Returns true if it covers an action (`pull`, `push`, `delete`) on a repository.
    #[must_use]
    pub fn covers(&self, repository: &str, action: &str) -> bool {
        let names: Vec<_> = repository.split('/').collect();
        self.actions
            .iter()
            .any(|granted| granted == action || granted == "*")
            && matches(
                &self.components,
                &names,
                |component| component == "**",
                |component, name| {
                    let symbols: Vec<_> = component.chars().collect();
                    let name: Vec<_> = name.chars().collect();
                    matches(&symbols, &name, |symbol| *symbol == '*', |a, b| a == b)
                },
            )
    }
}

/// A component of a repository name (OCI distribution spec, "Pulling manifests"), with stars.
fn is_component(component: &str) -> bool {
    let is_symbol = |byte: u8| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || matches!(byte, b'.' | b'_' | b'-' | b'*')
    };
    let stars = component.bytes().filter(|byte| *byte == b'*').count();
    let is_sound = component == "**" || stars <= 4 && !component.contains("**");
    !component.is_empty() && component.bytes().all(is_symbol) && is_sound
}

/// Matches with wildcards for any run, in quadratic time at most: where a piece does not fit, only
/// the last wildcard before it takes one more.
fn matches<P, T>(
    pattern: &[P],
    text: &[T],
    is_wild: impl Fn(&P) -> bool,
    fits: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut at, mut place, mut last) = (0, 0, None);
    while let Some(piece) = text.get(place) {
        match pattern.get(at) {
            Some(wild) if is_wild(wild) => {
                last = Some((at, place));
                at += 1;
            }
            Some(one) if fits(one, piece) => (at, place) = (at + 1, place + 1),
            _ => {
                let Some((wild, taken)) = last else {
                    return false;
                };
                last = Some((wild, taken + 1));
                (at, place) = (wild + 1, taken + 1);
            }
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(is_wild)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_covers_what_its_pattern_matches() {
        let rows = [
            ("repository:team/app:pull", "team/app", "pull", true),
            ("repository:team/app:pull", "team/app", "push", false),
            ("repository:team/app:pull,push", "team/app", "push", true),
            ("repository:team/app:*", "team/app", "delete", true),
            ("repository:team/app:pull", "team/app2", "pull", false),
            ("repository:team/app:pull", "team/app/x", "pull", false),
            ("repository:team/*:pull", "team/app", "pull", true),
            ("repository:team/*:pull", "team/app/x", "pull", false),
            ("repository:team/*:pull", "team", "pull", false),
            ("repository:team/a*p:pull", "team/app", "pull", true),
            ("repository:team/a*p:pull", "team/apx", "pull", false),
            ("repository:team/*a*b*:pull", "team/xaybz", "pull", true),
            ("repository:team/*a*b*:pull", "team/xbya", "pull", false),
            ("repository:team/**:pull", "team/app/x", "pull", true),
            ("repository:team/**:pull", "team", "pull", true),
            ("repository:team/**:pull", "teams/app", "pull", false),
            ("repository:**:pull", "a", "pull", true),
            ("repository:**:pull", "a/b/c", "pull", true),
            ("repository:**/app:pull", "a/b/app", "pull", true),
            ("repository:**/app:pull", "app", "pull", true),
            ("repository:**/app:pull", "a/b/app/c", "pull", false),
            ("repository:a/**/b/**/c:pull", "a/x/b/c", "pull", true),
            ("repository:a/**/b/**/c:pull", "a/x/c", "pull", false),
            ("repository:*:pull", "a/b", "pull", false),
        ];
        for (scope, repository, action, covered) in rows {
            let read = KeyScope::parse(scope).unwrap();
            assert_eq!(
                read.covers(repository, action),
                covered,
                "{scope} {repository}"
            );
        }
    }

    #[test]
    fn other_texts_are_labels() {
        let long = format!("repository:{}:pull", "a".repeat(MAX_SCOPE));
        let texts = [
            "",
            "ci",
            "repository:a",
            "repository:a:",
            "repository::pull",
            "repository:a:read",
            "repository:a:pull,",
            "repository:a:pull, push",
            "repository:A:pull",
            "repository:a//b:pull",
            "repository:a/{b,c}:pull",
            "repository:a/b?:pull",
            "repository:a***:pull",
            "repository:a/x**:pull",
            "repository:a:b:pull",
            "registry:catalog:*",
            " repository:a:pull",
            &long,
        ];
        for text in texts {
            assert_eq!(KeyScope::parse(text), None, "{text:.40}");
        }
    }
}
