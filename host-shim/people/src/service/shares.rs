//! The requests of browsers that each address has at a time: one address cannot take all places.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::limits::network;

/// The most requests from one address (IPv6: 64 bits) at a time; more get 429 at once.
pub(super) const MAX_OF_ADDRESS: usize = 32;

/// How many there are, by address. Those of whom it is not known have one share.
#[derive(Clone, Debug, Default)]
pub(super) struct Shares(Arc<Mutex<HashMap<String, usize>>>);

/// A place of an address, until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    shares: Shares,
    address: String,
}

impl Shares {
    /// Takes a place; `None` if the address has too many.
    pub(super) fn take(&self, client: Option<&str>) -> Option<Share> {
        let address = client.and_then(|client| client.parse::<IpAddr>().ok());
        let address = address.map(network).unwrap_or_default();
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address.clone()).or_default();
        if *count >= MAX_OF_ADDRESS {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Share {
            shares: self.clone(),
            address,
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut counts = self.shares.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_others_have_theirs() {
        let shares = Shares::default();
        let addresses = [Some("203.0.113.9"), Some("2001:db8::1"), None];
        let mut taken = Vec::new();
        for address in addresses {
            for number in 0..MAX_OF_ADDRESS {
                let share = shares.take(address);
                assert!(share.is_some(), "{address:?} {number}");
                taken.extend(share);
            }
            assert!(shares.take(address).is_none(), "{address:?}");
        }
        // The same network, and the same address in another form.
        for address in ["2001:db8::2:3", "::ffff:203.0.113.9"] {
            assert!(shares.take(Some(address)).is_none(), "{address}");
        }
        assert!(shares.take(Some("203.0.113.10")).is_some());
        taken.pop();
        assert!(shares.take(None).is_some());
        drop(taken);
        assert!(shares.0.lock().unwrap().is_empty());
    }
}
