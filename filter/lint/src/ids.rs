//! The ids of findings: a table.

use super::level::Level;

/// Where each id is explained, below a heading of its own.
pub const PAGE: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/lints.md");

/// Every id with its level, and what it means.
pub const IDS: &[(&str, Level, &str)] = &[
    // Form.
    ("not-utf8", Level::Error, "the file is not UTF-8 text"),
    (
        "byte-order-mark",
        Level::Error,
        "the file begins with a byte order mark",
    ),
    ("empty-file", Level::Error, "the file has no content"),
    (
        "yaml-in-json",
        Level::Error,
        "a file whose name does not end in .yaml or .yml holds YAML",
    ),
    ("comment-in-json", Level::Error, "JSON has no comments"),
    (
        "trailing-comma",
        Level::Error,
        "JSON has no comma behind the last member",
    ),
    (
        "quotes",
        Level::Error,
        "strings and names have straight double quotes",
    ),
    (
        "escape",
        Level::Error,
        "a backslash in a JSON or double-quoted YAML string begins an escape",
    ),
    (
        "not-closed",
        Level::Error,
        "a bracket or a string is not closed",
    ),
    ("json-syntax", Level::Error, "the file is not JSON"),
    ("tab", Level::Error, "YAML is indented by blanks"),
    (
        "unquoted",
        Level::Error,
        "a character that means something else in YAML needs quotes around the text",
    ),
    (
        "indentation",
        Level::Error,
        "the indentation fits no level above",
    ),
    ("yaml-syntax", Level::Error, "the file is not YAML"),
    (
        "duplicate-key",
        Level::Error,
        "a key is twice in one object",
    ),
    // What the engine refuses.
    (
        "unknown-key",
        Level::Error,
        "a key that is not known where it stands",
    ),
    ("null", Level::Error, "a key without a value"),
    (
        "empty-value",
        Level::Error,
        "an empty value where it would restrict nothing, or cannot work",
    ),
    ("wrong-type", Level::Error, "a value of another type"),
    (
        "missing",
        Level::Error,
        "something that has to be there is missing",
    ),
    ("cel-syntax", Level::Error, "an expression is not CEL"),
    (
        "unknown-function",
        Level::Error,
        "CEL has no such function here, or not with these arguments",
    ),
    (
        "unknown-name",
        Level::Error,
        "an expression reads a name that does not exist here",
    ),
    (
        "cel-type",
        Level::Error,
        "the types in an expression cannot fit",
    ),
    (
        "unknown-variable",
        Level::Error,
        "an expression reads a variable that is not defined before it",
    ),
    (
        "unknown-member",
        Level::Error,
        "a condition reads a member of `req` that does not exist",
    ),
    (
        "unknown-action",
        Level::Error,
        "an action that does not exist",
    ),
    (
        "pattern-syntax",
        Level::Error,
        "a repository pattern cannot be read",
    ),
    ("duplicate-pattern", Level::Error, "two patterns are equal"),
    (
        "unreadable-file",
        Level::Error,
        "a file that the configuration names cannot be read",
    ),
    (
        "not-pem",
        Level::Error,
        "keys or certificates that cannot be read",
    ),
    (
        "private-key",
        Level::Error,
        "a private or shared key stands where a public one belongs",
    ),
    (
        "no-authentication",
        Level::Error,
        "nobody can authenticate, or nobody is said who may do what",
    ),
    (
        "test-failed",
        Level::Error,
        "a promise of `tests` does not hold",
    ),
    ("envoy-filter", Level::Error, "Envoy has no such filter"),
    (
        "envoy-cluster",
        Level::Error,
        "the filter names a cluster that Envoy does not have",
    ),
    (
        "envoy-environment",
        Level::Error,
        "a variable that the filter needs is not handed to the module",
    ),
    (
        "envoy-vm-id",
        Level::Error,
        "filter and intake share no keys",
    ),
    ("envoy-body", Level::Error, "request bodies never come"),
    (
        "envoy-capability",
        Level::Error,
        "a function that the module needs is not allowed",
    ),
    (
        "envoy-fail-open",
        Level::Danger,
        "requests pass when the module has failed",
    ),
    (
        "envoy-path",
        Level::Danger,
        "Envoy changes paths before they are authorized",
    ),
    (
        "envoy-failure-policy",
        Level::Warning,
        "what happens when the module has failed is not said",
    ),
    (
        "envoy-text",
        Level::Warning,
        "the configuration in Envoy is not the one that was checked",
    ),
    (
        "invalid",
        Level::Error,
        "anything else that the filter refuses",
    ),
    // Danger.
    (
        "open-issuer",
        Level::Danger,
        "everybody can get tokens of this issuer, and nothing says whose are let in",
    ),
    (
        "anonymous-write",
        Level::Danger,
        "writing without a credential",
    ),
    (
        "default-write",
        Level::Danger,
        "every caller with a token of a public issuer may write",
    ),
    (
        "prefix-without-separator",
        Level::Danger,
        "a comparison of a beginning or a part that other names share",
    ),
    (
        "skip-issuer",
        Level::Danger,
        "tokens of any issuer are accepted",
    ),
    (
        "bypass",
        Level::Danger,
        "tokens decide alone, without the policy",
    ),
    (
        "http-issuer",
        Level::Danger,
        "keys come over a connection that anybody may change",
    ),
    (
        "empty-restriction",
        Level::Danger,
        "a list of restrictions without one, or one that is always true",
    ),
    // Warnings.
    (
        "no-access-control",
        Level::Warning,
        "every caller with a token may do everything",
    ),
    (
        "dead-pattern",
        Level::Warning,
        "no repository can have such a name",
    ),
    (
        "host-in-pattern",
        Level::Warning,
        "patterns are names without the host of the registry",
    ),
    (
        "shadowed-pattern",
        Level::Warning,
        "longer patterns take all names of this one",
    ),
    (
        "hidden-grant",
        Level::Warning,
        "a longer pattern takes rights away that a shorter one gives",
    ),
    (
        "impossible-user",
        Level::Warning,
        "no mapping yields this user name",
    ),
    (
        "impossible-group",
        Level::Warning,
        "no mapping yields this group",
    ),
    (
        "glob-in-name",
        Level::Warning,
        "names of users and groups are compared exactly",
    ),
    (
        "never-true",
        Level::Warning,
        "an expression that no caller or request can satisfy",
    ),
    (
        "always-true",
        Level::Warning,
        "an expression that restricts nothing",
    ),
    (
        "blocks-uploads",
        Level::Warning,
        "a condition on the tag refuses the layers of every push",
    ),
    (
        "no-read",
        Level::Warning,
        "a push asks first what is there, which needs `read`",
    ),
    (
        "update-without-create",
        Level::Warning,
        "new layers and tags need `create`",
    ),
    (
        "no-message",
        Level::Warning,
        "a refusal by this condition does not say why",
    ),
    (
        "unknown-claim",
        Level::Warning,
        "tokens of this issuer have no such claim",
    ),
    (
        "optional-claim",
        Level::Warning,
        "some tokens of this issuer have not this claim",
    ),
    (
        "reusable-name",
        Level::Warning,
        "a name that somebody else can get later",
    ),
    (
        "legacy-kubernetes-claim",
        Level::Warning,
        "a claim of tokens that Kubernetes no longer makes",
    ),
    (
        "same-issuer-twice",
        Level::Warning,
        "two entries for one issuer",
    ),
    (
        "issuer-is-discovery-url",
        Level::Warning,
        "the address of the discovery document instead of the issuer",
    ),
    (
        "realm-without-scheme",
        Level::Warning,
        "a token endpoint without `https://` is only a text",
    ),
    (
        "no-upstream",
        Level::Warning,
        "`create` and `update` differ only if the registry can be asked",
    ),
    (
        "clock-skew",
        Level::Warning,
        "expired tokens are accepted for long",
    ),
    (
        "unanchored",
        Level::Warning,
        "a pattern that also matches a part of the text",
    ),
    (
        "grants-nothing",
        Level::Warning,
        "a rule without names, actions or effect",
    ),
    (
        "never-a-name",
        Level::Warning,
        "an expression whose type is not that of a name",
    ),
    (
        "stale-allow",
        Level::Warning,
        "an entry of `lint.allow` that allows nothing",
    ),
    (
        "notice",
        Level::Warning,
        "anything else that the filter warns of",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_id_under_its_level() {
        let page = include_str!("../../../docs/lints.md");
        let mut level = "";
        let mut found = Vec::new();
        for line in page.lines() {
            if let Some(name) = line.strip_prefix("## ") {
                level = name;
            } else if let Some(id) = line.strip_prefix("### ") {
                found.push((id, level));
            }
        }
        let title = |level: Level| match level {
            Level::Error => "Errors",
            Level::Danger => "Dangers",
            Level::Warning => "Warnings",
        };
        let mut known: Vec<_> = IDS.iter().map(|(id, level, _)| (*level, *id)).collect();
        known.sort_by_key(|(level, _)| *level);
        let known: Vec<_> = known
            .into_iter()
            .map(|(level, id)| (id, title(level)))
            .collect();
        assert_eq!(found, known);
    }

    #[test]
    fn ids_are_words_and_there_is_one_of_each() {
        let mut ids: Vec<&str> = IDS.iter().map(|(id, ..)| *id).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
        assert!(IDS.iter().all(|(_, _, means)| !means.ends_with('.')));
    }
}
