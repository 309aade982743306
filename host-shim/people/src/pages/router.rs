//! Which page a request is for.

use std::sync::Arc;

use hyper::body::Bytes;
use hyper::header::HOST;
use hyper::{Method, Request, Response};
use registry_auth_engine::UnixTime;
use registry_auth_engine::login::{Caller, CallerIdentity};

use super::api::{NotEnded, PagesApi};
use super::respond::Reply;
use super::{error_page, layout};
use crate::session::Sessions;
use crate::session::own_request::is_own;
use crate::social::{External, Social, SocialError};

/// The longest form that is read, in bytes.
const MAX_FORM: usize = 16 * 1024;

/// The pages, and what they need.
pub struct Pages {
    /// Login by providers, with our own address.
    pub social: Social,
    /// Whether there are passwords (htpasswd or LDAP).
    pub has_passwords: bool,
    /// Whether there are API keys.
    pub has_keys: bool,
    /// Makes sessions.
    pub sessions: Sessions,
    /// The rest of the service.
    pub api: Arc<dyn PagesApi>,
}

/// A request with what is known of it.
pub(super) struct Visit<'a> {
    pub(super) request: &'a Request<Bytes>,
    pub(super) caller: &'a Caller,
    pub(super) now: UnixTime,
}

/// What an answer is, and what the log says of it.
pub struct Answered {
    /// The answer.
    pub response: Response<Bytes>,
    /// What went wrong at a provider, for the log. It holds no secret and no text of others.
    pub problem: Option<SocialError>,
}

impl Pages {
    /// Answers a request for one of the pages and routes. `caller` is what the filter says of it.
    pub async fn handle(
        &self,
        request: &Request<Bytes>,
        caller: &Caller,
        now: UnixTime,
    ) -> Answered {
        let visit = Visit {
            request,
            caller,
            now,
        };
        let path = request.uri().path();
        let method = request.method();
        let provider = path.strip_prefix("/zot/auth/callback/");
        let reply = match (method, path) {
            (&Method::GET, "/zot/auth/login") => return self.begin(&visit).await,
            (&Method::GET, _) if let Some(provider) = provider => {
                return self.finish(&visit, provider).await;
            }
            (&Method::GET, "/login") => self.login_page(&visit),
            (&Method::GET, "/login/keys") => self.keys(&visit).await,
            (&Method::GET, "/login/style.css") => {
                Reply::new(200, "text/css; charset=utf-8", layout::STYLE).cached()
            }
            (&Method::GET, "/login/keys.js") => {
                Reply::new(200, "text/javascript; charset=utf-8", layout::SCRIPT).cached()
            }
            (
                &Method::POST,
                "/login" | "/login/keys" | "/login/keys/delete" | "/login/logout"
                | "/zot/auth/logout",
            ) => self.change(&visit, path).await,
            (_, "/login" | "/login/keys") => Reply::method_not_allowed("GET, POST"),
            (_, "/login/keys/delete" | "/login/logout" | "/zot/auth/logout") => {
                Reply::method_not_allowed("POST")
            }
            (_, "/zot/auth/login" | "/login/style.css" | "/login/keys.js") => {
                Reply::method_not_allowed("GET")
            }
            _ if provider.is_some() => Reply::method_not_allowed("GET"),
            _ => self.error(404, "Not found", "There is no such page.", "not_found"),
        };
        reply.into()
    }

    /// What changes something: only from our own pages, and from the user interface.
    async fn change(&self, visit: &Visit<'_>, path: &str) -> Reply {
        if !is_own(visit.request.headers(), self.external()) {
            let text = "The request does not come from a page of this registry.";
            return self.error(403, "Not allowed", text, "other_site");
        }
        if visit.request.body().len() > MAX_FORM {
            return self.error(413, "Too long", "The form is too long.", "form_too_long");
        }
        match path {
            "/login" => self.password(visit).await,
            "/login/keys" => self.make_key(visit).await,
            "/login/keys/delete" => self.delete_key(visit).await,
            "/login/logout" => self.logout_by_page(visit).await,
            _ => self.logout_by_interface(visit).await,
        }
    }

    pub(super) const fn external(&self) -> &External {
        self.social.external()
    }

    pub(super) fn prefix(&self) -> &str {
        self.external().prefix()
    }

    /// The registry's host, as people know it.
    pub(super) fn host<'a>(&'a self, visit: &'a Visit<'_>) -> &'a str {
        let host = visit.request.headers().get(HOST);
        self.external()
            .shown(host.and_then(|host| host.to_str().ok()))
    }

    pub(super) fn error(&self, status: u16, title: &str, text: &str, reason: &str) -> Reply {
        let page = error_page::render(self.prefix(), title, text, reason);
        Reply::page(status, page, None)
    }

    pub(super) fn not_ended(&self, why: NotEnded) -> Reply {
        match why {
            NotEnded::Unavailable(reason) => self.unavailable(&reason),
            NotEnded::TooMany(full) => {
                let text =
                    "Too many of your sessions and keys were ended lately. Wait, then try again.";
                self.error(429, "Not now", text, "too_many_ended")
                    .retry_after(full.retry_after)
            }
        }
    }

    pub(super) fn unavailable(&self, reason: &dyn std::fmt::Display) -> Reply {
        let text = "The login service lacks something that it needs. Try again in a moment.";
        self.error(503, "Not now", text, &reason.to_string())
            .retry_after(std::time::Duration::from_secs(5))
    }
}

impl Visit<'_> {
    pub(super) fn identity(&self) -> Option<&CallerIdentity> {
        self.caller.identity.as_ref()
    }

    /// A parameter of the query; of several the first.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let query = self.request.uri().query().unwrap_or_default();
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find_map(|(found, value)| (found == name).then(|| value.into_owned()))
    }

    /// A field of the form.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.request.body());
        pairs.find_map(|(found, value)| (found == name).then(|| value.into_owned()))
    }
}

impl From<Reply> for Answered {
    fn from(reply: Reply) -> Self {
        Self {
            response: reply.done(),
            problem: None,
        }
    }
}
