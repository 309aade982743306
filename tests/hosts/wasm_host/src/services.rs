//! What the VMs share: the log, and the callouts that wait to be answered.

use std::sync::{Mutex, MutexGuard, PoisonError};

use proxy_wasm_host::abi::v0_2_1::types::LogLevel;
use proxy_wasm_host::abi::v0_2_1::{
    CalloutId, Callouts, ContextId, HttpCall, HttpCallRefusal, Invocation, LogContext, LogSink,
};

use crate::line::{self, Callout};

/// Lines and callouts of a VM since they were taken.
#[derive(Debug, Default)]
pub(crate) struct Desk(Mutex<Papers>);

#[derive(Debug, Default)]
struct Papers {
    log: Vec<String>,
    new: Vec<Callout>,
    open: Vec<(CalloutId, ContextId)>,
}

impl Desk {
    fn papers(&self) -> MutexGuard<'_, Papers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lines and the callouts.
    pub(crate) fn take(&self) -> (Vec<String>, Vec<Callout>) {
        let mut papers = self.papers();
        (
            std::mem::take(&mut papers.log),
            std::mem::take(&mut papers.new),
        )
    }

    /// Takes an open callout and the context that it belongs to.
    pub(crate) fn close(&self, number: u32) -> Option<(CalloutId, ContextId)> {
        let mut papers = self.papers();
        let place = papers
            .open
            .iter()
            .position(|(callout, _)| callout.get() == number)?;
        Some(papers.open.remove(place))
    }
}

impl LogSink for Desk {
    fn log(&self, _: LogContext<'_>, level: LogLevel, message: &[u8]) {
        self.papers()
            .log
            .push(format!("{level:?}: {}", line::text(message)));
    }
}

impl Callouts for Desk {
    fn http_call(
        &self,
        call: Invocation,
        callout: CalloutId,
        request: HttpCall<'_>,
    ) -> Result<(), HttpCallRefusal> {
        let mut papers = self.papers();
        papers.open.push((callout, call.context));
        papers.new.push(Callout {
            number: callout.get(),
            upstream: line::text(&request.upstream),
            headers: line::fields(&request.headers),
        });
        Ok(())
    }
}
