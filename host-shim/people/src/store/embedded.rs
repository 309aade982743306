//! The store in one file of this process.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use registry_auth_engine::UnixTime;

use super::record::{from_json, to_json};
use super::{Answer, EndedRecord, KeyRecord, LoginRecord, Store, StoreError};

/// The version of the tables. Another one is refused.
const SCHEMA: u64 = 1;

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("registry-auth");
/// Records by hash.
const KEYS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("keys");
/// Hashes by user and hash.
const KEYS_OF: TableDefinition<'_, (&str, &str), ()> = TableDefinition::new("keys of users");
/// Records by method and user.
const LOGINS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("logins");
/// Ends, in seconds, by id.
const ENDED: TableDefinition<'_, &str, i64> = TableDefinition::new("ended");
/// Ends, in seconds, by text.
const TAKEN: TableDefinition<'_, &str, i64> = TableDefinition::new("taken");

const SCHEMA_ROW: &str = "schema";
const ISSUED_AFTER_ROW: &str = "issued after";

/// A file of this process. Nobody else can open it meanwhile, and no other user can read it.
#[derive(Clone)]
pub struct Embedded(Arc<Database>);

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

impl Embedded {
    /// Opens the file, or creates it if it is not there. One that is there and cannot be used is
    /// never replaced by an empty one.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let exists = path
            .try_exists()
            .map_err(|error| file_error(path, &error))?;
        if !exists {
            create(path)?;
        }
        Self::existing(path)
    }

    fn existing(path: &Path) -> Result<Self, OpenError> {
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
            Some(SCHEMA) => Ok(Self(Arc::new(database))),
            Some(found) => Err(OpenError::Version {
                path: path.to_owned(),
                found,
            }),
            None => Err(damaged("it has no version".to_owned())),
        }
    }

    /// Runs on a thread that may wait for the disk.
    fn run<'a, T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, Failed> + Send + 'static,
    ) -> Answer<'a, T> {
        let database = Arc::clone(&self.0);
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || work(&database)).await;
            match done {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(Failed::Store(error))) => Err(error),
                Ok(Err(Failed::Database(error))) => Err(StoreError::Unavailable(error.to_string())),
                Err(_) => Err(StoreError::Unavailable("a thread has ended".to_owned())),
            }
        })
    }
}

/// Makes the file under another name, so that it is whole as soon as it has its own.
fn create(path: &Path) -> Result<(), OpenError> {
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

fn file_error(path: &Path, error: &io::Error) -> OpenError {
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

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Database(redb::Error),
}

impl<E: Into<redb::Error>> From<E> for Failed
where
    E: std::error::Error + IsRedb,
{
    fn from(error: E) -> Self {
        Self::Database(error.into())
    }
}

/// The errors of the database's steps.
trait IsRedb {}
impl IsRedb for DatabaseError {}
impl IsRedb for redb::TransactionError {}
impl IsRedb for redb::TableError {}
impl IsRedb for redb::StorageError {}
impl IsRedb for redb::CommitError {}

impl Store for Embedded {
    fn key<'a>(&'a self, hash: &'a str) -> Answer<'a, Option<KeyRecord>> {
        let hash = hash.to_owned();
        self.run(move |database| {
            let keys = database.begin_read()?.open_table(KEYS)?;
            let record = keys.get(hash.as_str())?;
            let record = record.map(|record| from_json("an API key", record.value()));
            Ok(record.transpose()?)
        })
    }

    fn keys<'a>(&'a self, user: Option<&'a str>) -> Answer<'a, Vec<KeyRecord>> {
        let user = user.map(str::to_owned);
        self.run(move |database| {
            let read = database.begin_read()?;
            let keys = read.open_table(KEYS)?;
            let mut records: Vec<KeyRecord> = Vec::new();
            if let Some(user) = user {
                let hashes = read.open_table(KEYS_OF)?;
                for entry in hashes.range((user.as_str(), "")..)? {
                    let entry = entry?.0;
                    let (of, hash) = entry.value();
                    if of != user {
                        break;
                    }
                    if let Some(record) = keys.get(hash)? {
                        records.push(from_json("an API key", record.value())?);
                    }
                }
            } else {
                for entry in keys.iter()? {
                    records.push(from_json("an API key", entry?.1.value())?);
                }
            }
            records.sort_by(|one, other| one.order().cmp(&other.order()));
            Ok(records)
        })
    }

    fn put_key(&self, key: KeyRecord) -> Answer<'_, ()> {
        self.run(move |database| {
            let text = to_json(&key)?;
            let write = database.begin_write()?;
            {
                let mut keys = write.open_table(KEYS)?;
                let mut hashes = write.open_table(KEYS_OF)?;
                if let Some(before) = keys.insert(key.hash.as_str(), text.as_slice())? {
                    let before: KeyRecord = from_json("an API key", before.value())?;
                    hashes.remove((before.user.as_str(), before.hash.as_str()))?;
                }
                hashes.insert((key.user.as_str(), key.hash.as_str()), ())?;
            }
            write.commit()?;
            Ok(())
        })
    }

    fn key_used<'a>(&'a self, hash: &'a str, at: UnixTime) -> Answer<'a, ()> {
        let hash = hash.to_owned();
        self.run(move |database| {
            let write = database.begin_write()?;
            {
                let mut keys = write.open_table(KEYS)?;
                let record = keys.get(hash.as_str())?;
                let record: Option<Result<KeyRecord, _>> =
                    record.map(|record| from_json("an API key", record.value()));
                if let Some(mut record) = record.transpose()? {
                    record.details.note_use(at);
                    keys.insert(hash.as_str(), to_json(&record)?.as_slice())?;
                }
            }
            write.commit()?;
            Ok(())
        })
    }

    fn delete_key<'a>(&'a self, hash: &'a str) -> Answer<'a, bool> {
        let hash = hash.to_owned();
        self.run(move |database| {
            let write = database.begin_write()?;
            let was_there = {
                let mut keys = write.open_table(KEYS)?;
                let removed = keys.remove(hash.as_str())?;
                if let Some(record) = &removed {
                    let record: KeyRecord = from_json("an API key", record.value())?;
                    let mut hashes = write.open_table(KEYS_OF)?;
                    hashes.remove((record.user.as_str(), record.hash.as_str()))?;
                }
                removed.is_some()
            };
            write.commit()?;
            Ok(was_there)
        })
    }

    fn login<'a>(&'a self, method: &'a str, user: &'a str) -> Answer<'a, Option<LoginRecord>> {
        let (method, user) = (method.to_owned(), user.to_owned());
        self.run(move |database| {
            let logins = database.begin_read()?.open_table(LOGINS)?;
            let record = logins.get((method.as_str(), user.as_str()))?;
            let record = record.map(|record| from_json("a login", record.value()));
            Ok(record.transpose()?)
        })
    }

    fn put_login(&self, login: LoginRecord) -> Answer<'_, ()> {
        self.run(move |database| {
            let text = to_json(&login)?;
            let write = database.begin_write()?;
            write.open_table(LOGINS)?.insert(
                (login.method.as_str(), login.user.as_str()),
                text.as_slice(),
            )?;
            write.commit()?;
            Ok(())
        })
    }

    fn end<'a>(&'a self, ids: &'a [String], until: UnixTime) -> Answer<'a, ()> {
        let ids = ids.to_vec();
        self.run(move |database| {
            let write = database.begin_write()?;
            {
                let mut ended = write.open_table(ENDED)?;
                for id in &ids {
                    let before = ended.get(id.as_str())?.map(|end| end.value());
                    let until = before.map_or(until.secs(), |before| before.max(until.secs()));
                    ended.insert(id.as_str(), until)?;
                }
            }
            write.commit()?;
            Ok(())
        })
    }

    fn revive<'a>(&'a self, ids: &'a [String]) -> Answer<'a, ()> {
        let ids = ids.to_vec();
        self.run(move |database| {
            let write = database.begin_write()?;
            {
                let mut ended = write.open_table(ENDED)?;
                for id in &ids {
                    ended.remove(id.as_str())?;
                }
            }
            write.commit()?;
            Ok(())
        })
    }

    fn end_all(&self, before: UnixTime) -> Answer<'_, ()> {
        self.run(move |database| {
            let write = database.begin_write()?;
            write.open_table(ENDED)?.retain(|_, _| false)?;
            let seconds = u64::try_from(before.secs()).unwrap_or(0);
            write.open_table(META)?.insert(ISSUED_AFTER_ROW, seconds)?;
            write.commit()?;
            Ok(())
        })
    }

    fn ended(&self, now: UnixTime) -> Answer<'_, EndedRecord> {
        self.run(move |database| {
            let read = database.begin_read()?;
            let mut record = EndedRecord::default();
            let mut is_stale = false;
            for entry in read.open_table(ENDED)?.iter()? {
                let (id, until) = entry?;
                let until = UnixTime::from_secs(until.value());
                if now < until {
                    record.ids.push((id.value().to_owned(), until));
                } else {
                    is_stale = true;
                }
            }
            let issued_after = read.open_table(META)?.get(ISSUED_AFTER_ROW)?;
            record.issued_after = issued_after
                .and_then(|seconds| i64::try_from(seconds.value()).ok())
                .map(UnixTime::from_secs);
            drop(read);
            if is_stale {
                let write = database.begin_write()?;
                write
                    .open_table(ENDED)?
                    .retain(|_, until| now.secs() < until)?;
                write.commit()?;
            }
            Ok(record)
        })
    }

    fn take_once<'a>(&'a self, text: &'a str, until: UnixTime, now: UnixTime) -> Answer<'a, bool> {
        let text = text.to_owned();
        self.run(move |database| {
            let write = database.begin_write()?;
            let is_first = {
                let mut taken = write.open_table(TAKEN)?;
                taken.retain(|_, until| now.secs() < until)?;
                taken.insert(text.as_str(), until.secs())?.is_none()
            };
            write.commit()?;
            Ok(is_first)
        })
    }
}
