//! One request: read the head, decide, enforce.

use std::cell::Cell;
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::abi;
use crate::enforce;
use crate::filter::{Filter, Outcome, Progress};
use crate::host;

/// The context of one request; without a filter every request is refused.
pub(crate) struct Request {
    id: u32,
    filter: Option<Rc<Filter>>,
    passes: Passes,
    /// Bytes of the body that have been there.
    body_size: usize,
}

/// Whether the request, and so its body, may go on.
enum Passes {
    /// It was answered, or will be.
    No,
    /// It was granted.
    Yes,
    /// Not before it is granted.
    Later(Rc<Cell<bool>>),
}

impl Request {
    pub(crate) const fn new(id: u32, filter: Option<Rc<Filter>>) -> Self {
        Self { id, filter, passes: Passes::No, body_size: 0 }
    }

    fn begin(&mut self, filter: &Filter, ended: bool) {
        self.passes = match filter.begin(self.id, ended) {
            Ok(Progress::Decided(Outcome::Granted)) => Passes::Yes,
            // Nothing is granted on the grounds of a body: it is read to be answered.
            Ok(Progress::Decided(Outcome::Answered) | Progress::ReadsBody) => Passes::No,
            Ok(Progress::Waits { turn, granted }) => {
                if turn {
                    abi::give_turn_to(filter.root());
                }
                abi::wait_with_body();
                Passes::Later(granted)
            }
            Err(_) => {
                filter.refuse_unread(self.id);
                Passes::No
            }
        };
    }

    fn go_on(&self) -> Action {
        let granted = match &self.passes {
            Passes::No => false,
            Passes::Yes => true,
            Passes::Later(granted) => granted.get(),
        };
        if granted { Action::Continue } else { Action::Pause }
    }
}

impl Context for Request {}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        match self.filter.clone() {
            Some(filter) => self.begin(&filter, end_of_stream),
            // If it cannot be answered it stays held, and ends with the host's time limit.
            None => drop(host::reply(&enforce::not_ready())),
        }
        self.go_on()
    }

    /// Some hosts begin the body of a paused request: it must not go on by that.
    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.body_size = size;
        if let Some(filter) = &self.filter {
            filter.read_body(self.id, size, end_of_stream);
        }
        self.go_on()
    }

    /// A body may end with trailers instead of a last piece.
    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        if let Some(filter) = &self.filter {
            filter.read_body(self.id, self.body_size, true);
        }
        self.go_on()
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if let Some(filter) = &self.filter {
            filter.end(self.id);
        }
    }
}
