//! From the configuration file to what Envoy and the shim get.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use registry_auth_engine::config::raw::Document;
use registry_auth_engine::config::{ConfigError, Role, decode_value};
use registry_auth_render::envoy::{self, Place};
use registry_auth_render::{Completed, Files, Options, PUSH_KEY, complete};
use serde_json::{Value, json};

use super::change;
use crate::configuration::{self, KeySetSource};
use crate::file;

/// The longest file that is read, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// What one configuration file asks for.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The document with everything that it left out.
    pub(crate) completed: Completed,
    /// The key sets to fetch and push.
    pub(crate) sets: Vec<KeySetSource>,
    /// `log.level`
    pub(crate) log_level: Option<String>,
    /// True for `http.auth.mtls`.
    pub(crate) client_certificates: bool,
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
    let disk = Disk::default();
    let plan = match configuration::document(path)? {
        Ok(document) => of_document(&document, options, &disk),
        Err(found) => Err(found.errors),
    };
    let mut files = disk.read.into_inner();
    files.insert(path.to_owned());
    Ok(Reading { plan, files })
}

fn of_document(document: &Value, options: &Options, disk: &Disk) -> Result<Plan, Vec<ConfigError>> {
    let mut completed = complete(document, options, disk)?;
    // The intake is always there, so that a change which needs it finds it.
    let push_key = push_key_of(&completed);
    let intake = || json!({"intake": {"pushKey": {"env": push_key}}});
    completed.intake.get_or_insert_with(intake);
    completed.environment.push(push_key);
    completed.environment.sort();
    completed.environment.dedup();

    let filter = raw(completed.filter.clone());
    let written = raw(document.clone());
    let client_certificates = filter.as_ref().is_some_and(|filter| filter.mtls.is_some());
    let log_level = filter.as_ref().and_then(|filter| filter.log_level.clone());
    let sets = match (written, filter) {
        (Some(written), Some(filter)) => sets(*written, &filter),
        _ => Vec::new(),
    };
    Ok(Plan {
        completed,
        sets,
        log_level,
        client_certificates,
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

fn raw(document: Value) -> Option<Box<Document>> {
    match decode_value(document).0 {
        Role::Filter(document) => Some(document),
        Role::Intake(_) | Role::Unreadable => None,
    }
}

/// The sets of the document as written, which has the names of files that the filter does not get;
/// whether an issuer's keys are pushed, the completion has decided.
fn sets(mut written: Document, filter: &Document) -> Vec<KeySetSource> {
    let entries = filter.bearer.iter().flat_map(|bearer| &bearer.oidc);
    let written_entries = written
        .bearer
        .iter_mut()
        .flat_map(|bearer| &mut bearer.oidc);
    for (written, completed) in written_entries.zip(entries) {
        written.key_source.clone_from(&completed.key_source);
        written.jwks_uri.clone_from(&completed.jwks_uri);
    }
    configuration::key_set_sources(&written)
}

impl Plan {
    /// Listens on this port if the document leaves the port open.
    pub(crate) const fn listen_on(&mut self, port: u16) {
        if self.completed.listener.port == 0 {
            self.completed.listener.port = port;
        }
    }

    /// Returns the files for Envoy.
    pub(crate) fn files(&self, place: &Place) -> change::Files {
        envoy::directory(&self.completed, place)
    }
}

/// The files of this host; remembers which were asked for.
#[derive(Debug, Default)]
struct Disk {
    read: RefCell<BTreeSet<PathBuf>>,
}

impl Files for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.read.borrow_mut().insert(path.into());
        file::read(Path::new(path), MAX_FILE).map_err(|error| match error {
            file::FileError::Unreadable { kind, .. } => kind.to_string(),
            file::FileError::TooLong { limit, .. } => format!("it is longer than {limit} bytes"),
        })
    }
}
