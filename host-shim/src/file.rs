//! Files that are read again and again while the shim runs.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

/// Why a file gives nothing. No message holds a part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FileError {
    /// It is missing, or may not be read.
    #[error("cannot read `{}`: {kind}", shown(.path))]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// Why.
        kind: ErrorKind,
    },
    /// It is longer than anything that it could be.
    #[error("the file `{}` is longer than {limit} bytes", shown(.path))]
    TooLong {
        /// Where.
        path: PathBuf,
        /// What was allowed.
        limit: u64,
    },
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// See [`FileError`].
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let unreadable = |error: std::io::Error| FileError::Unreadable { path: path.to_owned(), kind: error.kind() };
    let mut content = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    let length = file.take(limit.saturating_add(1)).read_to_end(&mut content).map_err(unreadable)?;
    if u64::try_from(length).is_ok_and(|length| length <= limit) {
        Ok(content)
    } else {
        Err(FileError::TooLong { path: path.to_owned(), limit })
    }
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().escape_debug().to_string()
}
