//! Callers that were authenticated already, so that a token is verified once per worker.

mod passwords;
mod text;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use crate::authn::authenticated::Authenticated;
use crate::keys::source::KeyRing;
use crate::time::UnixTime;

use passwords::Passwords;
pub(crate) use passwords::{GuesserHash, PasswordHash};
use text::{SharedPrefixes, Text};

/// Bytes of tokens that one generation holds before it becomes the old one; a shared prefix is
/// counted once.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Tokens that one generation holds before it becomes the old one.
const MAX_ENTRIES: usize = 5_000;

/// Characters of a token's signature that are hashed, and those behind them, which are the same in
/// all certificates.
const HASHED: usize = 32;
const AFTER_SIGNATURE: usize = 32;

/// What a caller is remembered by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheKey<'a> {
    /// A token as it was presented.
    Token(&'a [u8]),
    /// PEM of the client certificate that the host has verified. Certificates are not secret: a
    /// token of the same bytes is not a hit.
    Certificate(&'a [u8]),
    /// The token of a session, from the cookie; it is no token of a client.
    Session(&'a [u8]),
    /// A user name and a password, which are never kept themselves.
    Password(&'a PasswordHash),
}

/// What a text is that a caller is remembered by: none is taken for that of another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Token,
    Certificate,
    Session,
    Password,
}

/// Maps tokens and client certificates to authenticated callers, in two generations: when the young
/// one is full it becomes the old one, and what is not asked for again is forgotten with it. So
/// memory is bounded and nothing has to be searched for eviction.
#[derive(Default)]
pub struct IdentityCache {
    young: Generation,
    old: Generation,
    prefixes: SharedPrefixes,
    secret: RandomState,
    passwords: Passwords,
    uses: Uses,
}

/// How often the cache was of use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Callers that were found.
    pub hits: u32,
    /// Callers that were authenticated and added.
    pub misses: u32,
}

#[derive(Default)]
struct Generation {
    entries: HashMap<u64, Entry, BuildHasherDefault<Hashed>>,
    bytes: usize,
}

struct Entry {
    kind: Kind,
    text: Text,
    authenticated: Arc<Authenticated>,
}

impl<'a> CacheKey<'a> {
    const fn parts(self) -> (Kind, &'a [u8]) {
        match self {
            Self::Token(text) => (Kind::Token, text),
            Self::Certificate(text) => (Kind::Certificate, text),
            Self::Session(text) => (Kind::Session, text),
            Self::Password(hash) => (Kind::Password, hash.as_bytes()),
        }
    }
}

impl std::fmt::Debug for IdentityCache {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "IdentityCache({} + {} tokens)",
            self.young.entries.len(),
            self.old.entries.len()
        )
    }
}

impl IdentityCache {
    /// Also remembers passwords, by their hash with a key that was chosen at random for this cache.
    #[must_use]
    pub fn with_key(key: [u8; 32]) -> Self {
        Self {
            passwords: Passwords::new(key),
            ..Self::default()
        }
    }

    /// Returns what a user name and a password that come from an address are remembered by; `None`
    /// if this cache remembers none.
    pub(crate) fn password(&self, user: &str, secret: &str, client: &str) -> Option<PasswordHash> {
        self.passwords.hash(user, secret, client)
    }

    /// Returns what somebody who tries passwords is remembered by; `None` as for passwords.
    pub(crate) fn guesser(&self, user: &str, client: &str) -> Option<GuesserHash> {
        self.passwords.guesser(user, client)
    }

    /// Returns how long somebody has to wait who guessed too often.
    pub(crate) fn limited(&self, guesser: &GuesserHash, now: UnixTime) -> Option<Duration> {
        self.passwords.limited(guesser, now)
    }

    /// Remembers that somebody guessed too often, and has to wait.
    pub(crate) fn put_limited(&mut self, guesser: GuesserHash, wait: Duration, now: UnixTime) {
        self.passwords.put_limited(guesser, wait, now);
    }

    /// Returns true if a password was found to be wrong a moment ago.
    pub(crate) fn is_wrong(&self, hash: &PasswordHash, now: UnixTime) -> bool {
        self.passwords.is_wrong(hash, now)
    }

    /// Remembers a wrong password for a moment.
    pub(crate) fn put_wrong(&mut self, hash: PasswordHash, now: UnixTime) {
        self.passwords.put_wrong(hash, now);
    }

    /// Returns the caller if it is still authenticated. The whole text is compared.
    pub(crate) fn get(
        &mut self,
        key: CacheKey<'_>,
        keys: &KeyRing,
        now: UnixTime,
    ) -> Option<Arc<Authenticated>> {
        let hash = self.hash(key);
        if let Some(authenticated) = self.young.find(hash, key) {
            if !authenticated.holds(keys, now) {
                return None;
            }
            self.uses.hits = self.uses.hits.wrapping_add(1);
            return Some(Arc::clone(authenticated));
        }
        if !self.old.find(hash, key)?.holds(keys, now) {
            return None;
        }
        let entry = self.old.entries.remove(&hash)?;
        self.uses.hits = self.uses.hits.wrapping_add(1);
        let authenticated = Arc::clone(&entry.authenticated);
        self.insert(hash, entry);
        Some(authenticated)
    }

    /// Remembers a caller.
    pub(crate) fn put(&mut self, key: CacheKey<'_>, authenticated: Arc<Authenticated>) {
        self.uses.misses = self.uses.misses.wrapping_add(1);
        let (kind, text) = key.parts();
        let text = self.prefixes.keep(text);
        self.insert(
            self.hash(key),
            Entry {
                kind,
                text,
                authenticated,
            },
        );
    }

    /// Returns how often it was of use since this was asked last.
    pub fn take_uses(&mut self) -> Uses {
        std::mem::take(&mut self.uses)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        let passwords = self.passwords.emptied();
        *self = Self {
            passwords,
            ..Self::default()
        };
    }

    /// Tokens are kilobytes long and differ in their signatures, so a part of the signature is
    /// enough for the hash: two valid tokens of one caller with the same part only replace each
    /// other.
    fn hash(&self, key: CacheKey<'_>) -> u64 {
        let (kind, text) = key.parts();
        let end = text.len().saturating_sub(AFTER_SIGNATURE);
        let signature = text
            .get(end.saturating_sub(HASHED)..end)
            .filter(|part| part.len() == HASHED);
        self.secret.hash_one((kind, signature.unwrap_or(text)))
    }

    fn insert(&mut self, hash: u64, entry: Entry) {
        let bytes = entry.text.bytes();
        if self.young.entries.len() >= MAX_ENTRIES
            || self.young.bytes.saturating_add(bytes) > MAX_BYTES
        {
            self.old = std::mem::take(&mut self.young);
        }
        let replaced = self
            .young
            .entries
            .insert(hash, entry)
            .map_or(0, |entry| entry.text.bytes());
        self.young.bytes = self
            .young
            .bytes
            .saturating_add(bytes)
            .saturating_sub(replaced);
    }
}

impl Generation {
    fn find(&self, hash: u64, key: CacheKey<'_>) -> Option<&Arc<Authenticated>> {
        let entry = self.entries.get(&hash)?;
        let (kind, text) = key.parts();
        (entry.kind == kind && entry.text.is(text)).then_some(&entry.authenticated)
    }
}

/// Keys of the map are hashes already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests;
