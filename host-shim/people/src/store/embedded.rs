//! The store in one file of this process.

mod failed;
mod file;
mod tables;

use std::path::Path;
use std::sync::Arc;

use redb::{Database, ReadableDatabase as _, ReadableTable as _};
use registry_auth_engine::UnixTime;

use self::failed::Failed;
pub use self::file::OpenError;
use self::tables::{ENDED, ISSUED_AFTER_ROW, KEYS, KEYS_OF, LOGINS, META, TAKEN};
use super::record::{from_json, to_json};
use super::{Answer, EndedRecord, KeyRecord, LoginRecord, Store, StoreError};

/// A file of this process. Nobody else can open it meanwhile, and no other user can read it.
#[derive(Clone)]
pub struct Embedded(Arc<Database>);

impl Embedded {
    /// Opens the file, or creates it if it is not there. One that is there and cannot be used is
    /// never replaced by an empty one.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let exists = path
            .try_exists()
            .map_err(|error| file::file_error(path, &error))?;
        if !exists {
            file::create(path)?;
        }
        Ok(Self(Arc::new(file::existing(path)?)))
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
