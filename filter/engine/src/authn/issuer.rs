//! Which `iss` claims name an issuer.

/// Google documents two spellings of its issuer and signs tokens with either; go-oidc, and so zot,
/// accepts the second for Google alone.
const GOOGLE: &str = "https://accounts.google.com";
const GOOGLE_WITHOUT_SCHEME: &str = "accounts.google.com";

/// The values of `iss` in tokens of a configured issuer: its own, compared exactly (RFC 7519
/// section 4.1.1), and for Google the one without scheme. Its discovery document has the first
/// only.
pub fn names(issuer: &str) -> impl Iterator<Item = &str> {
    std::iter::once(issuer).chain((issuer == GOOGLE).then_some(GOOGLE_WITHOUT_SCHEME))
}

/// Returns true if `claimed`, the `iss` of a token, names the configured issuer.
#[must_use]
pub fn is_named(issuer: &str, claimed: &str) -> bool {
    names(issuer).any(|name| name == claimed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_google_has_a_second_name() {
        let rows = [
            (
                "https://accounts.google.com",
                "https://accounts.google.com",
                true,
            ),
            ("https://accounts.google.com", "accounts.google.com", true),
            (
                "https://accounts.google.com",
                "http://accounts.google.com",
                false,
            ),
            (
                "https://accounts.google.com",
                "https://accounts.google.com/",
                false,
            ),
            ("https://accounts.google.com", "accounts.google.com/", false),
            ("https://accounts.google.com", "Accounts.Google.Com", false),
            ("https://accounts.google.com", "google.com", false),
            ("https://accounts.google.com", "", false),
            ("accounts.google.com", "accounts.google.com", true),
            ("accounts.google.com", "https://accounts.google.com", false),
            ("https://accounts.google.com/", "accounts.google.com", false),
            ("http://accounts.google.com", "accounts.google.com", false),
            ("https://issuer.example.com", "issuer.example.com", false),
            (
                "https://issuer.example.com",
                "https://issuer.example.com",
                true,
            ),
        ];
        for (issuer, claimed, named) in rows {
            assert_eq!(is_named(issuer, claimed), named, "{issuer} {claimed}");
        }
    }
}
