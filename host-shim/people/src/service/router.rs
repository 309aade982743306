//! Which part of the service a request is for, and whether it is of the filter.

use http_body_util::Full;
use hyper::body::{Body, Bytes};
use hyper::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, ORIGIN, RETRY_AFTER, USER_AGENT,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use registry_auth_engine::UnixTime;
use registry_auth_engine::login::{CALLER_HEADER, Caller, LoginAnswer, MAX_QUESTION, PATH};

use super::LoginService;
use super::body::{self, Unread};
use super::question::Answered;
use super::shares::Share;
use crate::apikey::{self, KeyRequest, MAX_BODY};
use crate::session::begin::session_of;
use crate::session::own_request::is_own;

/// The longest body of a page's form, in bytes.
const MAX_FORM: usize = 64 * 1024;

/// What is sent back.
pub(super) type Sent = Response<Full<Bytes>>;

impl LoginService {
    /// Answers a request.
    pub(super) async fn route<B>(&self, request: Request<B>, now: UnixTime) -> Sent
    where
        B: Body<Data = Bytes> + Send,
    {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        // Before the body, which may come slowly.
        let visit = if path == PATH {
            None
        } else {
            match self.visit(&head, now) {
                Ok(visit) => Some(visit),
                Err(refused) => return *refused,
            }
        };
        let limit = match path {
            PATH => MAX_QUESTION,
            // One more: the API says that a body is too long.
            apikey::PATH => MAX_BODY + 1,
            _ => MAX_FORM,
        };
        let body = match body::read(body, limit).await {
            Ok(body) => body,
            Err(Unread::TooLong) if path == apikey::PATH => Bytes::from(vec![b' '; MAX_BODY + 1]),
            Err(Unread::TooLong) => return text(413, "the body is too long\n"),
            Err(Unread::Broken) => return text(400, "the body broke off\n"),
            Err(Unread::TooSlow) => return text(408, "the body takes too long\n"),
        };
        let Some((caller, _share)) = visit else {
            return self.question(&head, &body, now).await;
        };
        if path == apikey::PATH {
            return self.key_api(&head, &body, &caller, now).await;
        }
        let request = Request::from_parts(head, body);
        let answered = self.pages.handle(&request, &caller, now).await;
        if let Some(problem) = answered.problem {
            let path = request.uri().path();
            tracing::warn!(
                path,
                reason = problem.reason.id(),
                detail = problem.detail,
                client = caller.client,
                "a login by a provider failed"
            );
        }
        answered.response.map(Full::new)
    }

    /// Who visits, and a place of that address.
    ///
    /// # Errors
    /// The answer to somebody who does not come through the proxy, or has too many places.
    fn visit(&self, head: &Parts, now: UnixTime) -> Result<(Caller, Share), Box<Sent>> {
        // Nobody but the proxy has anything to ask here.
        let caller = self
            .caller(head, now)
            .ok_or_else(|| Box::new(text(401, "the request did not come through the proxy\n")))?;
        let share = self.shares.take(caller.client.as_deref()).ok_or_else(|| {
            let mut refused = text(429, "too many requests from this address at once\n");
            let headers = refused.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from_static("3"));
            Box::new(refused)
        })?;
        Ok((caller, share))
    }

    async fn question(&self, head: &Parts, body: &Bytes, now: UnixTime) -> Sent {
        if head.method != Method::POST {
            return text(405, "only POST\n");
        }
        let credential = bearer(&head.headers);
        match self.answer(credential, body, now).await {
            Answered::Answer(answer) => sent(&answer),
            Answered::Unproven(why) => {
                tracing::warn!(why, "refused a question that did not come from the filter");
                text(401, "the question is none of the filter\n")
            }
            Answered::Invalid => text(400, "the body is no question of this version\n"),
        }
    }

    /// What the filter says of the caller; `None` if it is not the filter that says it.
    fn caller(&self, head: &Parts, now: UnixTime) -> Option<Caller> {
        let mut values = head.headers.get_all(CALLER_HEADER).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return None;
        };
        let path = head.uri.path_and_query()?.as_str();
        let method = head.method.as_str();
        Caller::verify(value.as_bytes(), method, path, &self.push_key, now).ok()
    }

    async fn key_api(&self, head: &Parts, body: &Bytes, caller: &Caller, now: UnixTime) -> Sent {
        let Some(api) = &self.api else {
            return text(404, "this registry has no API keys\n");
        };
        let field = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        let identity = caller.identity.as_ref();
        // A browser sends cookies for pages of others too; nobody else sends what it was not given.
        let is_browser = identity.is_some_and(|identity| session_of(identity).is_some());
        let request = KeyRequest {
            method: head.method.as_str(),
            query: head.uri.query().unwrap_or_default(),
            user_agent: field(USER_AGENT).unwrap_or_default(),
            origin: field(ORIGIN),
            body,
            caller: identity,
            is_own: !is_browser || is_own(&head.headers, self.pages.social.external()),
        };
        // Before a key is deleted: what is deleted has to end.
        if head.method == Method::DELETE
            && let Some(Err(full)) = identity.map(|identity| self.ended.check(&identity.user, now))
        {
            let mut refused = text(429, "too many keys and sessions were ended lately\n");
            let seconds = full.retry_after.as_secs().max(1);
            refused.headers_mut().insert(RETRY_AFTER, seconds.into());
            return refused;
        }
        let mut answer = api.answer(&request, now).await;
        if let (Some(id), Some(identity)) = (answer.ended.take(), identity)
            && let Err(error) = self.end_key(&identity.user, id, now).await
        {
            tracing::warn!(%error, "other replicas do not know yet that an API key has ended");
        }
        let body = Bytes::copy_from_slice(answer.body.as_bytes());
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status(answer.status);
        for (name, value) in answer.fields {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    value.as_bytes().strip_prefix(b"Bearer ")
}

fn sent(answer: &LoginAnswer) -> Sent {
    let mut response = Response::new(Full::new(Bytes::from(answer.body())));
    *response.status_mut() = status(answer.status());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(after) = answer.retry_after() {
        headers.insert(RETRY_AFTER, after.into());
    }
    response
}

pub(super) fn text(code: u16, message: &'static str) -> Sent {
    let mut response = Response::new(Full::new(Bytes::from_static(message.as_bytes())));
    *response.status_mut() = status(code);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
