//! Where the content of named files comes from: the crate itself opens none.

use std::collections::BTreeMap;

/// The files that a document names.
pub trait Files {
    /// Returns the content of the file at `path`, as the document writes it.
    ///
    /// # Errors
    /// Why it cannot be read, in a few words and without the path, such as `No such file or directory`.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;
}

/// Files by their paths, for tests and for callers that have read them already.
impl Files for BTreeMap<String, Vec<u8>> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.get(path)
            .cloned()
            .ok_or_else(|| "no such file".to_owned())
    }
}
