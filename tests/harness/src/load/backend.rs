//! A registry with low overhead, which stores nothing.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response};

use crate::registry::API_VERSION;
use crate::server::{Port, Server};

/// Request header with the length that the body must have here.
pub const LENGTH: &str = "x-body-length";

/// The response to queries for a tag (`HEAD`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Question {
    /// There is no such tag.
    #[default]
    Answered,
    /// Status 500.
    Fails,
    /// No answer.
    Hangs,
}

/// A running registry: 200 to everything but a `HEAD`, 400 if a body is not as long as [`LENGTH`]
/// says.
pub struct Backend {
    question: Arc<Mutex<Question>>,
    server: Server,
}

impl Backend {
    /// Starts it on a free loopback port.
    ///
    /// # Errors
    /// The port cannot be bound, or no thread started.
    pub fn start() -> Result<Self> {
        let question: Arc<Mutex<Question>> = Arc::default();
        let shared = Arc::clone(&question);
        let server = Port::bind()?.serve(move |request| {
            let question = *shared.lock().unwrap_or_else(PoisonError::into_inner);
            answer(request, question)
        })?;
        Ok(Self { question, server })
    }

    /// Returns its address.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Sets the response to queries for tags.
    pub fn answer(&self, question: Question) {
        *self.question.lock().unwrap_or_else(PoisonError::into_inner) = question;
    }
}

async fn answer(request: Request<Incoming>, question: Question) -> Option<Response<Full<Bytes>>> {
    let (head, mut body) = request.into_parts();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame.ok()?.data_ref().map_or(0, Bytes::len);
    }
    let expected = head
        .headers
        .get(LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let status = match (&head.method, question) {
        (&Method::HEAD, Question::Answered) => 404,
        (&Method::HEAD, Question::Fails) => 500,
        (&Method::HEAD, Question::Hangs) => std::future::pending().await,
        _ if expected.unwrap_or(length) == length => 200,
        _ => 400,
    };
    Response::builder()
        .status(status)
        .header(API_VERSION.0, API_VERSION.1)
        .body(Full::from("{}"))
        .ok()
}
