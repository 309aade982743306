//! Login by a provider: `/zot/auth/login` and `/zot/auth/callback/PROVIDER`.

use std::time::Duration;

use hyper::header::HeaderValue;

use super::respond::Reply;
use super::router::{Answered, Pages, Visit};
use crate::person::{Method, Person};
use crate::session::SessionError;
use crate::session::begin::session_of;
use crate::session::cookie::{self, NewCookie};
use crate::social::sealed::{COOKIE, LIFETIME};
use crate::social::{Reason, SocialError};

impl Pages {
    /// Sends the browser to the provider.
    pub(super) async fn begin(&self, visit: &Visit<'_>) -> Answered {
        let provider = visit.parameter("provider").unwrap_or_default();
        let callback_ui = visit.parameter("callback_ui").unwrap_or_default();
        let begun = match self.social.begin(&provider, &callback_ui, visit.now).await {
            Ok(begun) => begun,
            Err(error) => return self.failed(error, None),
        };
        match self.login_cookie(visit, &begun.cookie, LIFETIME) {
            Some(cookie) => Reply::redirect(302, &begun.location)
                .cookies([cookie])
                .into(),
            None => self.failed(Reason::Internal.because("callback_ui is too long"), None),
        }
    }

    /// Finishes a login, and begins a session.
    pub(super) async fn finish(&self, visit: &Visit<'_>, provider: &str) -> Answered {
        let removal = self.login_cookie(visit, "", Duration::ZERO);
        let query = visit.request.uri().query().unwrap_or_default();
        let cookie = cookie::value(visit.request.headers(), COOKIE);
        let finished = match self.social.finish(provider, query, cookie, visit.now).await {
            Ok(finished) => finished,
            Err(error) => return self.failed(error, removal),
        };
        if self.api.is_local(&finished.named.user) {
            return self.failed(Reason::NameTaken.into(), removal);
        }
        let person = Person {
            user: finished.named.user,
            groups: finished.named.groups,
            method: Method::OpenId(finished.provider),
            sid: String::new(),
            not_after: None,
            scopes: Vec::new(),
        };
        if let Err(reason) = self.api.logged_in(&person).await {
            return self.unavailable(&reason).cookies(removal).into();
        }
        match self
            .session(visit, person, 302, &finished.callback_ui)
            .await
        {
            Ok(reply) => reply.cookies(removal).into(),
            Err(error) => self.failed(error, removal),
        }
    }

    /// Begins a session, ends the one that the browser has, and sends the browser on.
    ///
    /// # Errors
    /// [`Reason::TooManyGroups`], or there are no random bytes.
    pub(super) async fn session(
        &self,
        visit: &Visit<'_>,
        person: Person,
        status: u16,
        location: &str,
    ) -> Result<Reply, SocialError> {
        let headers = visit.request.headers();
        let session =
            self.sessions
                .begin(person, headers, visit.now)
                .map_err(|error| match error {
                    SessionError::TooLong => SocialError::from(Reason::TooManyGroups),
                    SessionError::TooMany => Reason::Busy.because(error),
                    SessionError::NoRandomBytes(error) => error.into(),
                })?;
        // Who planted the old session must not have the new one, nor keep what was begun with it.
        if let Err(reason) = self.end_session(visit).await {
            return Ok(reason);
        }
        Ok(Reply::redirect(status, location).cookies(session.cookies))
    }

    /// Ends the session of the caller, if there is one.
    ///
    /// # Errors
    /// The answer, if the user has ended too much lately, or the store does not answer.
    pub(super) async fn end_session(&self, visit: &Visit<'_>) -> Result<(), Reply> {
        let Some(identity) = visit.identity() else {
            return Ok(());
        };
        let Some(id) = session_of(identity) else {
            return Ok(());
        };
        let longest = crate::token::longest(crate::token::Audience::Session);
        let until = identity.expires.unwrap_or_else(|| visit.now.after(longest));
        let ended = self.api.end(&identity.user, id, until).await;
        ended.map_err(|why| self.not_ended(why))
    }

    pub(super) fn failed(&self, error: SocialError, cookie: Option<HeaderValue>) -> Answered {
        let (status, id, text) = error.reason.page();
        let reply = self.error(status, "Login failed", text, id).cookies(cookie);
        let reply = if status == 503 {
            reply.retry_after(Duration::from_secs(30))
        } else {
            reply
        };
        Answered {
            response: reply.done(),
            problem: Some(error),
        }
    }

    fn login_cookie(&self, visit: &Visit<'_>, value: &str, age: Duration) -> Option<HeaderValue> {
        let cookie = NewCookie {
            name: COOKIE,
            value,
            path: &format!("{}/zot/auth/callback", self.prefix()),
            max_age: age,
            http_only: true,
            secure: self.sessions.is_secure(visit.request.headers()),
        };
        cookie.header()
    }
}
