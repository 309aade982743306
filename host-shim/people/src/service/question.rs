//! `POST /v1/login`: the filter hands over a user name and a secret.

use std::net::IpAddr;
use std::time::Duration;

use registry_auth_engine::UnixTime;
use registry_auth_engine::login::{
    Audience, LoginAnswer, LoginPurpose, LoginQuestion, LoginRequest, Unavailable as Wire,
};

use super::nonces::Refused;
use super::{LoginService, audit};
use crate::person::{LoginError, Person, Unavailable};
use crate::secret::Secret;
use crate::token::longest;

/// The answer to a question.
pub(super) enum Answered {
    /// One that the filter reads.
    Answer(LoginAnswer),
    /// It is none of the filter.
    Unproven(&'static str),
    /// It is of the filter, but not a question.
    Invalid,
}

impl LoginService {
    /// Answers a question. `credential` is the bearer that came with it.
    pub(super) async fn answer(
        &self,
        credential: Option<&[u8]>,
        body: &[u8],
        now: UnixTime,
    ) -> Answered {
        let proven = credential.map(|text| LoginRequest::verify(text, body, &self.push_key, now));
        let Some(Ok(request)) = proven else {
            return Answered::Unproven("the question has no good MAC, or its time is another");
        };
        match self.nonces.take(request.nonce, request.at, now) {
            Ok(()) => {}
            Err(Refused::Seen) => return Answered::Unproven("the question was asked before"),
            Err(Refused::Full) => {
                return Answered::Answer(LoginAnswer::Unavailable {
                    why: Wire::Busy,
                    retry_after: 60,
                });
            }
        }
        let Ok(question) = LoginQuestion::read(body) else {
            return Answered::Invalid;
        };
        let secret = Secret::new(question.secret.as_bytes().to_vec());
        let client = question.client.as_deref();
        let address: Option<IpAddr> = client.and_then(|client| client.parse().ok());
        let result = self
            .login
            .authenticate(&question.user, secret, address)
            .await;
        let (audience, what) = match question.purpose {
            LoginPurpose::Login => (Audience::Login, "request"),
            LoginPurpose::Token => (Audience::Token, "token"),
        };
        audit::login(&question.user, &result, client, what);
        Answered::Answer(self.answer_of(result, audience, now))
    }

    fn answer_of(
        &self,
        result: Result<Person, LoginError>,
        audience: Audience,
        now: UnixTime,
    ) -> LoginAnswer {
        match result {
            Ok(person) => {
                LoginAnswer::Token(self.key.mint(&person, audience, longest(audience), now))
            }
            Err(LoginError::WrongPassword) => LoginAnswer::WrongPassword,
            Err(LoginError::TooManyAttempts { retry_after }) => LoginAnswer::TooManyAttempts {
                retry_after: seconds(retry_after),
            },
            Err(LoginError::Unavailable {
                reason,
                retry_after,
            }) => LoginAnswer::Unavailable {
                why: match reason {
                    Unavailable::Directory => Wire::Directory,
                    Unavailable::Store => Wire::Store,
                    Unavailable::Busy => Wire::Busy,
                },
                retry_after: seconds(retry_after),
            },
        }
    }
}

/// Whole seconds, rounded up, at least one.
fn seconds(duration: Duration) -> u32 {
    let rounded = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    u32::try_from(rounded.max(1)).unwrap_or(u32::MAX)
}
