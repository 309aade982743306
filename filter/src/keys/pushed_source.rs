//! A source of keys that the shim pushes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use log::warn;
use registry_auth_engine::keys::cache::{
    Cause, FetchedKeys, Freshness, Lack, Wanted, refresh_after,
};
use registry_auth_engine::keys::ended::{Ended, InvalidEnded};
use registry_auth_engine::keys::envelope::{LOGIN_SET, PushKey, PushedKeys, is_ahead, made};
use registry_auth_engine::keys::{KeySet, KeysError, SigningKey, Skipped};
use registry_auth_engine::time::UnixTime;

use super::current::Context;
use super::event::Event;
use super::leases::Leases;
use super::supply::Supply;
use crate::metrics::Counted;
use crate::pushed_store;

/// How long requests wait for the shim to push a set where there is none.
const SET_TIMEOUT: Duration = Duration::from_secs(4);
/// How long they wait for one with an unknown key: the shim asks its source at most every five
/// seconds for that.
const KEY_TIMEOUT: Duration = Duration::from_secs(9);
/// How long the wait for a push is taken for a fetch: longer than a request waits for it.
const LEASE: Duration = Duration::from_secs(5);

const NOT_PUSHED: &str = "nothing was pushed in time: is `registry-auth serve` running?";

/// A set under the name that the shim pushes it by.
pub(super) struct PushedSource {
    set: String,
    /// It holds a private key, which tokens are minted with.
    signs: bool,
    max_stale: Duration,
    supply: Supply,
    /// Version of the value in shared data that was read last.
    seen: Option<u32>,
    generation: u64,
    not_after: Option<UnixTime>,
    wanted: Option<Want>,
}

/// A request to the shim for a newer set.
#[derive(Clone, Copy)]
struct Want {
    since: UnixTime,
    timeout: Duration,
}

impl Want {
    fn is_overdue(self, now: UnixTime) -> bool {
        now < self.since || now.since(self.since) >= self.timeout
    }
}

/// The keys of a pushed set, and the key that signs if it has one.
struct Read {
    set: KeySet,
    skipped: Vec<Skipped>,
    signing: Option<SigningKey>,
    /// What has ended, in the set of the login service.
    ended: Option<Arc<Ended>>,
}

/// Why a pushed set cannot be used.
enum Unusable {
    Keys(KeysError),
    Ended(InvalidEnded),
}

impl fmt::Display for Unusable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys(error) => error.fmt(formatter),
            Self::Ended(error) => error.fmt(formatter),
        }
    }
}

impl From<KeysError> for Unusable {
    fn from(error: KeysError) -> Self {
        Self::Keys(error)
    }
}

impl PushedSource {
    /// `supply` gets its leases.
    pub(super) fn new(
        set: &str,
        signs: bool,
        max_stale: Duration,
        supply: impl FnOnce(Leases) -> Supply,
    ) -> Self {
        Self {
            set: set.to_owned(),
            signs,
            max_stale,
            supply: supply(Leases::new(LEASE, None)),
            seen: None,
            generation: 0,
            not_after: None,
            wanted: None,
        }
    }

    /// Decides what a request can do that lacks a key, or all keys.
    pub(super) fn want(&mut self, lack: Lack, cx: &Context<'_>) -> Wanted {
        let now = self.supply.leases.catch_up(cx.metrics, cx.now);
        self.supply.freshness = self.supply.freshness.map(|freshness| freshness.at(now));
        self.supply.want(lack, cx)
    }

    /// The root context's turn.
    pub(super) fn turn(&mut self, cx: &mut Context<'_>) -> Event {
        let failed = cx.push_key.is_some_and(|key| match self.newer(key, cx) {
            Some(pushed) => !self.take(&pushed, cx),
            None => self.wait(cx),
        });
        let has_ended = self.has_ended(cx.now);
        Event::of(failed, self.supply.end_turn(has_ended, cx))
    }

    /// Returns true if the set that was taken last has expired.
    fn has_ended(&self, now: UnixTime) -> bool {
        self.not_after.is_some_and(|end| end <= now)
    }

    /// Asks the shim for a newer set if requests wait for one. Returns true if none came in time.
    fn wait(&mut self, cx: &Context<'_>) -> bool {
        self.supply.leases.begin_next(cx.metrics, cx.now);
        if let Some(cause) = self.supply.leases.take_start() {
            let timeout = if cause == Cause::UnknownKey {
                KEY_TIMEOUT
            } else {
                SET_TIMEOUT
            };
            // Asking again does not prolong the wait of those who asked before.
            self.wanted.get_or_insert(Want {
                since: cx.now,
                timeout,
            });
            pushed_store::want(&self.set, self.generation);
        }
        let is_overdue = self
            .wanted
            .take_if(|wanted| wanted.is_overdue(cx.now))
            .is_some();
        if is_overdue {
            self.supply.fail(NOT_PUSHED, cx);
        }
        is_overdue
    }

    /// Returns the set in shared data if it is newer than the last one. It is used for `max_stale`
    /// at most, whatever it says.
    fn newer(&mut self, key: &PushKey, cx: &Context<'_>) -> Option<PushedKeys> {
        let stored = pushed_store::changed(&self.set, self.seen, key, cx.now).ok()??;
        self.seen = Some(stored.version);
        match stored.keys {
            Ok(pushed) if self.is_followed_by(pushed.generation, cx.now) => {
                let end = made(pushed.generation).min(cx.now).after(self.max_stale);
                self.generation = pushed.generation;
                self.not_after = Some(pushed.not_after.min(end));
                self.wanted = None;
                Some(pushed)
            }
            Ok(_) => None,
            Err(why) => {
                cx.metrics
                    .increment_now(Counted::Plain("keys.push_refused"));
                warn!(
                    "the entry in shared data for the set `{}` is not used: {why}",
                    self.set
                );
                None
            }
        }
    }

    /// Returns true if a set of this generation may replace the last one. One that has ended, or
    /// was made by a clock that was ahead, may be replaced by any.
    fn is_followed_by(&self, generation: u64, now: UnixTime) -> bool {
        generation > self.generation || self.has_ended(now) || is_ahead(self.generation, now)
    }

    /// Returns true if the set can be used.
    fn take(&mut self, pushed: &PushedKeys, cx: &mut Context<'_>) -> bool {
        match self.read(&pushed.keys) {
            Ok(read) => {
                if let Some(key) = read.signing {
                    cx.current.held.set_signing(key);
                }
                let freshness =
                    Freshness::begin(refresh_after(None), 0, made(pushed.generation).min(cx.now));
                let keys = FetchedKeys {
                    set: read.set,
                    algorithms: None,
                    ended: read.ended,
                    freshness,
                };
                self.supply.succeed(keys, &read.skipped, cx);
                true
            }
            Err(why) => {
                self.supply.fail(&why.to_string(), cx);
                false
            }
        }
    }

    fn read(&self, jwks: &serde_json::Value) -> Result<Read, Unusable> {
        if self.signs {
            let (key, set) = SigningKey::from_jwks_value(jwks)?;
            return Ok(Read {
                set,
                skipped: Vec::new(),
                signing: Some(key),
                ended: None,
            });
        }
        let ended = match jwks.as_object().filter(|_| self.set == LOGIN_SET) {
            Some(set) => Some(Arc::new(Ended::read(set).map_err(Unusable::Ended)?)),
            None => None,
        };
        let loaded = KeySet::from_jwks_value(jwks)?;
        Ok(Read {
            set: loaded.keys,
            skipped: loaded.skipped,
            signing: None,
            ended,
        })
    }
}
