//! Who asked, by the configuration that wrote the log and by another one.

use std::collections::HashMap;

use registry_auth_engine::UnixTime;
use registry_auth_engine::config::raw::Document;
use registry_auth_engine::engine::Principal;

use super::decider::{Caller, claim_lacking};
use super::record::Record;
use crate::diff::Side;
use crate::diff::settings::{IssuerChange, Setting, of_issuer, settings};

/// What says who somebody without a token is.
const PEOPLE: [&str; 6] = [
    "http.auth.mtls",
    "http.auth.login",
    "http.auth.apiKey",
    "http.auth.htpasswd",
    "http.auth.ldap",
    "http.auth.openid",
];

/// The most issuers of which it is remembered how they compare.
const ISSUERS: usize = 1_000;

/// The longest of them, in bytes.
const ISSUER: usize = 512;

/// How a caller of the old configuration is seen by the new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// As this one.
    As(Caller),
    /// The new configuration does not accept the credential.
    Refused,
    /// The record has not what is needed: what that is.
    Unknown(String),
}

/// Two configurations, and what they say of callers.
#[derive(Debug)]
pub(super) struct Callers<'a> {
    old: Side<'a>,
    new: Side<'a>,
    settings: Vec<Setting>,
    issuers: HashMap<String, IssuerChange>,
}

impl<'a> Callers<'a> {
    pub(super) fn of(old: Side<'a>, new: Side<'a>) -> Self {
        Self {
            old,
            new,
            settings: settings(old, new),
            issuers: HashMap::new(),
        }
    }

    /// Returns true if something besides rules differs.
    pub(super) fn differ(&self) -> bool {
        !self.settings.is_empty()
    }

    /// The caller of a record, as it is recorded.
    pub(super) fn recorded(record: &Record) -> Caller {
        Caller {
            user: record.user.clone(),
            groups: record.groups.clone(),
        }
    }

    /// How the new configuration sees the caller of a record.
    pub(super) fn seen(&mut self, record: &Record) -> Seen {
        let Some(user) = &record.user else {
            return Seen::As(Caller::default());
        };
        let Some(issuer) = &record.issuer else {
            return self.configured(user, record, &PEOPLE);
        };
        if !is_of_entry(self.old.document, issuer) {
            // A token of a token server, or one that was minted here.
            return self.configured(user, record, &["http.auth.bearer", "issuer "]);
        }
        match self.change(issuer) {
            IssuerChange::Same => Seen::As(Self::recorded(record)),
            IssuerChange::Mapping => self.mapped(issuer, record),
            IssuerChange::Tokens if !is_of_entry(self.new.document, issuer) => Seen::Refused,
            IssuerChange::Tokens => {
                Seen::Unknown(format!("tokens of {issuer} are accepted in other cases"))
            }
        }
    }

    fn change(&mut self, issuer: &str) -> IssuerChange {
        if let Some(known) = self.issuers.get(issuer) {
            return *known;
        }
        let change = of_issuer(self.old.document, self.new.document, issuer);
        if self.issuers.len() < ISSUERS && issuer.len() < ISSUER {
            self.issuers.insert(issuer.to_owned(), change);
        }
        change
    }

    /// A caller whose groups may be those of the configuration. `places` decide who it is.
    fn configured(&self, user: &str, record: &Record, places: &[&str]) -> Seen {
        let mut places = places.iter();
        let differing = places.find(|place| {
            let mut settings = self.settings.iter();
            settings.any(|setting| setting.place.starts_with(**place))
        });
        if let Some(place) = differing {
            return Seen::Unknown(format!("`{}` differs", place.trim()));
        }
        let [old, new] = [self.old, self.new].map(|side| {
            let policy = side.engine.policy();
            policy
                .map(|policy| policy.groups_of(user))
                .unwrap_or_default()
        });
        if old == new {
            return Seen::As(Self::recorded(record));
        }
        let has_others = self.new.document.login.is_some() || record.issuer.is_some();
        let is_lost = |group: &&String| old.contains(group) && !new.contains(group);
        let lost = record.groups.iter().find(is_lost);
        if let Some(group) = lost.filter(|_| has_others) {
            return Seen::Unknown(format!("where the group `{group}` comes from"));
        }
        let kept = record.groups.iter().filter(|group| !is_lost(group));
        let mut groups: Vec<String> = kept.cloned().collect();
        groups.extend(
            new.into_iter()
                .filter(|group| !record.groups.contains(group)),
        );
        Seen::As(Caller {
            user: Some(user.to_owned()),
            groups,
        })
    }

    /// The caller by the claim mapping of the new configuration.
    fn mapped(&self, issuer: &str, record: &Record) -> Seen {
        let engine = self.new.engine;
        let Some(reads) = engine.mapping_reads(issuer) else {
            return Seen::Refused;
        };
        if let Some(lacking) = claim_lacking(&reads, record) {
            return Seen::Unknown(lacking);
        }
        let mut claims = record.claims.clone();
        // The token was accepted: these are about that alone, unless the mapping reads them.
        for name in ["aud", "exp", "nbf", "iat"] {
            if !reads.contains(name) {
                claims.remove(name);
            }
        }
        let principal = Principal::Claims {
            issuer: issuer.to_owned(),
            claims,
        };
        let now = record.time.unwrap_or(UnixTime::from_secs(0));
        match engine.named(&principal, now) {
            Ok((user, groups)) => Seen::As(Caller {
                user: Some(user),
                groups,
            }),
            Err(_) => Seen::Refused,
        }
    }
}

fn is_of_entry(document: &Document, issuer: &str) -> bool {
    let mut entries = document.bearer.iter().flat_map(|bearer| &bearer.oidc);
    entries.any(|entry| {
        entry.skip_issuer_verification
            || registry_auth_engine::authn::issuer::is_named(&entry.issuer, issuer)
    })
}
