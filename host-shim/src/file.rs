//! Reads files that may be replaced while the shim runs.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

/// Why a file cannot be used. No message holds a part of its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FileError {
    /// It is missing, or access is denied.
    #[error("cannot read `{}`: {kind}", shown(.path))]
    Unreadable {
        /// The path of the file.
        path: PathBuf,
        /// The kind of error.
        kind: ErrorKind,
    },
    /// It is longer than the limit.
    #[error("the file `{}` is longer than {limit} bytes", shown(.path))]
    TooLong {
        /// The path of the file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// See [`FileError`].
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let unreadable = |error: std::io::Error| FileError::Unreadable {
        path: path.to_owned(),
        kind: error.kind(),
    };
    let mut content = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    let length = file
        .take(limit.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(unreadable)?;
    if u64::try_from(length).is_ok_and(|length| length <= limit) {
        Ok(content)
    } else {
        Err(FileError::TooLong {
            path: path.to_owned(),
            limit,
        })
    }
}

/// Returns a path as messages show it.
pub(crate) fn shown(path: &Path) -> String {
    path.to_string_lossy().escape_debug().to_string()
}
