//! Sends the engine's questions to the registry, and reads the responses.

use std::time::Duration;

use registry_auth_engine::compile::Upstream;
use registry_auth_engine::question::{Question, QuestionResponse};

use crate::host::{self, HostError};

const TAG_TIMEOUT: Duration = Duration::from_millis(2_500);
const PAGE_TIMEOUT: Duration = Duration::from_secs(20);
/// The most that is read of a page: a thousand names of greatest length, and room.
const MAX_PAGE: usize = 1024 * 1024;

/// Sends a question; the response comes to the effective context under the returned number. The
/// host is the configured one, whatever the client's is: with another the registry could be one
/// that does not have the tag.
pub(crate) fn ask(
    upstream: &Upstream,
    question: &Question,
    authorization: Option<&str>,
) -> Result<u32, HostError> {
    let request = question.request();
    let mut headers = vec![
        (":method", request.method),
        (":path", &request.target),
        (":authority", &upstream.host),
        ("accept", request.accept),
        ("user-agent", "registry-auth"),
    ];
    if let Some(value) = authorization {
        headers.push(("authorization", value));
    }
    host::call(&upstream.cluster, &headers, timeout(question))
}

const fn timeout(question: &Question) -> Duration {
    match question {
        Question::Tag(_) | Question::Registry(_) => TAG_TIMEOUT,
        Question::Catalog(_) => PAGE_TIMEOUT,
    }
}

/// Reads the response to the effective context's callout; `None` if any part of it cannot be read.
pub(crate) fn response(question: &Question, body_size: usize) -> Option<QuestionResponse> {
    let headers = host::callout_headers().ok()?;
    let body = if !question.reads_body() {
        Vec::new()
    } else if body_size > MAX_PAGE {
        return None;
    } else {
        host::callout_body(MAX_PAGE).ok()?
    };
    Some(QuestionResponse { headers, body })
}
