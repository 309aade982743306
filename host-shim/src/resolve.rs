//! Resolves names to addresses.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::target::Name;

/// Resolves names to addresses.
pub(crate) trait Resolver {
    /// Returns all addresses of a name, IPv4 and IPv6; at least one.
    ///
    /// # Errors
    /// The name has no addresses, or they cannot be found out now; one line for the log.
    fn resolve(
        &self,
        name: &Name,
    ) -> impl Future<Output = Result<BTreeSet<SocketAddr>, String>> + Send;
}

/// The resolver of the system (`getaddrinfo`): `/etc/hosts`, search domains and all. It keeps no
/// TTL, and ends a lookup that hangs by its own time limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct System;

impl Resolver for System {
    async fn resolve(&self, name: &Name) -> Result<BTreeSet<SocketAddr>, String> {
        let found = tokio::net::lookup_host((name.host.as_str(), name.port))
            .await
            .map_err(|error| error.to_string())?;
        let addresses: BTreeSet<_> = found
            .map(|address| SocketAddr::new(address.ip().to_canonical(), address.port()))
            .collect();
        if addresses.is_empty() {
            return Err("the name has no addresses".to_owned());
        }
        Ok(addresses)
    }
}
