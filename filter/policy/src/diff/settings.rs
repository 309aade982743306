//! What two configurations say besides rules: who callers are, and what passes without rules. That
//! they differ is said; what it means is not known.

use std::collections::BTreeSet;
use std::fmt;

use registry_auth_engine::config::raw::{
    AccessControl, Bearer, ClaimMapping, Condition, Document, Oidc,
};
use serde_json::Value;

use super::Side;
use super::cel::normal;

/// Something that is configured in another way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its place in the configuration.
    pub place: String,
    /// What has happened to it.
    pub what: &'static str,
}

/// How the entries of one issuer compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerChange {
    /// They are the same, or have the same claim mapping and the same audiences at least.
    Same,
    /// The claim mapping of its one entry is another one; what tokens it accepts is the same.
    Mapping,
    /// Tokens of it are accepted in other cases.
    Tokens,
}

impl fmt::Display for Setting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.place, self.what)
    }
}

/// Returns everything besides rules that decides about requests and differs.
#[must_use]
pub fn settings(old: Side<'_>, new: Side<'_>) -> Vec<Setting> {
    let (written, old, new) = ((old.written, new.written), old.document, new.document);
    let mut found = Vec::new();
    let mut add = |place: String, what| found.push(Setting { place, what });
    let none = Vec::new();
    let entries = |document: &'_ Document| -> Vec<Oidc> {
        document
            .bearer
            .as_ref()
            .map_or(&none, |bearer| &bearer.oidc)
            .clone()
    };
    let (old_entries, new_entries) = (entries(old), entries(new));
    let issuers: BTreeSet<&str> = old_entries
        .iter()
        .chain(&new_entries)
        .map(|entry| entry.issuer.as_str())
        .collect();
    for issuer in issuers {
        let of = |entries: &'_ [Oidc]| -> Vec<Oidc> {
            let entries = entries.iter().filter(|entry| entry.issuer == issuer);
            entries.cloned().collect()
        };
        let place = format!("issuer {issuer}");
        match (of(&old_entries).as_slice(), of(&new_entries).as_slice()) {
            ([], _) => add(place, "is new"),
            (_, []) => add(place, "is gone"),
            ([one], [other]) => {
                for member in members(one, other) {
                    add(format!("{place} {member}"), "is another");
                }
            }
            (one, other) if one != other => add(place, "has other entries"),
            _ => {}
        }
    }
    for member in condition_members(old, new) {
        let place = format!("conditions that read `req.{member}`");
        add(place, "may mean others");
    }
    let same = |one: bool| (!one).then_some("is another");
    for member in bearer_members(old, new) {
        add(format!("http.auth.bearer.{member}"), "is another");
    }
    for section in people_sections(written.0, written.1) {
        add(format!("http.auth.{section}"), "is another");
    }
    let rows = [
        ("http.auth.mtls", same(old.mtls == new.mtls)),
        ("http.auth.login", same(methods(old) == methods(new))),
        (
            "proxy.publicPaths",
            same(old.proxy.public_paths == new.proxy.public_paths),
        ),
        (
            "proxy.extensions",
            same(old.proxy.extensions == new.proxy.extensions),
        ),
        ("proxy.mounts", same(old.proxy.mounts == new.proxy.mounts)),
        (
            "proxy.clientAddress",
            same(old.proxy.client_address == new.proxy.client_address),
        ),
    ];
    for (place, what) in rows {
        if let Some(what) = what {
            add(place.to_owned(), what);
        }
    }
    found
}

/// The sections of `http.auth` that say who people are, and differ: what they hold is for the login
/// service.
fn people_sections(old: &Value, new: &Value) -> Vec<&'static str> {
    let section = |written: &Value, name: &str| {
        let auth = member(member(written, "http")?, "auth")?;
        member(auth, name).cloned()
    };
    let names = ["apiKey", "htpasswd", "ldap", "openid"];
    let differs = |name: &&str| section(old, name) != section(new, name);
    names.into_iter().filter(differs).collect()
}

/// A member of an object, whatever its case.
fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let mut members = value.as_object()?.iter();
    let named = members.find(|(key, _)| key.eq_ignore_ascii_case(name));
    named.map(|(_, member)| member)
}

/// The members of `http.auth.bearer` that differ and decide about tokens, besides the issuers.
fn bearer_members(old: &Document, new: &Document) -> Vec<&'static str> {
    let of = |document: &Document| document.bearer.clone().unwrap_or_default();
    let (one, other) = (of(old), of(new));
    let rows = [
        ("audiences", one.audiences == other.audiences),
        (
            "awsSecretsManager",
            one.aws_secrets_manager == other.aws_secrets_manager,
        ),
        (
            "bypassAccessControl",
            one.bypass_access_control == other.bypass_access_control,
        ),
        ("cert", one.cert == other.cert),
        ("issuer", one.issuer == other.issuer),
        ("mint", one.mint == other.mint),
    ];
    let Bearer {
        audiences: _,
        aws_secrets_manager: _,
        bypass_access_control: _,
        cert: _,
        issuer: _,
        mint: _,
        // Compared by themselves, and without effect on what is allowed.
        oidc: _,
        realm: _,
        service: _,
    } = &one;
    let rows = rows.into_iter();
    rows.filter(|(_, is_same)| !is_same)
        .map(|(name, _)| name)
        .collect()
}

/// The members of `req` that conditions read and that mean others, with the same conditions: who is
/// an administrator, and which groups the configuration gives to users.
fn condition_members(old: &Document, new: &Document) -> Vec<&'static str> {
    let (Some(old), Some(new)) = (&old.access_control, &new.access_control) else {
        return Vec::new();
    };
    let admins = |control: &AccessControl| {
        let policy = control.admin_policy.clone().unwrap_or_default();
        [policy.users, policy.groups].map(BTreeSet::from_iter)
    };
    let rows: [(&str, &str, bool); 2] = [
        ("auth", "auth", admins(old) != admins(new)),
        ("user.groups", "groups", old.groups != new.groups),
    ];
    let conditions: Vec<&Condition> = [old, new]
        .into_iter()
        .flat_map(|control| {
            let groups = control.repositories.values();
            let entries = groups.flat_map(|group| &group.policies);
            entries.chain(&control.admin_policy)
        })
        .flat_map(|entry| &entry.conditions)
        .collect();
    let is_read = |word: &str| {
        conditions
            .iter()
            .any(|condition| condition.expression.contains(word))
    };
    let rows = rows.into_iter();
    rows.filter(|(_, word, differs)| *differs && is_read(word))
        .map(|(member, ..)| member)
        .collect()
}

/// The methods of logging in: what else is configured for them does not say who somebody is.
fn methods(document: &Document) -> Option<&[String]> {
    document
        .login
        .as_ref()
        .map(|login| login.methods.as_slice())
}

/// The members of two entries that differ and decide who a caller is.
fn members(one: &Oidc, other: &Oidc) -> Vec<&'static str> {
    let [old, new] = [one, other].map(|entry| mapping(entry.claim_mapping.as_ref()));
    let keys = |entry: &Oidc| (entry.jwks.clone(), entry.jwks_uri.clone());
    let rows = [
        ("audiences", one.audiences == other.audiences),
        (
            "skipIssuerVerification",
            one.skip_issuer_verification == other.skip_issuer_verification,
        ),
        ("clockSkew", one.clock_skew == other.clock_skew),
        ("keys", keys(one) == keys(other)),
        ("claimMapping.variables", old.variables == new.variables),
        (
            "claimMapping.validations",
            old.validations == new.validations,
        ),
        ("claimMapping.username", old.username == new.username),
        ("claimMapping.groups", old.groups == new.groups),
    ];
    let rows = rows.into_iter();
    rows.filter(|(_, is_same)| !is_same)
        .map(|(name, _)| name)
        .collect()
}

/// A mapping with its expressions as they are compared, and without messages.
fn mapping(written: Option<&ClaimMapping>) -> ClaimMapping {
    let mut mapping = written.cloned().unwrap_or_default();
    for variable in &mut mapping.variables {
        variable.expression = normal(&variable.expression);
    }
    for validation in &mut mapping.validations {
        validation.expression = normal(&validation.expression);
        validation.message.clear();
    }
    let expressions = [&mut mapping.username, &mut mapping.groups];
    for expression in expressions.into_iter().flatten() {
        *expression = normal(expression);
    }
    mapping
}

/// Returns how the entries of one issuer compare, which may be named in two ways.
#[must_use]
pub fn of_issuer(old: &Document, new: &Document, issuer: &str) -> IssuerChange {
    let entries = |document: &'_ Document| -> Vec<Oidc> {
        let entries = document.bearer.iter().flat_map(|bearer| &bearer.oidc);
        // An entry that takes any issuer may take this one.
        let entries = entries.filter(|entry| {
            entry.skip_issuer_verification
                || registry_auth_engine::authn::issuer::is_named(&entry.issuer, issuer)
        });
        entries.cloned().collect()
    };
    let (old, new) = (entries(old), entries(new));
    match (old.as_slice(), new.as_slice()) {
        (old, new)
            if old.len() == new.len()
                && old
                    .iter()
                    .zip(new)
                    .all(|(one, other)| members(one, other).is_empty()) =>
        {
            IssuerChange::Same
        }
        ([one], [other])
            if members(one, other)
                .iter()
                .all(|name| name.starts_with("claimMapping.")) =>
        {
            IssuerChange::Mapping
        }
        _ => IssuerChange::Tokens,
    }
}
