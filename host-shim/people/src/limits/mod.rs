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
mod tests {
    use super::*;

    const ADDRESS: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9)));

    fn fail(
        limits: &mut Limits,
        user: &str,
        password: &str,
        client: Option<IpAddr>,
        now: Instant,
    ) -> Known {
        let attempt = limits.attempt(user, password.as_bytes(), client);
        let known = limits.begin(&attempt, now);
        if known == Known::Nothing {
            limits.end(&attempt, End::Wrong, now);
        }
        known
    }

    #[test]
    fn ten_failures_a_minute_of_a_name_and_an_address() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut limits = Limits::new([1; 16]);
        for second in 0..10 {
            assert_eq!(
                fail(
                    &mut limits,
                    "ann",
                    &format!("pw{second}"),
                    ADDRESS,
                    at(second)
                ),
                Known::Nothing
            );
        }
        let too_many = |seconds| Known::TooMany {
            retry_after: Duration::from_secs(seconds),
        };
        assert_eq!(
            fail(&mut limits, "ann", "right", ADDRESS, at(10)),
            too_many(50)
        );
        // The same name in another spelling, and the same address in another form.
        let mapped = Some("::ffff:203.0.113.9".parse().unwrap());
        assert_eq!(
            fail(&mut limits, " ANN", "right", mapped, at(10)),
            too_many(50)
        );
        // Another name, another address, no address.
        assert_eq!(
            fail(&mut limits, "ben", "x", ADDRESS, at(10)),
            Known::Nothing
        );
        assert_eq!(
            fail(
                &mut limits,
                "ann",
                "x",
                Some("203.0.113.10".parse().unwrap()),
                at(10)
            ),
            Known::Nothing
        );
        assert_eq!(fail(&mut limits, "ann", "y", None, at(10)), Known::Nothing);
        // The first failure is a minute old: one more attempt.
        assert_eq!(
            fail(&mut limits, "ann", "z", ADDRESS, at(60)),
            Known::Nothing
        );
        assert_eq!(
            fail(&mut limits, "ann", "right", ADDRESS, at(60)),
            too_many(1)
        );
    }

    #[test]
    fn a_wrong_password_is_known_for_five_seconds_and_is_one_failure() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut limits = Limits::new([1; 16]);
        assert_eq!(
            fail(&mut limits, "ann", "pw", ADDRESS, at(0)),
            Known::Nothing
        );
        for millis in [1, 4999] {
            assert_eq!(
                fail(&mut limits, "ann", "pw", ADDRESS, at(millis)),
                Known::Wrong
            );
        }
        assert_eq!(
            fail(&mut limits, "an", "npw", ADDRESS, at(4999)),
            Known::Nothing
        );
        assert_eq!(
            fail(&mut limits, "ann", "pw", ADDRESS, at(5000)),
            Known::Nothing
        );
        limits.users_changed();
        assert_eq!(
            fail(&mut limits, "ann", "pw", ADDRESS, at(5001)),
            Known::Nothing
        );
        let attempt = limits.attempt("ann", b"pw", ADDRESS);
        assert_eq!(limits.failures.count(&attempt.caller), 3);
    }

    #[test]
    fn passwords_that_are_being_checked_count_and_one_password_counts_once() {
        let now = Instant::now();
        let mut limits = Limits::new([1; 16]);
        let attempts: Vec<_> = (0..10)
            .map(|number| limits.attempt("ann", &[number], ADDRESS))
            .collect();
        for attempt in &attempts {
            assert_eq!(limits.begin(attempt, now), Known::Nothing);
            assert_eq!(limits.begin(attempt, now), Known::Nothing);
        }
        let other = limits.attempt("ann", b"other", ADDRESS);
        assert_eq!(
            limits.begin(&other, now),
            Known::TooMany { retry_after: SOON }
        );
        for attempt in &attempts {
            limits.end(attempt, End::Innocent, now);
            limits.end(attempt, End::Innocent, now);
        }
        assert!(limits.checking.is_empty());
        assert_eq!(limits.begin(&other, now), Known::Nothing);
        limits.end(&other, End::Wrong, now);
        assert_eq!(limits.failures.count(&other.caller), 1);
        assert!(limits.checking.is_empty());
    }

    #[test]
    fn made_up_names_from_one_address_do_not_keep_others_waiting() {
        let start = Instant::now();
        let client = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        // (the address, another, whether that is the same client)
        let rows = [
            (client("203.0.113.9"), client("203.0.113.9"), true),
            (client("203.0.113.9"), client("::ffff:203.0.113.9"), true),
            (client("203.0.113.9"), client("203.0.113.10"), false),
            (client("2001:db8::1"), client("2001:db8::2:3"), true),
            (client("2001:db8::1"), client("2001:db8:0:1::1"), false),
            (client("203.0.113.9"), None, false),
            (None, None, false),
        ];
        for (address, other, is_same) in rows {
            let expected = |retry_after| {
                if is_same {
                    Known::TooMany { retry_after }
                } else {
                    Known::Nothing
                }
            };
            // Those that have failed.
            let mut limits = Limits::new([1; 16]);
            for number in 0..MAX_FAILURES_OF_ADDRESS {
                let name = format!("user{number}");
                let known = fail(&mut limits, &name, "x", address, start);
                assert_eq!(known, Known::Nothing, "{address:?} {number}");
            }
            let known = fail(&mut limits, "ann", "pw", other, start);
            assert_eq!(known, expected(WINDOW), "{address:?} {other:?}");
            let later = start + WINDOW;
            let known = fail(&mut limits, "ann", "pw2", other, later);
            assert_eq!(known, Known::Nothing, "{address:?} {other:?}");

            // Those that are being checked.
            let mut limits = Limits::new([1; 16]);
            let attempts: Vec<_> = (0..MAX_CHECKING_OF_ADDRESS)
                .map(|number| limits.attempt(&format!("user{number}"), b"x", address))
                .collect();
            for attempt in &attempts {
                assert_eq!(limits.begin(attempt, start), Known::Nothing);
            }
            let attempt = limits.attempt("ann", b"pw", other);
            assert_eq!(limits.begin(&attempt, start), expected(SOON));
            if !is_same {
                limits.end(&attempt, End::Innocent, start);
            }
            for attempt in &attempts {
                limits.end(attempt, End::Innocent, start);
            }
            assert!(limits.busy.is_empty(), "{address:?} {other:?}");
        }
    }
}
