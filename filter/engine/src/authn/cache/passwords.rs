//! Passwords as they are remembered: by a hash with a key that no other worker has. The wrong ones
//! for a moment, so that a client which tries again at once costs nothing; and who has guessed too
//! often, so that the right one is not found in the cache by guessing on.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::time::UnixTime;

/// How long a wrong password is remembered.
const WRONG: Duration = Duration::from_secs(5);

/// How many wrong passwords are remembered.
const MAX_WRONG: usize = 1_000;

/// How long is remembered, at most, that somebody has guessed too often.
const MAX_LIMITED: Duration = Duration::from_hours(1);

/// How many of those are remembered.
const MAX_GUESSERS: usize = 1_000;

/// A user name, a password and the address that they come from: HMAC-SHA256 over all. A password
/// that one address has presented is not known to be right for another, which has to ask.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PasswordHash([u8; 32]);

impl PasswordHash {
    pub(crate) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A user name and the address that it is used from, as the login service counts guesses:
/// HMAC-SHA256 over both.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct GuesserHash([u8; 32]);

/// The key of one cache, the wrong passwords of the last seconds, and who has to wait.
#[derive(Default)]
pub(super) struct Passwords {
    key: Option<[u8; 32]>,
    wrong: Refused<PasswordHash>,
    limited: Refused<GuesserHash>,
}

impl Passwords {
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self {
            key: Some(key),
            ..Self::default()
        }
    }

    /// The same key, and nothing else.
    pub(super) fn emptied(&self) -> Self {
        self.key.map_or_else(Self::default, Self::new)
    }

    pub(super) fn hash(&self, user: &str, secret: &str, client: &str) -> Option<PasswordHash> {
        self.digest(0, [user, client, secret]).map(PasswordHash)
    }

    /// The login service counts names as a directory compares them: without case.
    pub(super) fn guesser(&self, user: &str, client: &str) -> Option<GuesserHash> {
        self.digest(1, [&user.trim().to_lowercase(), client, ""])
            .map(GuesserHash)
    }

    /// The lengths keep apart texts that are the same when joined, and the first byte what they
    /// are.
    fn digest(&self, kind: u8, texts: [&str; 3]) -> Option<[u8; 32]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key?).ok()?;
        mac.update(&[kind]);
        for text in texts {
            mac.update(&u64::try_from(text.len()).ok()?.to_be_bytes());
            mac.update(text.as_bytes());
        }
        Some(mac.finalize().into_bytes().into())
    }

    pub(super) fn is_wrong(&self, hash: &PasswordHash, now: UnixTime) -> bool {
        self.wrong.left(hash, now, WRONG).is_some()
    }

    pub(super) fn put_wrong(&mut self, hash: PasswordHash, now: UnixTime) {
        self.wrong.put(hash, now.after(WRONG), now, MAX_WRONG);
    }

    pub(super) fn limited(&self, guesser: &GuesserHash, now: UnixTime) -> Option<Duration> {
        self.limited.left(guesser, now, MAX_LIMITED)
    }

    pub(super) fn put_limited(&mut self, guesser: GuesserHash, wait: Duration, now: UnixTime) {
        let until = now.after(wait.min(MAX_LIMITED));
        self.limited.put(guesser, until, now, MAX_GUESSERS);
    }
}

/// What is refused for some time.
struct Refused<K>(HashMap<K, UnixTime>);

impl<K> Default for Refused<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash> Refused<K> {
    /// How long it is refused still; `None` if it is not. `most` is the longest that anything is: a
    /// clock that jumped back does not prolong it.
    fn left(&self, key: &K, now: UnixTime, most: Duration) -> Option<Duration> {
        let until = self.0.get(key)?;
        let left = until.since(now);
        (now < *until && left <= most).then_some(left)
    }

    /// Where there is no room, all is forgotten: the login service still knows.
    fn put(&mut self, key: K, until: UnixTime, now: UnixTime, room: usize) {
        if self.0.len() >= room {
            self.0.retain(|_, until| now < *until);
        }
        if self.0.len() >= room {
            self.0.clear();
        }
        self.0.insert(key, until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    fn at(seconds: i64) -> UnixTime {
        UnixTime::from_secs(NOW.secs() + seconds)
    }

    #[test]
    fn a_hash_is_of_one_name_one_password_one_address_and_one_key() {
        let passwords = Passwords::new([1; 32]);
        let hash = |user, secret, client| passwords.hash(user, secret, client).unwrap();
        assert!(hash("ann", "pw", "a") == hash("ann", "pw", "a"));
        for (user, secret, client) in [
            ("ann", "pw2", "a"),
            ("an", "npw", "a"),
            ("bob", "pw", "a"),
            ("Ann", "pw", "a"),
            ("ann", "pw", "b"),
            ("ann", "pw", ""),
            ("anna", "pw", ""),
            ("ann", "", "apw"),
        ] {
            assert!(
                hash("ann", "pw", "a") != hash(user, secret, client),
                "{user:?}"
            );
        }
        let other = Passwords::new([2; 32]).hash("ann", "pw", "a");
        assert!(other != passwords.hash("ann", "pw", "a"));
        assert!(Passwords::default().hash("ann", "pw", "a").is_none());
        assert!(Passwords::default().guesser("ann", "a").is_none());
    }

    #[test]
    fn a_wrong_password_is_remembered_for_a_moment_and_few_are() {
        let mut passwords = Passwords::new([1; 32]);
        let hash = passwords.hash("ann", "pw", "a").unwrap();
        passwords.put_wrong(hash, NOW);
        for (seconds, is_wrong) in [(-1, false), (0, true), (4, true), (5, false)] {
            assert_eq!(
                passwords.is_wrong(&hash, at(seconds)),
                is_wrong,
                "{seconds}"
            );
        }
        for number in 0..3 * MAX_WRONG {
            let hash = passwords.hash("ann", &number.to_string(), "a").unwrap();
            passwords.put_wrong(hash, NOW);
            assert!(passwords.wrong.0.len() <= MAX_WRONG && passwords.is_wrong(&hash, NOW));
        }
        assert!(passwords.emptied().wrong.0.is_empty());
    }

    #[test]
    fn who_guessed_too_often_waits_as_long_as_the_login_service_says() {
        let mut passwords = Passwords::new([1; 32]);
        let guesser =
            |passwords: &Passwords, user, client| passwords.guesser(user, client).unwrap();
        let ann = guesser(&passwords, "ann", "a");
        passwords.put_limited(ann, Duration::from_secs(50), NOW);
        for (seconds, left) in [(0, Some(50)), (49, Some(1)), (50, None), (-3600, None)] {
            let left = left.map(Duration::from_secs);
            assert_eq!(passwords.limited(&ann, at(seconds)), left, "{seconds}");
        }
        for (user, client, is_limited) in [
            (" ANN ", "a", true),
            ("ann", "b", false),
            ("ann", "", false),
            ("ben", "a", false),
        ] {
            let other = guesser(&passwords, user, client);
            assert_eq!(
                passwords.limited(&other, NOW).is_some(),
                is_limited,
                "{user:?} {client:?}"
            );
        }
        passwords.put_limited(ann, Duration::from_hours(100), NOW);
        assert_eq!(passwords.limited(&ann, NOW), Some(MAX_LIMITED));
        for number in 0..3 * MAX_GUESSERS {
            let name = number.to_string();
            let other = passwords.guesser(&name, "a").unwrap();
            passwords.put_limited(other, Duration::from_mins(1), NOW);
            assert!(passwords.limited.0.len() <= MAX_GUESSERS);
            assert!(passwords.limited(&other, NOW).is_some());
        }
        assert!(passwords.emptied().limited.0.is_empty());
    }
}
