//! How often somebody may try (D20). Pure: the time is an argument.

mod recent;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::htpasswd::{MAX_RUNNING, MAX_WAITING};
pub use recent::MAX_REMEMBERED;
use recent::{Key, Recent};

/// The failures of one name from one address within [`WINDOW`]; then each attempt is refused.
pub const MAX_FAILURES: usize = 10;

/// The failures of all names from one address within [`WINDOW`]; then each attempt from there is
/// refused. Made-up names would keep the others waiting otherwise.
pub const MAX_FAILURES_OF_ADDRESS: usize = 60;

/// The attempts from one address that are checked or wait at a time: half of the places there are.
pub const MAX_CHECKING_OF_ADDRESS: usize = 52;
const _: () = assert!(MAX_CHECKING_OF_ADDRESS * 2 == PLACES);
const PLACES: usize = MAX_RUNNING + MAX_WAITING;

/// How long a failure is remembered.
pub const WINDOW: Duration = Duration::from_mins(1);

/// How long a wrong password is known to be wrong.
pub const WRONG: Duration = Duration::from_secs(5);

/// When to try again where the attempts that are being checked may be too many.
const SOON: Duration = Duration::from_secs(1);

/// What is known of the last minute. Only digests are held.
#[derive(Debug)]
pub(crate) struct Limits {
    salt: [u8; 16],
    failures: Recent,
    wrong: Recent,
    /// Failures by address.
    of_address: Recent,
    /// By address: the attempts that are being checked.
    busy: HashMap<Key, usize>,
    /// By caller: the different passwords that are being checked, and how often each.
    checking: HashMap<Key, HashMap<Key, usize>>,
}

/// An attempt, as it is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    caller: Key,
    credential: Key,
    /// Where it comes from, if that is known: those of whom it is not are nobody in common.
    address: Option<Key>,
}

/// What is known of an attempt before anybody is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nothing: it has to be checked, and [`Limits::end`] called.
    Nothing,
    /// The password has just been found wrong.
    Wrong,
    /// Too many failures.
    TooMany {
        /// When the next attempt is checked.
        retry_after: Duration,
    },
}

/// How an attempt of which nothing was known ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With the right password, or without an answer.
    Innocent,
    /// Somebody found the password wrong; another, who may find it right, did not answer.
    Failed,
    /// The password was wrong.
    Wrong,
}

impl Limits {
    /// `salt` is random: without it a digest says nothing of a password.
    pub(crate) fn new(salt: [u8; 16]) -> Self {
        Self {
            salt,
            failures: Recent::new(WINDOW),
            wrong: Recent::new(WRONG),
            of_address: Recent::new(WINDOW),
            busy: HashMap::new(),
            checking: HashMap::new(),
        }
    }

    /// An attempt of a name with a password. Callers without an address are one caller.
    pub(crate) fn attempt(&self, user: &str, password: &[u8], client: Option<IpAddr>) -> Attempt {
        let address = client.map(|client| client.to_canonical().to_string());
        // The case of a name does not matter to a directory, so it does not here.
        let name = user.trim().to_lowercase();
        Attempt {
            caller: self.digest([name.as_bytes(), address.unwrap_or_default().as_bytes()]),
            credential: self.digest([user.as_bytes(), password]),
            address: client.map(|client| self.digest([b"address", network(client).as_bytes()])),
        }
    }

    fn digest(&self, parts: [&[u8]; 2]) -> Key {
        let mut hash = Sha256::new().chain_update(self.salt);
        for part in parts {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    /// Says what is known of an attempt. Different passwords that are being checked are
    /// added to the failures, so that trying many at once gains nothing.
    pub(crate) fn begin(&mut self, attempt: &Attempt, now: Instant) -> Known {
        self.failures.advance(now);
        self.wrong.advance(now);
        self.of_address.advance(now);
        let failures = self.failures.count(&attempt.caller);
        if failures >= MAX_FAILURES {
            let retry_after = self.failures.wait(&attempt.caller, now);
            return Known::TooMany { retry_after };
        }
        if let Some(address) = &attempt.address
            && self.of_address.count(address) >= MAX_FAILURES_OF_ADDRESS
        {
            let retry_after = self.of_address.wait(address, now);
            return Known::TooMany { retry_after };
        }
        if self.wrong.count(&attempt.credential) > 0 {
            return Known::Wrong;
        }
        let busy = attempt.address.and_then(|address| self.busy.get(&address));
        if busy.is_some_and(|busy| *busy >= MAX_CHECKING_OF_ADDRESS) {
            return Known::TooMany { retry_after: SOON };
        }
        let checking = self.checking.entry(attempt.caller).or_default();
        let is_new = !checking.contains_key(&attempt.credential);
        if is_new && failures + checking.len() >= MAX_FAILURES {
            return Known::TooMany { retry_after: SOON };
        }
        *checking.entry(attempt.credential).or_default() += 1;
        if let Some(address) = attempt.address {
            *self.busy.entry(address).or_default() += 1;
        }
        Known::Nothing
    }

    /// An attempt of which nothing was known has been checked, or given up.
    pub(crate) fn end(&mut self, attempt: &Attempt, end: End, now: Instant) {
        if let Some(checking) = self.checking.get_mut(&attempt.caller) {
            if let Some(count) = checking.get_mut(&attempt.credential) {
                *count -= 1;
                if *count == 0 {
                    checking.remove(&attempt.credential);
                }
            }
            if checking.is_empty() {
                self.checking.remove(&attempt.caller);
            }
        }
        if let Some(address) = &attempt.address
            && let Some(busy) = self.busy.get_mut(address)
        {
            *busy -= 1;
            if *busy == 0 {
                self.busy.remove(address);
            }
        }
        let is_known = self.wrong.count(&attempt.credential) > 0;
        match end {
            End::Innocent => {}
            End::Failed => self.fail(attempt, now),
            // A password that several requests present at once is one failure.
            End::Wrong if is_known => {}
            End::Wrong => {
                self.wrong.add(attempt.credential, now);
                self.fail(attempt, now);
            }
        }
    }

    fn fail(&mut self, attempt: &Attempt, now: Instant) {
        self.failures.add(attempt.caller, now);
        if let Some(address) = attempt.address {
            self.of_address.add(address, now);
        }
    }

    /// Forgets wrong passwords: they may be right since the users have changed.
    pub(crate) fn users_changed(&mut self) {
        self.wrong.clear();
    }
}

/// What one client has of addresses: of IPv6 the first 64 bits.
pub(crate) fn network(client: IpAddr) -> String {
    match client.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).to_string(),
    }
}

#[cfg(test)]
mod tests;
