//! A session begins with a login, has an id of its own, and ends by time, by logout, or by the next
//! login of the same browser.

use std::sync::Arc;
use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::HeaderValue;
use registry_auth_engine::UnixTime;
use registry_auth_engine::login::{COOKIE, CallerIdentity};

use super::cookie::{NewCookie, USER, encoded_user};
use super::live::{LiveSessions, MAX_LIVE};
use crate::person::Person;
use crate::random::{self, NoRandomBytes};
use crate::token::{Audience, LoginKey, longest};

/// What the id of a session begins with.
const PREFIX: &str = "s.";

/// Makes sessions.
#[derive(Debug)]
pub struct Sessions {
    key: LoginKey,
    /// How long they last.
    lifetime: Duration,
    /// Whether cookies are for TLS only, wherever a request comes from.
    secure: bool,
    live: Arc<LiveSessions>,
}

/// A session that has begun.
pub struct NewSession {
    /// Its id.
    pub id: String,
    /// When it ends.
    pub until: UnixTime,
    /// `Set-Cookie`, each.
    pub cookies: Vec<HeaderValue>,
}

/// Why there is no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// Name and groups do not fit into a cookie.
    #[error("the user name and the groups do not fit into a cookie")]
    TooLong,
    /// There are too many sessions.
    #[error("there are {MAX_LIVE} sessions already")]
    TooMany,
    /// There are no random bytes for an id.
    #[error(transparent)]
    NoRandomBytes(#[from] NoRandomBytes),
}

impl Sessions {
    /// Signs with `key`. Sessions last two hours, or `max_age` if that is shorter. Cookies are for
    /// TLS only if `secure`, or if a request came by TLS. Those that begin are recorded in `live`.
    #[must_use]
    pub fn new(
        key: LoginKey,
        max_age: Option<Duration>,
        secure: bool,
        live: Arc<LiveSessions>,
    ) -> Self {
        let longest = longest(Audience::Session);
        Self {
            key,
            lifetime: max_age.map_or(longest, |max_age| max_age.min(longest)),
            secure,
            live,
        }
    }

    /// Begins a session of `person`, whose `sid` and those of `parents` end it too, for a request
    /// with these headers.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub fn begin(
        &self,
        mut person: Person,
        headers: &HeaderMap,
        now: UnixTime,
    ) -> Result<NewSession, SessionError> {
        let id = format!("{PREFIX}{}", random::text::<16>()?);
        let end = now.after(self.lifetime);
        let until = person.not_after.map_or(end, |latest| end.min(latest));
        let found = person.clone();
        let parent = std::mem::replace(&mut person.sid, id.clone());
        let parents: Vec<String> = Some(parent)
            .filter(|id| !id.is_empty())
            .into_iter()
            .collect();
        let token = self
            .key
            .mint_below(&parents, &person, Audience::Session, self.lifetime, now);
        let secure = self.is_secure(headers);
        let session = NewCookie {
            name: COOKIE,
            value: &token,
            path: "/",
            max_age: until.since(now),
            http_only: true,
            secure,
        };
        let user = NewCookie {
            name: USER,
            value: &encoded_user(&person.user),
            http_only: false,
            ..session
        };
        let cookies = [session.header(), user.header()].into_iter().collect();
        let cookies = Option::<Vec<_>>::ok_or(cookies, SessionError::TooLong)?;
        if !self.live.begin(&id, &found, until, now) {
            return Err(SessionError::TooMany);
        }
        Ok(NewSession { id, until, cookies })
    }

    /// `Set-Cookie` that removes what [`begin`](Self::begin) sets.
    #[must_use]
    pub fn removal(&self, headers: &HeaderMap) -> Vec<HeaderValue> {
        let removed = |name, http_only| NewCookie {
            name,
            value: "",
            path: "/",
            max_age: Duration::ZERO,
            http_only,
            secure: self.is_secure(headers),
        };
        let cookies = [removed(COOKIE, true), removed(USER, false)];
        cookies.iter().filter_map(NewCookie::header).collect()
    }

    /// Whether cookies of the answer to a request are for TLS only. The field is the proxy's; a
    /// browser that wrote it would hurt itself alone.
    #[must_use]
    pub fn is_secure(&self, headers: &HeaderMap) -> bool {
        self.secure
            || headers
                .get("x-forwarded-proto")
                .is_some_and(|scheme| scheme == "https")
    }
}

/// The id of the session that a caller has, if it is one: other ids belong to more than one
/// browser, and no browser ends those.
#[must_use]
pub fn session_of(identity: &CallerIdentity) -> Option<&str> {
    identity.id.as_deref().filter(|id| id.starts_with(PREFIX))
}

/// The provider that a caller has logged in with.
#[must_use]
pub fn provider_of(identity: &CallerIdentity) -> Option<&str> {
    let mut methods = identity.methods.iter();
    methods.find_map(|method| method.strip_prefix("openid:"))
}

impl std::fmt::Debug for NewSession {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("NewSession([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use registry_auth_engine::authn::token::UnverifiedToken;

    use super::*;
    use crate::Method;
    use crate::token::RootKey;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    fn person(sid: &str, groups: usize) -> Person {
        Person {
            user: "jürgen".into(),
            groups: (0..groups)
                .map(|index| format!("group-{index:04}"))
                .collect(),
            method: Method::OpenId("oidc".into()),
            sid: sid.into(),
            not_after: None,
            scopes: Vec::new(),
        }
    }

    fn sessions(max_age: Option<u64>, secure: bool) -> Sessions {
        let key = LoginKey::of(&RootKey::random().unwrap()).unwrap();
        Sessions::new(
            key,
            max_age.map(Duration::from_secs),
            secure,
            Arc::default(),
        )
    }

    fn begin(
        sessions: &Sessions,
        person: Person,
        proto: &'static str,
    ) -> (NewSession, Vec<String>) {
        let headers = HeaderMap::from_iter([(
            "x-forwarded-proto".parse().unwrap(),
            HeaderValue::from_static(proto),
        )]);
        let session = sessions.begin(person, &headers, NOW).unwrap();
        let cookies = session.cookies.iter();
        let cookies = cookies
            .map(|cookie| cookie.to_str().unwrap().to_owned())
            .collect();
        (session, cookies)
    }

    #[test]
    fn each_login_has_an_id_of_its_own() {
        let sessions = sessions(None, false);
        let (first, cookies) = begin(&sessions, person("h.1", 1), "http");
        let (second, _) = begin(&sessions, person("h.1", 1), "http");
        assert_ne!(first.id, second.id);
        assert_eq!(first.id.len(), 24);
        let (token, attributes) = cookies[0].split_once("; ").unwrap();
        assert_eq!(attributes, "Path=/; Max-Age=7200; HttpOnly; SameSite=Lax");
        assert_eq!(
            cookies[1],
            "user=j%C3%BCrgen; Path=/; Max-Age=7200; SameSite=Lax"
        );
        let token = token.strip_prefix("session=").unwrap();
        let claims = UnverifiedToken::parse(token).unwrap();
        let claims = claims.claims_unverified().as_map();
        assert_eq!(claims["sid"], first.id.as_str());
        assert_eq!(claims["parents"], serde_json::json!(["h.1"]));
        assert_eq!(claims["aud"], "session");
        assert_eq!(claims["exp"], first.until.secs());
    }

    #[test]
    fn a_cookie_of_tls_stays_there() {
        for (secure, proto, expected) in [
            (true, "http", true),
            (false, "https", true),
            (false, "http", false),
            (false, "https, http", false),
        ] {
            let (_, cookies) = begin(&sessions(None, secure), person("", 0), proto);
            for cookie in cookies {
                assert_eq!(cookie.contains("; Secure"), expected, "{secure} {proto}");
            }
        }
    }

    #[test]
    fn a_session_ends_with_the_shortest_of_its_times() {
        for (max_age, not_after, expected) in [
            (None, None, 7200),
            (Some(60), None, 60),
            (Some(90_000), None, 7200),
            (None, Some(30), 30),
        ] {
            let mut person = person("", 0);
            person.not_after = not_after.map(|seconds| NOW.after(Duration::from_secs(seconds)));
            let (session, cookies) = begin(&sessions(max_age, false), person, "http");
            assert_eq!(session.until.since(NOW), Duration::from_secs(expected));
            assert!(cookies[0].contains(&format!("Max-Age={expected};")));
        }
    }

    #[test]
    fn groups_that_do_not_fit_are_not_cut_off() {
        let sessions = sessions(None, false);
        assert!(
            sessions
                .begin(person("", 150), &HeaderMap::new(), NOW)
                .is_ok()
        );
        let too_many = sessions.begin(person("", 400), &HeaderMap::new(), NOW);
        assert_eq!(too_many.unwrap_err(), SessionError::TooLong);
    }

    #[test]
    fn a_browser_ends_its_own_session_only() {
        for (id, expected) in [
            (Some("s.1"), Some("s.1")),
            (Some("h.1"), None),
            (None, None),
        ] {
            let identity = CallerIdentity {
                id: id.map(str::to_owned),
                ..CallerIdentity::default()
            };
            assert_eq!(session_of(&identity), expected);
        }
    }
}
