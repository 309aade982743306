//! The file itself: made whole, opened by one process, of one version.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use redb::{Database, DatabaseError, ReadableDatabase as _};

use super::failed::Failed;
use super::tables::{ENDED, KEYS, KEYS_OF, LOGINS, META, SCHEMA, SCHEMA_ROW, TAKEN};

/// Why a file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read or written.
    #[error("cannot open the store `{path}`: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// Another process has it open.
    #[error("the store `{path}` is in use by another process; stop that first")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It is damaged, or something else.
    #[error(
        "the store `{path}` is damaged or not a store of registry-auth ({cause}): restore it from a backup, or move it away to begin with an empty one, which ends all API keys"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// It was written by another release.
    #[error("the store `{path}` has version {found}, this release reads version {SCHEMA}")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
}

/// Opens a file that is there.
pub(super) fn existing(path: &Path) -> Result<Database, OpenError> {
    let damaged = |cause: String| OpenError::Damaged {
        path: path.to_owned(),
        cause,
    };
    let database = Database::open(path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::InUse {
            path: path.to_owned(),
        },
        DatabaseError::Storage(redb::StorageError::Io(error))
            if error.kind() != io::ErrorKind::InvalidData
                && error.kind() != io::ErrorKind::UnexpectedEof =>
        {
            file_error(path, &error)
        }
        error => damaged(error.to_string()),
    })?;
    let version = version(&database).map_err(|error| damaged(error.to_string()))?;
    match version {
        Some(SCHEMA) => Ok(database),
        Some(found) => Err(OpenError::Version {
            path: path.to_owned(),
            found,
        }),
        None => Err(damaged("it has no version".to_owned())),
    }
}

/// Makes the file under another name, so that it is whole as soon as it has its own.
pub(super) fn create(path: &Path) -> Result<(), OpenError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let file_error = |error: &io::Error| file_error(path, error);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(file_error(&error)),
        _ => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)
        .map_err(|error| file_error(&error))?;
    let begin = || -> Result<(), Failed> {
        let database = Database::create(&new)?;
        let write = database.begin_write()?;
        write.open_table(META)?.insert(SCHEMA_ROW, SCHEMA)?;
        write.open_table(KEYS)?;
        write.open_table(KEYS_OF)?;
        write.open_table(LOGINS)?;
        write.open_table(ENDED)?;
        write.open_table(TAKEN)?;
        write.commit()?;
        Ok(())
    };
    begin().map_err(|error| OpenError::File {
        path: path.to_owned(),
        cause: error.to_string(),
    })?;
    // Unlike a rename, this replaces no file that has appeared meanwhile.
    fs::hard_link(&new, path).map_err(|error| file_error(&error))?;
    fs::remove_file(&new).map_err(|error| file_error(&error))
}

pub(super) fn file_error(path: &Path, error: &io::Error) -> OpenError {
    OpenError::File {
        path: path.to_owned(),
        cause: error.kind().to_string(),
    }
}

fn version(database: &Database) -> Result<Option<u64>, Failed> {
    let read = database.begin_read()?;
    let version = read.open_table(META)?.get(SCHEMA_ROW)?;
    Ok(version.map(|version| version.value()))
}
