//! Records of decisions: for the log, and for the access log of the proxy.

use std::time::Duration;

use log::{Level, LevelFilter, log, log_enabled};
use registry_auth_engine::compile;
use registry_auth_engine::decision::Denied;
use registry_auth_engine::keys::envelope::PushKey;
use registry_auth_engine::record::{Decided, Record};
use registry_auth_engine::time::UnixTime;
use registry_auth_engine::trace::Trace;

use crate::client;
use crate::head::Head;
use crate::host;
use crate::next_policy::NextVerdict;

/// The attribute with the record.
const DECISION: &str = "registry_auth.decision";

/// A request that is decided, and what is known of the decision.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) head: &'a Head,
    /// The steps to it, if they are recorded.
    pub(crate) trace: Option<&'a Trace>,
    /// Now; absent without a clock.
    pub(crate) now: Option<UnixTime>,
    /// How long the request has waited.
    pub(crate) waited: Duration,
    /// What the next policy says.
    pub(crate) next: Option<&'a NextVerdict>,
    /// It is the effective context's request.
    pub(crate) is_effective: bool,
}

impl<'a> Case<'a> {
    /// A request of which nothing else is known.
    pub(crate) const fn of(head: &'a Head) -> Self {
        Self {
            head,
            trace: None,
            now: None,
            waited: Duration::ZERO,
            next: None,
            is_effective: true,
        }
    }

    /// A request of another context than the effective one, whose attributes cannot be set.
    pub(crate) const fn elsewhere(head: &'a Head) -> Self {
        Self {
            is_effective: false,
            ..Self::of(head)
        }
    }

    /// The value of `Warning` for a client who gets what the next policy refuses.
    pub(crate) fn warning(&self) -> Option<String> {
        self.next?.warning.clone()
    }
}

/// Records the decisions of one configuration.
pub(crate) struct Records {
    /// Which are logged at which rates; `None`: only what the level of the log lets through.
    rates: Option<compile::Records>,
    /// The least severe level that is logged of requests.
    level: LevelFilter,
    /// What tells this configuration from others.
    policy: String,
    /// What the records for clients are sealed with, if they get any.
    seal: Option<PushKey>,
    proxy_sets_address: bool,
}

impl Records {
    pub(crate) fn new(
        rates: Option<compile::Records>,
        level: LevelFilter,
        policy: String,
        push_key: Option<PushKey>,
        proxy_sets_address: bool,
    ) -> Self {
        let gives = rates.as_ref().is_some_and(|rates| rates.trace);
        Self {
            seal: push_key.filter(|_| gives),
            rates,
            level,
            policy,
            proxy_sets_address,
        }
    }

    /// Returns true if the steps of decisions have to be recorded.
    pub(crate) const fn are_kept(&self) -> bool {
        self.rates.is_some()
    }

    /// Returns true if something may be recorded of a request that is granted.
    pub(crate) fn may_show_grants(&self) -> bool {
        self.are_kept() || self.level >= LevelFilter::Debug
    }

    /// Records a decision, if somebody reads it.
    pub(crate) fn add(&self, case: &Case<'_>, decided: Decided<'_>) {
        let level = self.level_of(decided);
        let is_logged = level <= self.level && log_enabled!(level);
        if is_logged || self.are_kept() {
            self.write(case, decided, is_logged.then_some(level));
        }
    }

    /// Apart, so that the path of a cached token stays small.
    #[cold]
    #[inline(never)]
    fn write(&self, case: &Case<'_>, decided: Decided<'_>, level: Option<Level>) {
        let client = if self.are_kept() {
            client::read(case.head.fields(), self.proxy_sets_address)
        } else {
            None
        };
        let client = client.as_deref().unwrap_or_default();
        let record = self.record(case, decided, client).to_json();
        if self.are_kept() && case.is_effective {
            host::set_attribute(DECISION, &record);
        }
        if let Some(level) = level {
            log!(level, "{record}");
        }
    }

    fn record<'a>(&'a self, case: &Case<'a>, decided: Decided<'a>, client: &'a str) -> Record<'a> {
        Record {
            decided,
            trace: case.trace,
            time: case.now,
            waited: case.waited,
            request: case.head.reply_to(),
            client,
            policy: &self.policy,
            shadow: case.next.map(NextVerdict::shown),
        }
    }

    /// The record for the client who is refused, if clients get any. Who presents no credential gets
    /// none: every client does that at first, and strangers need no such answer.
    pub(crate) fn sealed(&self, case: &Case<'_>, denied: &Denied) -> Option<String> {
        let is_asked = denied.is_challenge() || !case.head.presents_credential();
        let key = self.seal.as_ref().filter(|_| !is_asked)?;
        let record = self.record(case, Decided::Denied(denied), "");
        record.seal(key, &host::random_bytes())
    }

    /// The level of a line: what is asked for once without a credential, and what is granted, is
    /// worth none but for who looks closely.
    fn level_of(&self, decided: Decided<'_>) -> Level {
        match decided {
            Decided::Denied(denied) if denied.is_challenge() => Level::Debug,
            Decided::Denied(denied) => {
                let is_chosen = self.rates.as_ref().is_none_or(|rates| chosen(rates.deny));
                match denied.reason.descriptor().status {
                    _ if !is_chosen => Level::Debug,
                    503 => Level::Warn,
                    _ => Level::Info,
                }
            }
            Decided::Allowed(_) | Decided::Answered(_) => {
                let is_chosen = self.rates.as_ref().is_some_and(|rates| chosen(rates.allow));
                if is_chosen { Level::Info } else { Level::Debug }
            }
        }
    }
}

/// Returns true for this part of all calls.
fn chosen(rate: f64) -> bool {
    rate >= 1.0 || (rate > 0.0 && f64::from(host::random()) / f64::from(u32::MAX) < rate)
}
