//! A source of keys that is asked by HTTP callouts.

use std::collections::HashMap;
use std::time::Duration;

use registry_auth_engine::keys::cache::{
    Cause, FetchCodec, FetchedKeys, Freshness, Lack, SharedDataKey, Wanted,
};
use registry_auth_engine::keys::fetch::{KeyFetch, Step};
use registry_auth_engine::keys::source::Callout;
use registry_auth_engine::time::UnixTime;

use super::current::Context;
use super::event::Event;
use super::lease_store::LeaseStore;
use super::leases::Leases;
use super::supply::Supply;
use crate::callout;
use crate::host;

/// How long a fetch holds its lease unless it comes to its next stage: the time limit of one
/// answer, and a little.
const LEASE: Duration = Duration::from_secs(3);

const NOT_ASKED: &str = "cannot be asked: is the cluster known to the proxy?";

/// An issuer.
pub(super) struct CalloutSource {
    callout: Callout,
    max_stale: Duration,
    supply: Supply,
    /// The success whose keys were read from shared data last.
    looked_for: Option<UnixTime>,
    calls: HashMap<u32, Call>,
}

/// A callout under way.
struct Call {
    fetch: KeyFetch,
    sent: UnixTime,
}

impl CalloutSource {
    /// Workers share fetches if there is a `shared_data_key`. `supply` gets its leases.
    pub(super) fn new(
        callout: &Callout,
        max_stale: Duration,
        shared_data_key: Option<&SharedDataKey>,
        supply: impl FnOnce(Leases) -> Supply,
    ) -> Self {
        let store =
            shared_data_key.map(|key| LeaseStore::new(FetchCodec::new(callout, key.clone())));
        let supply = supply(Leases::new(LEASE, store));
        Self {
            callout: callout.clone(),
            max_stale,
            supply,
            looked_for: None,
            calls: HashMap::new(),
        }
    }

    /// Decides what a request can do that lacks a key, or all keys.
    pub(super) fn want(&mut self, lack: Lack, cx: &mut Context<'_>) -> Wanted {
        if self.look(cx) {
            Wanted::Again
        } else {
            self.supply.want(lack, cx)
        }
    }

    /// The root context's turn.
    pub(super) fn turn(&mut self, cx: &mut Context<'_>) -> Event {
        self.look(cx);
        let mut failed = self
            .supply
            .leases
            .has_ended(self.supply.fetched_at(), cx.metrics, cx.now);
        self.supply.leases.begin_next(cx.metrics, cx.now);
        if self
            .supply
            .freshness
            .is_some_and(|freshness| freshness.is_refresh_due(cx.now))
        {
            self.supply.leases.start(Cause::Refresh, cx.metrics, cx.now);
        }
        if self.supply.leases.take_start().is_some() {
            failed |= self.begin(cx);
        }
        let is_stale = self
            .supply
            .freshness
            .is_some_and(|freshness| freshness.is_stale(self.max_stale, cx.now));
        Event::of(failed, self.supply.end_turn(is_stale, cx))
    }

    /// Sends the first callout of a fetch. Returns true if it could not be sent.
    fn begin(&mut self, cx: &Context<'_>) -> bool {
        let fetch = KeyFetch::new(&self.callout.issuer, &self.callout.first);
        !self.send(fetch, cx)
    }

    /// Sends the next callout of a fetch, which has failed if that is not possible.
    fn send(&mut self, fetch: KeyFetch, cx: &Context<'_>) -> bool {
        let Ok(call) = callout::send(&self.callout, &fetch) else {
            self.supply.fail(NOT_ASKED, cx);
            return false;
        };
        let sent = cx.now;
        self.calls.insert(call, Call { fetch, sent });
        true
    }

    /// Reads the response to a callout; `None` if this source did not send it.
    pub(super) fn answer(
        &mut self,
        call: u32,
        body_size: usize,
        cx: &mut Context<'_>,
    ) -> Option<Event> {
        let Call { fetch, sent } = self.calls.remove(&call)?;
        let failed = match callout::read(fetch, body_size) {
            Ok(Step::Next(fetch)) => {
                let is_sent = self.send(fetch, cx);
                if is_sent {
                    self.supply.leases.renew(cx.metrics, cx.now);
                }
                !is_sent
            }
            Ok(Step::Done(fetched)) => {
                let freshness = Freshness::begin(fetched.refresh_after, host::random(), cx.now);
                let freshness = freshness.asked_at(sent).within(self.max_stale);
                let keys = FetchedKeys {
                    set: fetched.keys,
                    algorithms: fetched.algorithms,
                    ended: None,
                    freshness,
                };
                self.supply.succeed(keys, &fetched.skipped, cx);
                return Some(Event::of(false, self.supply.take_news()));
            }
            Err(why) => {
                self.supply.fail(&why, cx);
                true
            }
        };
        Some(Event::of(failed, false))
    }

    /// Takes keys that another worker fetched. Returns true if they are newer than those that were
    /// held.
    fn look(&mut self, cx: &mut Context<'_>) -> bool {
        let now = self.supply.leases.catch_up(cx.metrics, cx.now);
        self.supply.freshness = self.supply.freshness.map(|freshness| freshness.at(now));
        let held = self.supply.fetched_at();
        // A success in the future was before a jump of the clock: how old its keys are is unknown.
        let is_new = |success: &UnixTime| *success <= now && self.looked_for != Some(*success);
        let Some(success) = self.supply.leases.newer_success(held).filter(is_new) else {
            return false;
        };
        self.looked_for = Some(success);
        let Some(fetched) = self.supply.leases.stored_keys(cx.metrics) else {
            return false;
        };
        let newer = held.is_none_or(|held| held < fetched.freshness.fetched());
        let usable =
            fetched.freshness.fetched() <= now && !fetched.freshness.is_stale(self.max_stale, now);
        if newer && usable {
            self.supply.adopt(fetched, cx);
        }
        newer && usable
    }
}
