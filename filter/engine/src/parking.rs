//! How much one worker holds for requests that wait: limits on the number of each kind, and on
//! bytes. Requests that are not authenticated get a part only, so that they never take the room of
//! those that are.

use crate::facts::MAX_BODY;

/// How many requests of one worker may wait.
const MAX_WAITING: usize = 10_000;
/// How many of them may be unauthenticated.
const MAX_UNVERIFIED: usize = 5_000;
/// How many of these may have their bodies read, for which the host holds them.
const MAX_BODIES: usize = 256;
/// How many of these may wait for a fetch that may not begin yet: anybody can make up key ids.
const MAX_NEXT_FETCH: usize = 256;
/// How many may wait for the login service, which hashes passwords one after the other.
const MAX_LOGINS: usize = 256;
/// How many bytes may be held for all of them: heads here and at the host, bodies that are read,
/// what was fetched, replies that are sent later.
const MAX_PARKED: usize = 64 * 1024 * 1024;
/// The same for those that are not authenticated.
const MAX_PARKED_UNVERIFIED: usize = 32 * 1024 * 1024;

/// What a request waits for, as far as limits depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Anything, with a credential that was verified.
    Verified,
    /// Keys, or anything without a credential.
    Unverified,
    /// Its body, with a credential in it or none.
    Body,
    /// Keys that may not be fetched yet.
    NextFetch,
    /// The login service, with a password or an API key.
    Login,
}

impl Wait {
    /// Bytes that the host holds while a request waits, in addition to its head.
    #[must_use]
    pub const fn reserved(self) -> usize {
        match self {
            Self::Body => MAX_BODY,
            Self::Verified | Self::Unverified | Self::NextFetch | Self::Login => 0,
        }
    }
}

/// What is held now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parking {
    all: Usage,
    unverified: Usage,
    bodies: usize,
    next_fetch: usize,
    logins: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    count: usize,
    bytes: usize,
}

impl Usage {
    const fn admits(self, more: usize, count: usize, bytes: usize) -> bool {
        self.count < count && self.bytes.saturating_add(more) <= bytes
    }

    const fn enter(&mut self, bytes: usize) {
        self.count = self.count.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    const fn leave(&mut self, bytes: usize) {
        self.count = self.count.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Parking {
    /// Returns true if one more may wait, for which `bytes` are held. `answers` are the bytes of
    /// replies that are sent later.
    #[must_use]
    pub const fn admits(&self, wait: Wait, bytes: usize, answers: usize) -> bool {
        let more = bytes.saturating_add(answers);
        let unverified = match wait {
            Wait::Verified => true,
            Wait::Unverified => self.admits_unverified(more),
            Wait::Body => self.bodies < MAX_BODIES && self.admits_unverified(more),
            Wait::NextFetch => self.next_fetch < MAX_NEXT_FETCH && self.admits_unverified(more),
            Wait::Login => self.logins < MAX_LOGINS && self.admits_unverified(more),
        };
        unverified && self.all.admits(more, MAX_WAITING, MAX_PARKED)
    }

    const fn admits_unverified(&self, more: usize) -> bool {
        self.unverified
            .admits(more, MAX_UNVERIFIED, MAX_PARKED_UNVERIFIED)
    }

    /// One more waits.
    pub const fn enter(&mut self, wait: Wait, bytes: usize) {
        self.all.enter(bytes);
        match wait {
            Wait::Verified => return,
            Wait::Unverified => {}
            Wait::Body => self.bodies = self.bodies.saturating_add(1),
            Wait::NextFetch => self.next_fetch = self.next_fetch.saturating_add(1),
            Wait::Login => self.logins = self.logins.saturating_add(1),
        }
        self.unverified.enter(bytes);
    }

    /// One that has entered with the same arguments does not wait any more.
    pub const fn leave(&mut self, wait: Wait, bytes: usize) {
        self.all.leave(bytes);
        match wait {
            Wait::Verified => return,
            Wait::Unverified => {}
            Wait::Body => self.bodies = self.bodies.saturating_sub(1),
            Wait::NextFetch => self.next_fetch = self.next_fetch.saturating_sub(1),
            Wait::Login => self.logins = self.logins.saturating_sub(1),
        }
        self.unverified.leave(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    /// How many enter, one after the other.
    fn fill(parking: &mut Parking, wait: Wait, bytes: usize) -> usize {
        let mut count = 0;
        while parking.admits(wait, bytes, 0) {
            parking.enter(wait, bytes);
            count += 1;
        }
        count
    }

    #[test]
    fn each_kind_has_its_number_and_leaves_room_for_who_is_known() {
        let rows = [
            (Wait::Verified, 10_000, 0),
            (Wait::Unverified, 5_000, 5_000),
            (Wait::Body, 256, 9_744),
            (Wait::NextFetch, 256, 9_744),
            (Wait::Login, 256, 9_744),
        ];
        for (wait, most, left) in rows {
            let mut parking = Parking::default();
            assert_eq!(fill(&mut parking, wait, 1_000), most, "{wait:?}");
            assert_eq!(
                fill(&mut parking.clone(), Wait::Verified, 1_000),
                left,
                "{wait:?}"
            );
            parking.leave(wait, 1_000);
            assert!(parking.admits(wait, 1_000, 0), "{wait:?}");
        }
    }

    #[test]
    fn bytes_are_bounded_and_half_of_them_is_for_who_is_known() {
        for (wait, most) in [
            (Wait::Verified, 64),
            (Wait::Unverified, 32),
            (Wait::Body, 32),
            (Wait::NextFetch, 32),
            (Wait::Login, 32),
        ] {
            let mut parking = Parking::default();
            assert_eq!(fill(&mut parking, wait, MIB), most, "{wait:?}");
            assert!(
                !parking.admits(wait, 1, 0) && parking.admits(wait, 0, 0),
                "{wait:?}"
            );
            assert_eq!(
                fill(&mut parking, Wait::Verified, MIB),
                64 - most,
                "{wait:?}"
            );
        }
        let mut parking = Parking::default();
        assert!(
            !parking.admits(Wait::Unverified, MIB, 32 * MIB),
            "answers that are sent later count"
        );
        assert!(!parking.admits(Wait::Verified, usize::MAX, usize::MAX));
        parking.enter(Wait::Unverified, usize::MAX);
        assert!(!parking.admits(Wait::Verified, 1, 0));
    }

    #[test]
    fn whatever_enters_and_leaves_nothing_stays() {
        let mut parking = Parking::default();
        for wait in [
            Wait::Verified,
            Wait::Unverified,
            Wait::Body,
            Wait::NextFetch,
            Wait::Login,
        ] {
            parking.enter(wait, 7);
            parking.leave(wait, 7);
            assert_eq!(parking, Parking::default(), "{wait:?}");
        }
    }
}
