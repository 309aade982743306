//! The store in Redis or Valkey, which several replicas share.

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Cmd, ErrorKind, Pipeline, RedisError, cmd, pipe};
use registry_auth_engine::UnixTime;

use super::record::{from_json, to_json};
use super::{Answer, EndedRecord, KeyRecord, LoginRecord, Store, StoreError};
use crate::secret::Secret;

/// How long a connection, and an answer, may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A server. Nothing is sent before it is needed; a connection that breaks is made again.
#[derive(Clone)]
pub struct Redis {
    connection: ConnectionManager,
    prefix: String,
}

/// The URL of the server cannot be used. It is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the URL of `sessionDriver` cannot be used: write it as `redis://host:6379`, `rediss://user:password@host:6379/0` (TLS) or `unix:///path`"
)]
pub struct InvalidUrl;

impl Redis {
    /// Takes the URL and what the names of all keys begin with. Must be called where tokio runs.
    ///
    /// # Errors
    /// The URL cannot be used.
    pub fn new(url: &Secret, prefix: &str) -> Result<Self, InvalidUrl> {
        let url = std::str::from_utf8(url.expose()).map_err(|_| InvalidUrl)?;
        let client = Client::open(url).map_err(|_| InvalidUrl)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT))
            .set_number_of_retries(1);
        let connection = ConnectionManager::new_lazy_with_config(client, config);
        Ok(Self {
            connection: connection.map_err(|_| InvalidUrl)?,
            prefix: format!("{prefix}:registry-auth"),
        })
    }

    fn name(&self, what: &str) -> String {
        format!("{}:{what}", self.prefix)
    }

    fn name_of(&self, what: &str, which: &str) -> String {
        format!("{}:{what}:{which}", self.prefix)
    }

    async fn ask<T: redis::FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        let asked = command.query_async(&mut self.connection.clone()).await;
        asked.map_err(|error| failed(&error))
    }

    async fn ask_all<T: redis::FromRedisValue>(&self, all: &Pipeline) -> Result<T, StoreError> {
        let asked = all.query_async(&mut self.connection.clone()).await;
        asked.map_err(|error| failed(&error))
    }

    async fn record(&self, hash: &str) -> Result<Option<KeyRecord>, StoreError> {
        let both = pipe()
            .cmd("HGET")
            .arg(self.name("keys"))
            .arg(hash)
            .cmd("HGET")
            .arg(self.name("used"))
            .arg(hash)
            .clone();
        let (record, used): (Option<Vec<u8>>, Option<i64>) = self.ask_all(&both).await?;
        record.map(|record| read(&record, used)).transpose()
    }

    async fn records(&self, user: Option<&str>) -> Result<Vec<KeyRecord>, StoreError> {
        let hashes: Vec<String> = match user {
            Some(user) => {
                let members = cmd("SMEMBERS").arg(self.name_of("keys-of", user)).clone();
                self.ask(&members).await?
            }
            None => {
                self.ask(&cmd("HKEYS").arg(self.name("keys")).clone())
                    .await?
            }
        };
        if hashes.is_empty() {
            return Ok(Vec::new());
        }
        let both = pipe()
            .cmd("HMGET")
            .arg(self.name("keys"))
            .arg(&hashes)
            .cmd("HMGET")
            .arg(self.name("used"))
            .arg(&hashes)
            .clone();
        let (texts, moments): (Vec<Option<Vec<u8>>>, Vec<Option<i64>>) =
            self.ask_all(&both).await?;
        let texts = texts.into_iter().zip(moments);
        let records = texts.filter_map(|(text, time)| Some(read(&text?, time)));
        let mut records: Vec<KeyRecord> = records.collect::<Result<_, _>>()?;
        records.sort_by(|one, other| one.order().cmp(&other.order()));
        Ok(records)
    }
}

fn read(record: &[u8], used: Option<i64>) -> Result<KeyRecord, StoreError> {
    let mut record: KeyRecord = from_json("an API key", record)?;
    if let Some(seconds) = used {
        record.details.note_use(UnixTime::from_secs(seconds));
    }
    Ok(record)
}

/// The kind of an error alone: details may repeat what was sent.
fn failed(error: &RedisError) -> StoreError {
    let what = match error.kind() {
        ErrorKind::AuthenticationFailed => "it refuses the user name or the password",
        ErrorKind::UnexpectedReturnType | ErrorKind::Parse => {
            return StoreError::Unreadable("Redis holds something else under one of the names");
        }
        _ if error.is_timeout() => "it takes too long",
        _ if error.is_connection_refusal() => "it refuses the connection",
        _ if error.is_io_error() => "there is no connection",
        _ => error.category(),
    };
    StoreError::Unavailable(what.to_owned())
}

impl Store for Redis {
    fn key<'a>(&'a self, hash: &'a str) -> Answer<'a, Option<KeyRecord>> {
        Box::pin(self.record(hash))
    }

    fn keys<'a>(&'a self, user: Option<&'a str>) -> Answer<'a, Vec<KeyRecord>> {
        Box::pin(self.records(user))
    }

    fn put_key(&self, key: KeyRecord) -> Answer<'_, ()> {
        Box::pin(async move {
            let before = self.record(&key.hash).await?;
            let mut all = pipe();
            all.atomic();
            if let Some(before) = before {
                let name = self.name_of("keys-of", &before.user);
                all.cmd("SREM").arg(name).arg(&key.hash).ignore();
            }
            let text = to_json(&key)?;
            all.cmd("HSET").arg(self.name("keys")).arg(&key.hash);
            all.arg(text).ignore();
            let name = self.name_of("keys-of", &key.user);
            all.cmd("SADD").arg(name).arg(&key.hash).ignore();
            self.ask_all(&all).await
        })
    }

    fn key_used<'a>(&'a self, hash: &'a str, at: UnixTime) -> Answer<'a, ()> {
        let mut set = cmd("HSET");
        set.arg(self.name("used")).arg(hash).arg(at.secs());
        Box::pin(async move { self.ask(&set).await })
    }

    fn delete_key<'a>(&'a self, hash: &'a str) -> Answer<'a, bool> {
        Box::pin(async move {
            let Some(before) = self.record(hash).await? else {
                return Ok(false);
            };
            let mut all = pipe();
            all.atomic();
            all.cmd("HDEL").arg(self.name("keys")).arg(hash);
            all.cmd("HDEL").arg(self.name("used")).arg(hash).ignore();
            let name = self.name_of("keys-of", &before.user);
            all.cmd("SREM").arg(name).arg(hash).ignore();
            let (removed,): (i64,) = self.ask_all(&all).await?;
            Ok(removed > 0)
        })
    }

    fn login<'a>(&'a self, method: &'a str, user: &'a str) -> Answer<'a, Option<LoginRecord>> {
        let mut get = cmd("HGET");
        get.arg(self.name_of("logins", method)).arg(user);
        Box::pin(async move {
            let record: Option<Vec<u8>> = self.ask(&get).await?;
            record
                .map(|record| from_json("a login", &record))
                .transpose()
        })
    }

    fn put_login(&self, login: LoginRecord) -> Answer<'_, ()> {
        Box::pin(async move {
            let mut set = cmd("HSET");
            let name = self.name_of("logins", &login.method);
            set.arg(name).arg(&login.user).arg(to_json(&login)?);
            self.ask(&set).await
        })
    }

    fn end<'a>(&'a self, ids: &'a [String], until: UnixTime) -> Answer<'a, ()> {
        Box::pin(async move {
            if ids.is_empty() {
                return Ok(());
            }
            let mut add = cmd("ZADD");
            // Never earlier than before.
            add.arg(self.name("ended")).arg("GT");
            for id in ids {
                add.arg(until.secs()).arg(id);
            }
            self.ask(&add).await
        })
    }

    fn revive<'a>(&'a self, ids: &'a [String]) -> Answer<'a, ()> {
        Box::pin(async move {
            if ids.is_empty() {
                return Ok(());
            }
            let mut remove = cmd("ZREM");
            remove.arg(self.name("ended")).arg(ids);
            self.ask(&remove).await
        })
    }

    fn end_all(&self, before: UnixTime) -> Answer<'_, ()> {
        let mut all = pipe();
        all.atomic();
        all.cmd("DEL").arg(self.name("ended")).ignore();
        all.cmd("SET").arg(self.name("issued-after"));
        all.arg(before.secs()).ignore();
        Box::pin(async move { self.ask_all(&all).await })
    }

    fn ended(&self, now: UnixTime) -> Answer<'_, EndedRecord> {
        let name = self.name("ended");
        let mut all = pipe();
        all.atomic();
        all.cmd("ZREMRANGEBYSCORE").arg(&name).arg("-inf");
        all.arg(now.secs()).ignore();
        all.cmd("ZRANGE")
            .arg(&name)
            .arg(0)
            .arg(-1)
            .arg("WITHSCORES");
        all.cmd("GET").arg(self.name("issued-after"));
        Box::pin(async move {
            let (ids, issued_after): (Vec<(String, i64)>, Option<i64>) = self.ask_all(&all).await?;
            let mut ids: Vec<_> = ids
                .into_iter()
                .map(|(id, until)| (id, UnixTime::from_secs(until)))
                .collect();
            ids.sort();
            Ok(EndedRecord {
                ids,
                issued_after: issued_after.map(UnixTime::from_secs),
            })
        })
    }

    fn take_once<'a>(&'a self, text: &'a str, until: UnixTime, now: UnixTime) -> Answer<'a, bool> {
        let mut set = cmd("SET");
        let millis = u64::try_from(until.since(now).as_millis()).unwrap_or(u64::MAX);
        set.arg(self.name_of("taken", text)).arg(1).arg("NX");
        set.arg("PX").arg(millis.max(1));
        Box::pin(async move {
            let set: Option<String> = self.ask(&set).await?;
            Ok(set.is_some())
        })
    }
}
