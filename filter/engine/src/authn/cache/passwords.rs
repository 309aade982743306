//! Passwords as they are remembered: by a hash with a key that no other worker has. The wrong ones
//! for a moment, so that a client which tries again at once costs nothing.

use std::collections::HashMap;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::time::UnixTime;

/// How long a wrong password is remembered.
const WRONG: Duration = Duration::from_secs(5);

/// How many wrong passwords are remembered.
const MAX_WRONG: usize = 1_000;

/// A user name and a password: HMAC-SHA256 over both.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PasswordHash([u8; 32]);

impl PasswordHash {
    pub(crate) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The key of one cache, and the wrong passwords of the last seconds.
#[derive(Default)]
pub(super) struct Passwords {
    key: Option<[u8; 32]>,
    /// Until when they are refused.
    wrong: HashMap<PasswordHash, UnixTime>,
}

impl Passwords {
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self {
            key: Some(key),
            wrong: HashMap::new(),
        }
    }

    /// The same key, and nothing else.
    pub(super) fn emptied(&self) -> Self {
        self.key.map_or_else(Self::default, Self::new)
    }

    pub(super) fn hash(&self, user: &str, secret: &str) -> Option<PasswordHash> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key?).ok()?;
        // The length keeps apart names with a NUL in them.
        let length = u64::try_from(user.len()).ok()?.to_be_bytes();
        let mac = mac
            .chain_update(length)
            .chain_update(user)
            .chain_update([0])
            .chain_update(secret);
        Some(PasswordHash(mac.finalize().into_bytes().into()))
    }

    pub(super) fn is_wrong(&self, hash: &PasswordHash, now: UnixTime) -> bool {
        // A clock that jumped back does not prolong it.
        self.wrong
            .get(hash)
            .is_some_and(|until| now < *until && until.since(now) <= WRONG)
    }

    pub(super) fn put_wrong(&mut self, hash: PasswordHash, now: UnixTime) {
        if self.wrong.len() >= MAX_WRONG {
            self.wrong.retain(|_, until| now < *until);
        }
        if self.wrong.len() >= MAX_WRONG {
            self.wrong.clear();
        }
        self.wrong.insert(hash, now.after(WRONG));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    #[test]
    fn a_hash_is_of_one_name_one_password_and_one_key() {
        let passwords = Passwords::new([1; 32]);
        let hash = |user, secret| passwords.hash(user, secret).unwrap();
        assert!(hash("ann", "pw") == hash("ann", "pw"));
        for (user, secret) in [
            ("ann", "pw2"),
            ("an", "npw"),
            ("bob", "pw"),
            ("ann\0pw", ""),
        ] {
            assert!(hash("ann", "pw") != hash(user, secret), "{user:?}");
        }
        assert!(hash("a\0b", "c") != hash("a", "b\0c"));
        let other = Passwords::new([2; 32]).hash("ann", "pw");
        assert!(other != passwords.hash("ann", "pw"));
        assert!(Passwords::default().hash("ann", "pw").is_none());
    }

    #[test]
    fn a_wrong_password_is_remembered_for_a_moment_and_few_are() {
        let mut passwords = Passwords::new([1; 32]);
        let hash = passwords.hash("ann", "pw").unwrap();
        passwords.put_wrong(hash, NOW);
        let at = |seconds| UnixTime::from_secs(NOW.secs() + seconds);
        for (seconds, is_wrong) in [(-1, false), (0, true), (4, true), (5, false)] {
            assert_eq!(
                passwords.is_wrong(&hash, at(seconds)),
                is_wrong,
                "{seconds}"
            );
        }
        for number in 0..3 * MAX_WRONG {
            let hash = passwords.hash("ann", &number.to_string()).unwrap();
            passwords.put_wrong(hash, NOW);
            assert!(passwords.wrong.len() <= MAX_WRONG && passwords.is_wrong(&hash, NOW));
        }
        assert!(passwords.emptied().wrong.is_empty());
    }
}
