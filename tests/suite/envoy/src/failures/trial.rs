//! One failure from its beginning to its end, under load.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use registry_auth_harness::load::{Kind, Load, Rights};

use super::callers::{NORMAL, Right};
use super::stage::{PATIENCE, PRESSURE};

/// Requests that each phase takes at least.
const REQUESTS: usize = 2_000;
/// Of each kind at least.
const EACH: usize = 3;

/// A row of the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    /// What fails.
    pub(super) failure: &'static str,
    /// What is done to it.
    pub(super) how: &'static str,
    /// What is right before; nothing: it fails from the start.
    pub(super) before: Option<Right>,
    /// What is right while it fails.
    pub(super) during: Right,
    /// What an operator sees.
    pub(super) sign: &'static str,
    /// What is right afterwards.
    pub(super) after: Right,
    /// How it ends.
    pub(super) end: &'static str,
}

/// A failure that nobody notices, which ends by itself.
pub(super) const UNNOTICED: Case =
    Case { failure: "", how: "", before: Some(NORMAL), during: NORMAL, sign: "", after: NORMAL, end: "by itself" };

/// What happens in a trial; each waits until it shows.
pub(super) struct Deeds<'a> {
    /// Makes it fail.
    pub(super) fail: &'a mut dyn FnMut() -> Result<()>,
    /// Looks at what the operator sees.
    pub(super) look: &'a mut dyn FnMut() -> Result<()>,
    /// Mends it.
    pub(super) mend: &'a mut dyn FnMut() -> Result<()>,
}

/// Plays a failure at `address`.
pub(super) fn play(case: &Case, address: SocketAddr, kinds: &[Kind], deeds: Deeds<'_>) -> Result<()> {
    let Deeds { fail, look, mend } = deeds;
    let sum = Load::run(kinds, address, PRESSURE, |load| {
        match case.before {
            None => fail()?,
            Some(before) => {
                load.turn("before", &rights(before));
                load.reach(REQUESTS, EACH, PATIENCE)?;
                load.widen("failing", &rights(case.during));
                fail()?;
            }
        }
        load.turn("during", &rights(case.during));
        load.reach(REQUESTS, EACH, PATIENCE)?;
        look().context("what an operator sees")?;
        load.widen("mending", &rights(case.after));
        mend()?;
        load.turn("after", &rights(case.after));
        load.reach(REQUESTS, EACH, PATIENCE)
    });
    let sum = sum?;
    eprintln!("{}, {}: {} requests, {:.0}/s", case.failure, case.how, sum.requests, sum.rate());
    Ok(())
}

fn rights(right: Right) -> Rights {
    right.iter().map(|statuses| statuses.to_vec()).collect()
}
