//! Which addresses a name has, when single resolutions may leave some out. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// An address that so many resolutions in a row lack is gone. One may lack it for no reason that
/// lasts: a pod that fails a readiness probe leaves a headless Service until the next one. And to
/// ask an intake that is gone for a quarter of a minute costs next to nothing.
pub(crate) const ABSENCES: u32 = 3;
/// The most addresses of a name that are used, so that a wrong answer does not start any number of
/// tasks.
pub(crate) const MAX_ADDRESSES: usize = 1000;

/// The addresses of a name, with the number of resolutions in a row that lack each.
#[derive(Debug, Default)]
pub(crate) struct Members(BTreeMap<SocketAddr, u32>);

/// What a resolution changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// Addresses that are new.
    pub(crate) appeared: Vec<SocketAddr>,
    /// Addresses that are gone.
    pub(crate) vanished: Vec<SocketAddr>,
}

impl Members {
    /// Records the addresses of a resolution, of which the first [`MAX_ADDRESSES`] are used. One
    /// that failed is not recorded.
    pub(crate) fn record(&mut self, found: &BTreeSet<SocketAddr>) -> Change {
        let found: BTreeSet<_> = found.iter().copied().take(MAX_ADDRESSES).collect();
        let mut change = Change::default();
        self.0.retain(|address, absences| {
            *absences = if found.contains(address) {
                0
            } else {
                *absences + 1
            };
            let stays = *absences < ABSENCES;
            if !stays {
                change.vanished.push(*address);
            }
            stays
        });
        for address in found {
            self.0.entry(address).or_insert_with(|| {
                change.appeared.push(address);
                0
            });
        }
        change
    }

    /// Returns the addresses.
    pub(crate) fn addresses(&self) -> impl ExactSizeIterator<Item = SocketAddr> {
        self.0.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(hosts: &[u8]) -> BTreeSet<SocketAddr> {
        let address = |host: &u8| SocketAddr::from(([10, 0, 0, *host], 9902));
        hosts.iter().map(address).collect()
    }

    #[test]
    fn an_address_is_gone_after_three_resolutions_in_a_row_without_it() {
        // (found, appeared, vanished, known afterwards)
        type Row = (&'static [u8], &'static [u8], &'static [u8], &'static [u8]);
        let rows: [Row; 11] = [
            (&[1, 2], &[1, 2], &[], &[1, 2]),
            (&[2, 1], &[], &[], &[1, 2]),
            (&[1], &[], &[], &[1, 2]),
            (&[1], &[], &[], &[1, 2]),
            // It was there in between.
            (&[1, 2], &[], &[], &[1, 2]),
            (&[1, 3], &[3], &[], &[1, 2, 3]),
            (&[1, 3], &[], &[], &[1, 2, 3]),
            (&[1, 3], &[], &[2], &[1, 3]),
            (&[2], &[2], &[], &[1, 2, 3]),
            (&[2], &[], &[], &[1, 2, 3]),
            (&[2], &[], &[1, 3], &[2]),
        ];
        let mut members = Members::default();
        for (index, (found, appeared, vanished, known)) in rows.into_iter().enumerate() {
            let change = members.record(&addresses(found));
            let sorted = |list: Vec<_>| list.into_iter().collect::<BTreeSet<_>>();
            assert_eq!(sorted(change.appeared), addresses(appeared), "{index}");
            assert_eq!(sorted(change.vanished), addresses(vanished), "{index}");
            assert_eq!(
                members.addresses().collect::<BTreeSet<_>>(),
                addresses(known),
                "{index}"
            );
        }
    }

    #[test]
    fn no_answer_makes_more_than_a_thousand_known() {
        let many = |port: u16| (0..3000).map(move |n| SocketAddr::from(([10, 0, 0, 1], port + n)));
        let mut members = Members::default();
        assert_eq!(
            members.record(&many(1).collect()).appeared.len(),
            MAX_ADDRESSES
        );
        for _ in 0..ABSENCES {
            members.record(&many(20_000).collect());
        }
        assert_eq!(members.addresses().len(), MAX_ADDRESSES);
    }
}
