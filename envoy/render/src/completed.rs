//! What a proxy needs around the filter.

use registry_auth_engine::config::ConfigError;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::json_text;
use crate::listener::Listener;
use crate::options::PAGES_CLUSTER;

/// A document with everything that it left out, in the terms of any proxy.
///
/// Without secrets: keys and credentials are names of environment variables and paths of files.
#[derive(Clone, Debug, PartialEq)]
pub struct Completed {
    /// The filter's plugin configuration; the engine compiles it without errors. Sections that only
    /// zot reads are not in it.
    pub filter: Value,
    /// The plugin configuration of the intake; absent when no keys are pushed.
    pub intake: Option<Value>,
    /// The servers of the issuers whose keys the filter asks for.
    pub issuers: Vec<Cluster>,
    /// The registry.
    pub upstream: Cluster,
    /// The login service, where people log in.
    pub login: Option<Cluster>,
    /// `Host` that replaces the client's on the way to the registry.
    pub rewrite_host: Option<String>,
    /// Where clients connect.
    pub listener: Listener,
    /// `http.externalUrl`: the URL that clients know.
    pub external_url: Option<String>,
    /// Names of the environment variables that the filter and the intake read.
    pub environment: Vec<String>,
    /// What was assumed because nothing is said about it; one line each.
    pub assumptions: Vec<String>,
    /// The warnings about the document.
    pub warnings: Vec<ConfigError>,
}

impl Completed {
    /// Returns the text of [`Completed::filter`], the same for the same document.
    #[must_use]
    pub fn filter_text(&self) -> String {
        json_text::write(&self.filter)
    }

    /// Returns true if the filter's configuration has this key in this section; names are compared
    /// without case, as the filter does.
    pub(crate) fn reads(&self, section: &str, key: &str) -> bool {
        member(&self.filter, section).is_some_and(|section| member(section, key).is_some())
    }

    /// The login service as browsers reach it: a cluster of its own, so that they cannot take up
    /// what passwords need.
    #[must_use]
    pub fn pages(&self) -> Option<Cluster> {
        let login = self.login.as_ref()?;
        Some(Cluster {
            name: PAGES_CLUSTER.to_owned(),
            ..login.clone()
        })
    }

    /// Returns all clusters: the registry, then the login service, then the issuers.
    pub fn clusters(&self) -> impl Iterator<Item = &Cluster> {
        std::iter::once(&self.upstream)
            .chain(&self.login)
            .chain(&self.issuers)
    }
}

fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let mut members = object.as_object()?.iter();
    let found = members.find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}
