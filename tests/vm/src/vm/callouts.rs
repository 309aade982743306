//! HTTP calls of the module.

use anyhow::{Context as _, Result};

use super::Vm;
use crate::host::{Callout, CalloutAnswer};

impl Vm {
    /// Returns the HTTP calls without a response yet, oldest first.
    #[must_use]
    pub fn callouts(&self) -> Vec<Callout> {
        self.store.data().callouts.values().cloned().collect()
    }

    /// Delivers the response to an HTTP call, and ticks as long as the module sets a shorter period
    /// than before. Does nothing if its context has ended.
    ///
    /// # Errors
    /// There is no such callout, or the module traps.
    pub fn answer(&mut self, token: u32, answer: CalloutAnswer) -> Result<()> {
        let state = self.store.data_mut();
        let callout = state
            .callouts
            .remove(&token)
            .with_context(|| format!("there is no callout {token}"))?;
        if !state.roots.contains(&callout.context) && !state.streams.contains_key(&callout.context)
        {
            return Ok(());
        }
        let period = state.tick;
        let (headers, body) = (
            u32::try_from(answer.headers.len())?,
            u32::try_from(answer.body.len())?,
        );
        state.answer = Some(answer);
        let arguments = (callout.context, token, headers, body, 0);
        self.call::<(u32, u32, u32, u32, u32), ()>(
            "proxy_on_http_call_response",
            callout.context,
            arguments,
        )?;
        self.store.data_mut().answer = None;
        self.pump()?;
        self.hurry(period)
    }
}
