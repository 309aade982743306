//! The configuration of Envoy: one bootstrap file, or a folder of files that Envoy watches.

mod bootstrap;
mod capabilities;
mod clusters;
mod connections;
mod listeners;
mod place;
mod secrets;
mod stats;
mod tls;
mod wasm;

use std::collections::BTreeMap;

use crate::completed::Completed;
use crate::node::Node;
use crate::yaml;
use bootstrap::resources;
use listeners::Filters;
use secrets::Secrets;

pub use place::Place;
pub use stats::tags as stats_tags;

/// The file of [`directory`] that Envoy is started with. A change of it needs a new Envoy.
pub const BOOTSTRAP: &str = "bootstrap.yaml";

const CLUSTERS: &str = "clusters.yaml";
/// The file of [`directory`] with the policy.
pub const FILTER: &str = "filter.yaml";
const INTAKE: &str = "intake.yaml";
const LISTENERS: &str = "listeners.yaml";

/// The order in which changed files of [`directory`] are to be replaced, by renaming: secrets before
/// what shows them, clusters before the filter that asks them, the filters before the listeners that
/// need them. Each name is that of a file, or how the names of such files begin. Files that are gone
/// are removed last.
pub const ORDER: [&str; 5] = [secrets::PREFIX, CLUSTERS, FILTER, INTAKE, LISTENERS];

/// Returns one file that Envoy starts with: everything is in it, and nothing is read again.
#[must_use]
pub fn bootstrap(completed: &Completed, place: &Place) -> String {
    let listeners = listeners::all(completed, place, Filters::Here, Secrets::Here);
    let clusters = clusters::all(completed, place, Secrets::Here);
    yaml::write(
        &bootstrap::of_one_file(listeners, clusters, place),
        bootstrap::HEAD,
    )
}

/// Returns the clusters of the servers that the filter asks, the registry first.
pub(crate) fn servers(completed: &Completed, place: &Place) -> Vec<Node> {
    clusters::all(completed, place, Secrets::Here)
}

/// Returns the files of a folder, by their names: Envoy starts with [`BOOTSTRAP`] and watches the
/// others, which are replaced in [`ORDER`]. They have to be in [`Place::folder`].
#[must_use]
pub fn directory(completed: &Completed, place: &Place) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut add = |name: &str, node, head| {
        files.insert(name.to_owned(), yaml::write(&node, head));
    };
    add(BOOTSTRAP, bootstrap::of_folder(place), bootstrap::HEAD);
    let listeners = listeners::all(completed, place, Filters::Files, Secrets::Files);
    let listeners = resources("envoy.config.listener.v3.Listener", listeners);
    add(LISTENERS, listeners, bootstrap::HEAD_LISTENERS);
    let clusters = clusters::all(completed, place, Secrets::Files);
    let clusters = resources("envoy.config.cluster.v3.Cluster", clusters);
    add(CLUSTERS, clusters, bootstrap::HEAD_CLUSTERS);
    let extension = |filter| resources("envoy.config.core.v3.TypedExtensionConfig", vec![filter]);
    let filter = extension(wasm::filter(completed, place));
    add(FILTER, filter, bootstrap::HEAD_FILTER);
    if let Some(intake) = wasm::intake(completed, place) {
        add(INTAKE, extension(intake), bootstrap::HEAD_INTAKE);
    }
    for (name, secret) in secrets::all(completed) {
        let secret = resources(
            "envoy.extensions.transport_sockets.tls.v3.Secret",
            vec![secret],
        );
        add(&name, secret, bootstrap::HEAD_SECRET);
    }
    files
}

/// Returns a text for [`FILTER`] that answers every request with 503: for the time of a change in
/// which neither the policy of before nor the next one may decide, since what is behind or in front
/// of it is replaced too.
#[must_use]
pub fn closed() -> String {
    let filter = vec![wasm::closed()];
    let filter = resources("envoy.config.core.v3.TypedExtensionConfig", filter);
    yaml::write(&filter, bootstrap::HEAD_CLOSED)
}
