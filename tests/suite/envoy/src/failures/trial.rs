//! One failure from its beginning to its end, under load.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use registry_auth_harness::load::{ExpectedStatuses, Kind, Load};

use super::callers::{KindStatuses, NORMAL};
use super::proxy::{PATIENCE, PRESSURE};

/// Requests that each phase takes at least.
const REQUESTS: usize = 2_000;
/// Of each kind at least.
const EACH: usize = 3;

/// A row of the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    /// The failure.
    pub(super) failure: &'static str,
    /// How it is caused.
    pub(super) how: &'static str,
    /// The right statuses before it; empty if it fails from the start.
    pub(super) before: Option<KindStatuses>,
    /// The right statuses during the failure.
    pub(super) during: KindStatuses,
    /// What an operator sees: metrics and log lines.
    pub(super) sign: &'static str,
    /// The right statuses after it.
    pub(super) after: KindStatuses,
    /// How it ends.
    pub(super) end: &'static str,
}

/// A failure without effect on clients, which ends by itself.
pub(super) const UNNOTICED: Case = Case {
    failure: "",
    how: "",
    before: Some(NORMAL),
    during: NORMAL,
    sign: "",
    after: NORMAL,
    end: "by itself",
};

/// The steps of a trial; each waits for its effect.
pub(super) struct Hooks<'a> {
    /// Causes the failure.
    pub(super) fail: &'a mut dyn FnMut() -> Result<()>,
    /// Checks what the operator sees.
    pub(super) look: &'a mut dyn FnMut() -> Result<()>,
    /// Ends the failure.
    pub(super) mend: &'a mut dyn FnMut() -> Result<()>,
}

/// Plays a failure at `address`.
pub(super) fn play(
    case: &Case,
    address: SocketAddr,
    kinds: &[Kind],
    hooks: Hooks<'_>,
) -> Result<()> {
    let Hooks { fail, look, mend } = hooks;
    let sum = Load::run(kinds, address, PRESSURE, |load| {
        match case.before {
            None => fail()?,
            Some(before) => {
                load.turn("before", &expected(before));
                load.reach(REQUESTS, EACH, PATIENCE)?;
                load.widen("failing", &expected(case.during));
                fail()?;
            }
        }
        load.turn("during", &expected(case.during));
        load.reach(REQUESTS, EACH, PATIENCE)?;
        look().context("what an operator sees")?;
        load.widen("mending", &expected(case.after));
        mend()?;
        load.turn("after", &expected(case.after));
        load.reach(REQUESTS, EACH, PATIENCE)
    });
    let sum = sum?;
    eprintln!(
        "{}, {}: {} requests, {:.0}/s",
        case.failure,
        case.how,
        sum.requests,
        sum.rate()
    );
    Ok(())
}

fn expected(right: KindStatuses) -> ExpectedStatuses {
    right.iter().map(|statuses| statuses.to_vec()).collect()
}
