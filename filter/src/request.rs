//! One request, as the SDK hands it over.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::abi;
use crate::enforce;
use crate::filter::{BodyGate, Filter};
use crate::host;

/// The context of one request; without a filter every request is refused.
pub(crate) struct Request {
    id: u32,
    root: u32,
    filter: Option<Rc<Filter>>,
}

impl Request {
    pub(crate) const fn new(id: u32, root: u32, filter: Option<Rc<Filter>>) -> Self {
        Self { id, root, filter }
    }

    fn action(&self, gate: BodyGate) -> Action {
        match gate {
            BodyGate::Open => return Action::Continue,
            BodyGate::Closed => {}
            BodyGate::Waiting { turn } => {
                if turn {
                    abi::give_turn_to(self.root);
                }
                abi::wait_with_body();
            }
        }
        Action::Pause
    }
}

impl Context for Request {}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let Some(filter) = &self.filter else {
            // If it cannot be answered it stays held, and ends with the host's time limit.
            let _ = host::reply(&enforce::not_ready());
            return Action::Pause;
        };
        self.action(filter.headers(self.id, end_of_stream))
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let gate = self.filter.as_ref().map(|filter| filter.body(self.id, Some(size), end_of_stream));
        self.action(gate.unwrap_or(BodyGate::Closed))
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        let gate = self.filter.as_ref().map(|filter| filter.body(self.id, None, true));
        self.action(gate.unwrap_or(BodyGate::Closed))
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if let Some(filter) = &self.filter {
            filter.forget(self.id);
        }
    }
}
