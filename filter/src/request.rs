//! One request: read the head, decide, enforce.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::abi;
use crate::enforce::{self, Outcome};
use crate::filter::{Filter, Progress};

/// The context of one request; without a filter every request is refused.
pub(crate) struct Request {
    id: u32,
    filter: Option<Rc<Filter>>,
    /// Until the head is granted, or waits to be.
    refused: bool,
}

impl Request {
    pub(crate) const fn new(id: u32, filter: Option<Rc<Filter>>) -> Self {
        Self { id, filter, refused: true }
    }
}

impl Context for Request {}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let Some(filter) = &self.filter else {
            enforce::not_ready();
            return Action::Pause;
        };
        match filter.begin(self.id) {
            Ok(Progress::Decided(Outcome::Granted)) => {
                self.refused = false;
                Action::Continue
            }
            Ok(Progress::Decided(Outcome::Refused)) => Action::Pause,
            Ok(Progress::Waits { turn }) => {
                self.refused = false;
                if turn {
                    abi::give_turn_to(filter.root());
                }
                abi::wait_with_body();
                Action::Pause
            }
            Err(_) => {
                enforce::not_ready();
                Action::Pause
            }
        }
    }

    /// Some hosts begin the body of a paused request: it must not go on by that.
    fn on_http_request_body(&mut self, _: usize, _: bool) -> Action {
        let undecided = self.filter.as_ref().is_none_or(|filter| filter.waits(self.id));
        if self.refused || undecided { Action::Pause } else { Action::Continue }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if let Some(filter) = &self.filter {
            filter.end(self.id);
        }
    }
}
