//! Names of pushed key sets. A name says what its keys stand for, so that filters with other
//! secrets or other issuers and the same push key never use each other's keys.

/// The longest name, in bytes.
pub const MAX_NAME: usize = 512;

const SIGNING: &str = "mint:";

/// The set of the keys of the login service, and of what it has ended.
pub const LOGIN_SET: &str = "login";

/// The set of the keys that verify, from a secret in AWS Secrets Manager. No region has a `/`.
#[must_use]
pub fn secret_set(region: &str, secret_name: &str) -> String {
    format!("secret:{region}/{secret_name}")
}

/// The set of the key that signs minted tokens, from a secret in AWS Secrets Manager.
#[must_use]
pub fn signing_set(region: &str, secret_name: &str) -> String {
    format!("{SIGNING}{region}/{secret_name}")
}

/// The set of the keys of an issuer, and of the place they come from if the configuration names
/// one. No URL has a space.
#[must_use]
pub fn issuer_set(issuer: &str, jwks_uri: Option<&str>) -> String {
    jwks_uri.map_or_else(
        || format!("oidc:{issuer}"),
        |uri| format!("oidc:{issuer} {uri}"),
    )
}

/// Returns true if the set of this name has a private key.
#[must_use]
pub fn is_signing_set(name: &str) -> bool {
    name.starts_with(SIGNING)
}
