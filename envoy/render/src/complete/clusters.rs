//! The servers of the issuers, each with one name.

use crate::cluster::Cluster;

/// Clusters while they are collected.
#[derive(Default)]
pub(super) struct Clusters {
    /// The registry's, which an issuer may name if it is the same server, and that of the login
    /// service.
    reserved: Vec<Cluster>,
    issuers: Vec<Cluster>,
}

impl Clusters {
    /// Keeps the name of a cluster that is not an issuer's.
    pub(super) fn reserve(&mut self, cluster: &Cluster) {
        self.reserved.push(cluster.clone());
    }

    /// Adds a server under the name that the document has for it.
    ///
    /// # Errors
    /// The name is that of another server.
    pub(super) fn named(&mut self, cluster: Cluster) -> Result<(), String> {
        match self.find(&cluster.name) {
            Some(known) if known.is_same_server(&cluster) => Ok(()),
            Some(_) => Err(format!(
                "`{}` is another server's cluster already: write another name, or none",
                cluster.name
            )),
            None => {
                self.issuers.push(cluster);
                Ok(())
            }
        }
    }

    /// Adds a server and returns its name: that of the same server if there is one, else the
    /// cluster's own, with a number if it is taken.
    pub(super) fn derived(&mut self, mut cluster: Cluster) -> String {
        if let Some(known) = self
            .issuers
            .iter()
            .find(|known| known.is_same_server(&cluster))
        {
            return known.name.clone();
        }
        let base = cluster.name.clone();
        let mut number = 1;
        while self.find(&cluster.name).is_some() {
            number += 1;
            cluster.name = format!("{base}-{number}");
        }
        let name = cluster.name.clone();
        self.issuers.push(cluster);
        name
    }

    /// Returns the clusters in the order in which they were added.
    pub(super) fn into_issuers(self) -> Vec<Cluster> {
        self.issuers
    }

    fn find(&self, name: &str) -> Option<&Cluster> {
        let all = self.reserved.iter().chain(&self.issuers);
        all.into_iter().find(|cluster| cluster.name == name)
    }
}
