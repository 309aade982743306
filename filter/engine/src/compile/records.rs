//! `log.decisions`: which decisions are recorded, and what records show.

use crate::config::{Diagnostics, raw};

/// The most claims that a record shows: it has little room.
const MAX_CLAIMS: usize = 16;

/// Which decisions are logged, and what is shown of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Records {
    /// The part of refusals that is logged, from 0 to 1.
    pub deny: f64,
    /// The part of everything else that is logged.
    pub allow: f64,
    /// The claims that are shown.
    pub claims: Vec<String>,
    /// Clients get the record of their refusal, encrypted with the push key.
    pub trace: bool,
}

impl Records {
    pub(super) fn compile(
        raw: &raw::Decisions,
        proxy: &raw::Proxy,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        if raw.trace && proxy.push_key.is_none() {
            let message = "needs `proxy.pushKey`: only who has this key may read the record";
            diagnostics.error("log.decisions.trace", message);
        }
        if raw.claims.len() > MAX_CLAIMS {
            let message = format!("must be {MAX_CLAIMS} claims at most: a record has 2 KiB");
            diagnostics.error("log.decisions.claims", message);
        }
        Self {
            deny: raw.deny.unwrap_or(1.0),
            allow: raw.allow.unwrap_or(0.0),
            claims: raw.claims.clone(),
            trace: raw.trace,
        }
    }
}
