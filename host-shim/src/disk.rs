//! The files of this host, for the completion of configurations.

use std::path::Path;

use registry_auth_render::Files;

use crate::file;

/// The longest file that is read, in bytes: a bundle of authorities.
pub(crate) const MAX_FILE: u64 = 1024 * 1024;

/// Files by their paths; relative ones are relative to the current directory.
pub(crate) struct Disk;

impl Files for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        file::read(Path::new(path), MAX_FILE).map_err(|error| error.reason())
    }
}
