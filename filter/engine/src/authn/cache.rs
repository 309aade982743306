//! Identities that were proven already, so that a token is verified once per worker.

use std::collections::HashMap;
use std::sync::Arc;

use crate::authn::access_claim::AccessClaim;
use crate::authn::identity::Identity;
use crate::authn::source::{HeldKeys, SourceId};
use crate::time::UnixTime;

/// Bytes of tokens that one generation holds before it becomes the old one.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Tokens that one generation holds before it becomes the old one.
const MAX_ENTRIES: usize = 5_000;

/// A caller whose token or certificate was verified.
#[derive(Clone, Debug)]
pub struct Proven {
    /// Who it is.
    pub(crate) identity: Arc<Identity>,
    /// What a token server granted; absent for OIDC tokens, which carry no such claim.
    pub(crate) access: Option<Arc<AccessClaim>>,
    /// Whose keys proved it, and their version; none for a client certificate, which the host has verified.
    pub(crate) keys: Option<(SourceId, u64)>,
    /// When the token or the certificate ends.
    pub(crate) expires: UnixTime,
    /// The certificate that the token is bound to (`cnf`, `x5t#S256`).
    pub(crate) bound_to: Option<Box<str>>,
}

impl Proven {
    /// Whether the proof still counts: the token has not ended and the keys are the same.
    fn holds(&self, keys: &HeldKeys, now: UnixTime) -> bool {
        let same = |(source, version)| keys.get(source).is_some_and(|keys| keys.version == version);
        now < self.expires && self.keys.is_none_or(same)
    }
}

/// Tokens (and client certificates, as PEM text, which no token can be) to proven callers, in two generations: when the young one is full it becomes the old one, and what is not asked for
/// again is forgotten with it. So memory is bounded and nothing has to be searched for eviction.
#[derive(Debug, Default)]
pub struct IdentityCache {
    young: Generation,
    old: Generation,
}

#[derive(Default)]
struct Generation {
    entries: HashMap<Box<str>, Proven>,
    bytes: usize,
}

impl std::fmt::Debug for Generation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Generation({} tokens)", self.entries.len())
    }
}

impl IdentityCache {
    /// The proven caller of a token, if the proof still counts. The whole token is compared.
    pub(crate) fn get(&mut self, token: &str, keys: &HeldKeys, now: UnixTime) -> Option<Proven> {
        if let Some(proven) = self.young.entries.get(token) {
            return proven.holds(keys, now).then(|| proven.clone());
        }
        let (token, proven) = self.old.entries.remove_entry(token)?;
        if !proven.holds(keys, now) {
            return None;
        }
        self.insert(token, proven.clone());
        Some(proven)
    }

    /// Remembers a caller.
    pub(crate) fn put(&mut self, token: &str, proven: Proven) {
        self.insert(token.into(), proven);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    fn insert(&mut self, token: Box<str>, proven: Proven) {
        if self.young.entries.len() >= MAX_ENTRIES || self.young.bytes.saturating_add(token.len()) > MAX_BYTES {
            self.old = std::mem::take(&mut self.young);
        }
        let bytes = token.len();
        if self.young.entries.insert(token, proven).is_none() {
            self.young.bytes = self.young.bytes.saturating_add(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authn::keys::KeySet;
    use crate::authn::source::Keys;

    const SOURCE: SourceId = SourceId(0);

    fn held(version: u64) -> HeldKeys {
        let mut held = HeldKeys::of(&[crate::authn::source::Source {
            name: "bearer".into(),
            kind: crate::authn::source::SourceKind::Pushed("bearer".into()),
            max_stale: std::time::Duration::ZERO,
        }]);
        held.set(SOURCE, Some(Keys { set: Arc::new(KeySet::default()), algorithms: None, version }));
        held
    }

    fn proven(expires: i64) -> Proven {
        Proven {
            identity: Arc::new(Identity::anonymous()),
            access: None,
            keys: Some((SOURCE, 1)),
            expires: UnixTime::from_secs(expires),
            bound_to: None,
        }
    }

    #[test]
    fn a_proof_ends_with_the_token_and_with_the_keys() {
        let mut cache = IdentityCache::default();
        cache.put("a", proven(10));
        let at = UnixTime::from_secs;
        assert!(cache.get("a", &held(1), at(9)).is_some());
        assert!(cache.get("a", &held(1), at(10)).is_none());
        assert!(cache.get("a", &held(2), at(9)).is_none());
        assert!(cache.get("b", &held(1), at(9)).is_none());
        let mut none = held(1);
        none.set(SOURCE, None);
        assert!(cache.get("a", &none, at(9)).is_none());
    }

    #[test]
    fn memory_is_bounded_and_what_is_used_stays() {
        let mut cache = IdentityCache::default();
        let now = UnixTime::from_secs(0);
        cache.put("used", proven(10));
        for number in 0..4 * MAX_ENTRIES {
            cache.put(&number.to_string(), proven(10));
            assert!(cache.get("used", &held(1), now).is_some());
        }
        assert!(cache.young.entries.len() + cache.old.entries.len() <= 2 * MAX_ENTRIES);
        assert!(cache.get("0", &held(1), now).is_none());
        let long = "x".repeat(MAX_BYTES / 2);
        for number in 0..5 {
            cache.put(&format!("{long}{number}"), proven(10));
        }
        assert!(cache.young.bytes <= MAX_BYTES && cache.old.bytes <= MAX_BYTES);
    }
}
