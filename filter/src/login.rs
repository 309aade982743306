//! Asks the login service, and reads its answers.

use std::time::Duration;

use registry_auth_engine::compile::LoginService;
use registry_auth_engine::keys::envelope::PushKey;
use registry_auth_engine::login::{LoginAnswer, LoginQuestion, LoginRequest, PATH};
use registry_auth_engine::time::UnixTime;

use crate::host::{self, HostError};

/// The most that is read of an answer, in bytes: a token of the greatest length, and room.
const MAX_ANSWER: usize = 64 * 1024;

/// How much longer than the callout a request waits, so that the end of the callout is seen first.
const MARGIN: Duration = Duration::from_secs(1);

/// Where the login service is, and what it knows this filter by.
pub(crate) struct Login {
    service: LoginService,
    pub(crate) key: PushKey,
}

impl Login {
    pub(crate) const fn new(service: LoginService, key: PushKey) -> Self {
        Self { service, key }
    }

    /// How long a request waits for an answer, counted from its arrival: it may have waited for
    /// its body before.
    pub(crate) fn patience(&self) -> Duration {
        self.service.timeout.saturating_add(MARGIN)
    }

    /// Sends a question; the answer comes to the effective context under the returned number.
    pub(crate) fn ask(&self, question: &LoginQuestion, now: UnixTime) -> Result<u32, HostError> {
        let body = question.to_json();
        let request = LoginRequest {
            nonce: host::random_bytes::<16>().to_vec(),
            at: now,
        };
        let authorization = format!("Bearer {}", request.sign(&body, &self.key));
        let headers = [
            (":method", "POST"),
            (":path", PATH),
            (":authority", "login"),
            ("content-type", "application/json"),
            ("accept", "application/json"),
            ("user-agent", "registry-auth"),
            ("authorization", authorization.as_str()),
        ];
        host::post(&self.service.cluster, &headers, &body, self.service.timeout)
    }
}

/// Reads the answer to the effective context's callout, or that there is none.
pub(crate) fn read(body_size: usize) -> LoginAnswer {
    let answer = || {
        let headers = host::callout_headers().ok()?;
        let status = std::str::from_utf8(headers.first(":status")?).ok()?;
        let status = status.parse().ok()?;
        if body_size > MAX_ANSWER {
            return None;
        }
        let body = host::callout_body(MAX_ANSWER).ok()?;
        Some(LoginAnswer::read(
            status,
            headers.first("retry-after"),
            &body,
        ))
    };
    answer().unwrap_or(LoginAnswer::NONE)
}
