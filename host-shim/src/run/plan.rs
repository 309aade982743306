//! From the configuration file to what Envoy and the shim get.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use registry_auth_engine::config::raw::Document;
use registry_auth_engine::config::{ConfigError, Diagnostics, Role, decode_value};
use registry_auth_render::envoy::{self, Place};
use registry_auth_render::{
    Cluster, Completed, Endpoint, Files, Options, PUSH_KEY, complete, whole_certificate,
};
use serde_json::{Value, json};

use super::{certificates, change};
use crate::configuration::{value_again, value_of};
use crate::deviations::shortened;
use crate::disk::Disk;
use crate::key_sets::{self, KeySetSource};
use crate::people::People;
use crate::policy::broken_promises;
use crate::{zot, zot_people};

/// What one configuration file asks for.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The document with everything that it left out.
    pub(crate) completed: Completed,
    /// The key sets to fetch and push.
    pub(crate) sets: Vec<KeySetSource>,
    /// `log.level`
    pub(crate) log_level: Option<String>,
    /// What the document means here and not in zot.
    pub(crate) differences: Vec<ConfigError>,
    /// How people log in.
    pub(crate) people: Option<People>,
    /// What needs the certificates of clients themselves, and not only their attributes.
    pub(crate) whole_certificate: Option<&'static str>,
}

/// A plan or what is wrong, and the files that were read for it.
pub(crate) struct Reading {
    /// The errors, if there is one, are those of the file.
    pub(crate) plan: Result<Plan, Vec<ConfigError>>,
    /// The configuration file and those that it names.
    pub(crate) files: BTreeSet<PathBuf>,
}

/// Reads the configuration file and completes it.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn read(path: &Path, options: &Options) -> anyhow::Result<Reading> {
    Ok(completed(path, value_of(path)?, options))
}

/// Reads it again after a change.
///
/// # Errors
/// The file cannot be read, or is no file any more.
pub(crate) fn read_again(path: &Path, options: &Options) -> anyhow::Result<Reading> {
    Ok(completed(path, value_again(path)?, options))
}

fn completed(path: &Path, document: Result<Value, Diagnostics>, options: &Options) -> Reading {
    let recorded = Recorded::default();
    let plan = match document {
        Ok(document) => of_document(&document, options, &recorded),
        Err(found) => Err(found.errors),
    };
    let mut files = recorded.0.into_inner();
    files.insert(path.to_owned());
    Reading { plan, files }
}

fn of_document(
    document: &Value,
    options: &Options,
    recorded: &Recorded,
) -> Result<Plan, Vec<ConfigError>> {
    let people = People::read(document, &mut recorded.0.borrow_mut())?;
    let mut options = options.clone();
    // Where the socket is, `login_at` says.
    let nowhere = Endpoint::Unix("/".to_owned());
    options.login = people.as_ref().map(|people| people.login(nowhere));
    let mut completed = complete(document, &options, recorded)?;
    if let Some(people) = &people {
        completed.warnings.extend_from_slice(people.findings());
    }
    certificates::check(&completed, recorded)?;
    certificates::embed(&mut completed, recorded)?;
    // The intake is always there, so that a change which needs it finds it.
    let push_key = push_key_of(&completed);
    let intake = || json!({"intake": {"pushKey": {"env": push_key}}});
    completed.intake.get_or_insert_with(intake);
    completed.environment.push(push_key);
    completed.environment.sort();
    completed.environment.dedup();

    let written = match decode_value(document.clone()).0 {
        Role::Filter(written) => *written,
        Role::Intake(_) | Role::Unreadable => Document::default(),
    };
    let mut differences = zot::differences(&written, people.is_some());
    differences.extend(zot_people::differences(document));
    differences.extend(zot::shared_blobs(document));
    let filter = match decode_value(completed.filter.clone()).0 {
        Role::Filter(filter) => *filter,
        Role::Intake(_) | Role::Unreadable => Document::default(),
    };
    let broken = broken_promises(&filter);
    if !broken.is_empty() {
        return Err(broken);
    }
    let sets = filter.bearer.as_ref().map(key_sets::of);
    Ok(Plan {
        whole_certificate: whole_certificate(&completed.filter),
        completed,
        sets: sets.unwrap_or_default(),
        differences: shortened(differences),
        people,
        log_level: filter.log_level,
    })
}

/// Returns the name of the environment variable of the push key.
pub(crate) fn push_key_of(completed: &Completed) -> String {
    completed
        .filter
        .pointer("/proxy/pushKey/env")
        .and_then(Value::as_str)
        .unwrap_or(PUSH_KEY)
        .to_owned()
}

impl Plan {
    /// Listens on this port if the document leaves the port open.
    pub(crate) const fn listen_on(&mut self, port: u16) {
        if self.completed.listener.port == 0 {
            self.completed.listener.port = port;
        }
    }

    /// The login service is at this socket.
    pub(crate) fn login_at(&mut self, socket: &str) {
        if let Some(cluster) = &mut self.completed.login {
            cluster.endpoint = Endpoint::Unix(socket.to_owned());
        }
    }

    /// Returns true if another login service is needed than that of `other`.
    pub(crate) fn people_differ(&self, other: &Self) -> bool {
        match (&self.people, &other.people) {
            (Some(own), Some(other)) => own.differs(other),
            (own, other) => own.is_some() != other.is_some(),
        }
    }

    /// Returns where clients connect, and whether with TLS.
    pub(crate) fn clients(&self) -> (String, u16, bool) {
        let listener = &self.completed.listener;
        (
            listener.address.to_string(),
            listener.port,
            listener.tls.is_some(),
        )
    }

    /// Returns the files for Envoy.
    pub(crate) fn files(&self, place: &Place) -> change::Files {
        envoy::directory(&self.completed, place)
    }

    /// Returns the files for the time of a change from `before`: with its clusters too, which what
    /// is not replaced yet sends requests to. While nothing passes, nothing does.
    pub(crate) fn files_after(&self, before: &Self, place: &Place) -> change::Files {
        let mut both = self.clone();
        if !self.must_close(before) {
            both.keep(before.completed.clusters());
        }
        both.files(place)
    }

    /// Returns true if a change from `before` replaces the policy and also what it decides about or
    /// by: the registry, another server, or the certificates. Neither policy may then decide about
    /// any mixture of both.
    pub(crate) fn must_close(&self, before: &Self) -> bool {
        let (old, new) = (&before.completed, &self.completed);
        let is_changed = |cluster: &Cluster| {
            let mut clusters = new.clusters();
            clusters.any(|own| own.name == cluster.name && own != cluster)
        };
        old.filter_text() != new.filter_text()
            && (!old.upstream.is_same_server(&new.upstream)
                || old.rewrite_host != new.rewrite_host
                || old.listener.tls != new.listener.tls
                || old.clusters().any(is_changed))
    }

    /// Has the registry under its names of before too, and under none of them another registry: the
    /// policy is not for that one.
    pub(crate) fn keep_names(&mut self, registries: &[Cluster]) {
        let registry = self.completed.upstream.clone();
        self.keep(
            registries
                .iter()
                .filter(|own| own.is_same_server(&registry)),
        );
    }

    /// Has these clusters too, where it has none of their names.
    fn keep<'a>(&mut self, clusters: impl IntoIterator<Item = &'a Cluster>) {
        for cluster in clusters {
            let is_own = |own: &Cluster| own.name == cluster.name;
            if !self.completed.clusters().any(is_own) {
                self.completed.issuers.push(cluster.clone());
            }
        }
    }
}

/// The files of this host; remembers which were asked for.
#[derive(Default)]
struct Recorded(RefCell<BTreeSet<PathBuf>>);

impl Files for Recorded {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.0.borrow_mut().insert(path.into());
        Disk.read(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(action: &str, proxy: &Value, tls: Option<&str>) -> Plan {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/fixtures/certificates"
        );
        let mut document = json!({
            "http": {"accessControl": {"repositories": {"**": {"anonymousPolicy": [action]}}}},
            "proxy": proxy,
        });
        if let Some(authorities) = tls {
            document["http"]["tls"] = json!({
                "cert": format!("{folder}/server.pem"),
                "key": format!("{folder}/server.key.pem"),
                "cacert": format!("{folder}/{authorities}"),
            });
            document["http"]["auth"] = json!({"mtls": {}});
        }
        of_document(&document, &Options::default(), &Recorded::default()).unwrap()
    }

    /// Each row: what follows `read` at the registry `a` in the cluster `a`, and whether nothing may
    /// pass meanwhile.
    #[test]
    fn a_policy_is_not_replaced_together_with_what_it_is_for() {
        let at = |host: &str, cluster: &str| {
            let upstream = format!("http://{host}:5000");
            json!({"upstream": upstream, "upstreamCluster": cluster, "upstreamHost": "c"})
        };
        // The filter has the host of its own then.
        let with_host = json!({"upstream": "http://b:5000", "upstreamCluster": "a"});
        let (ca, other) = (Some("ca.pem"), Some("issuer-ca.pem"));
        let rows = [
            ("read", at("a", "a"), ca, false),
            ("create", at("a", "a"), ca, false),
            ("create", at("a", "b"), ca, false),
            ("read", at("b", "a"), ca, false),
            ("read", with_host, ca, true),
            ("create", at("b", "a"), ca, true),
            ("create", at("b", "b"), ca, true),
            ("read", at("a", "a"), other, false),
            ("create", at("a", "a"), other, true),
            ("create", at("a", "a"), None, true),
        ];
        let before = plan("read", &at("a", "a"), ca);
        for (action, proxy, tls, expected) in rows {
            let row = format!("{action} {proxy} {tls:?}");
            let after = plan(action, &proxy, tls);
            assert_eq!(after.must_close(&before), expected, "{row}");
        }
    }
}
