//! Issuers whose user names could be equal.
//!
//! A mapping without `username` makes `ISSUER/SUB`. An issuer decides what its `sub` is, and a
//! `sub` may have slashes: that of `https://a` could be `tenant/admin`, and be taken for `admin` of
//! `https://a/tenant`.

use crate::authn::issuer::names;
use crate::config::{Diagnostics, raw};

/// Refuses entries of `http.auth.bearer.oidc`, at `path`, that could make the same user name for
/// different callers. Where both map their names, the configuration is responsible for keeping them
/// apart.
pub(super) fn keep_apart(entries: &[raw::Oidc], path: &str, diagnostics: &mut Diagnostics) {
    for (index, entry) in entries.iter().enumerate() {
        for (earlier, other) in entries.iter().enumerate().take(index) {
            if maps(entry) && maps(other) {
                continue;
            }
            let Some(reason) = collision(entry, other) else {
                continue;
            };
            let example = format!(
                "set `claimMapping.username` in both, such as \"'team-a:' + claims.sub\" in {path}[{index}]"
            );
            // Not the issuers themselves: an address that is refused elsewhere may hold a password.
            let message = format!("{reason} ({path}[{earlier}]): {example}");
            diagnostics.error(format!("{path}[{index}].issuer"), message);
        }
    }
}

/// Returns true if the user name is an expression of its own.
fn maps(entry: &raw::Oidc) -> bool {
    entry
        .claim_mapping
        .as_ref()
        .is_some_and(|mapping| mapping.username.is_some())
}

/// Why two entries could make the same name; entries of one issuer name the same callers.
fn collision(entry: &raw::Oidc, other: &raw::Oidc) -> Option<&'static str> {
    let free = |entry: &raw::Oidc| entry.skip_issuer_verification && !maps(entry);
    if free(entry) {
        return Some(
            "with `skipIssuerVerification` a token may name any `iss`, and so be a user of another entry",
        );
    }
    if free(other) {
        return Some(
            "can be named as `iss` by tokens of an entry with `skipIssuerVerification`, so that users are equal",
        );
    }
    let within = |one: &str, two: &str| {
        two.strip_prefix(one)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    let meet = |one: &raw::Oidc, two: &raw::Oidc| {
        names(&one.issuer).any(|one| names(&two.issuer).any(|two| within(one, two)))
    };
    let reason = "and the issuer of another entry make equal user names `ISSUER/SUB`, as a `sub` may have slashes";
    (meet(entry, other) || meet(other, entry)).then_some(reason)
}
