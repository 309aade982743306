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
}

impl Request {
    pub(crate) const fn new(id: u32, filter: Option<Rc<Filter>>) -> Self {
        Self { id, filter }
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
            Ok(Progress::Decided(Outcome::Granted)) => Action::Continue,
            Ok(Progress::Decided(Outcome::Refused)) => Action::Pause,
            Ok(Progress::Waits { turn }) => {
                if turn {
                    abi::give_turn_to(filter.root());
                }
                if filter.enforcement.read_request_bodies {
                    abi::wait_with_body();
                }
                Action::Pause
            }
            Err(_) => {
                enforce::not_ready();
                Action::Pause
            }
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if let Some(filter) = &self.filter {
            filter.end(self.id);
        }
    }
}
