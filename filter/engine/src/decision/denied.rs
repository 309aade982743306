//! A refusal, and the HTTP reply that is made of it: status, headers, the OCI error body, the
//! challenge.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::reason::Reason;
use crate::reply::{Realm, Reply, ReplyTo, unstored, warning};
use crate::topic::Topic;

/// Seconds after which a client may try again when keys cannot be fetched.
const RETRY_AFTER: u32 = 5;

/// A refusal, ready to be made into a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The row of the table.
    pub reason: Reason,
    /// What the client gets to know: the message of the condition or validation that was false, and
    /// of its own token since when it has expired.
    pub detail: Option<Arc<str>>,
    /// What the reason leaves open, for the log alone: which expression was false, which audience is
    /// wanted.
    pub cause: Option<String>,
    /// Scopes for the challenge, as Docker writes them, separated by blanks; empty for none.
    pub scope: String,
    /// The user name, when the caller is known; for the log.
    pub username: Option<Arc<str>>,
    /// The methods of the endpoint, for `Allow` (RFC 9110 section 15.5.6); empty for other
    /// refusals.
    pub allow: String,
    /// It is a reply of the token endpoint.
    pub asked_for_token: bool,
    /// Seconds after which the client may try again, where they are known.
    pub retry_after: Option<u32>,
    /// It is a reply to the user interface of a registry: without a challenge, upon which a browser
    /// would ask for a password itself.
    pub is_for_ui: bool,
    /// The session that the client has is none any more.
    pub ends_session: bool,
    /// What the request is about.
    pub topic: Topic,
}

/// Removes the cookie of a session (RFC 6265 section 3.1).
const NO_SESSION: &str = "session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax";

impl Denied {
    /// A refusal that has only a reason.
    #[must_use]
    pub const fn new(reason: Reason) -> Self {
        Self {
            reason,
            detail: None,
            cause: None,
            scope: String::new(),
            username: None,
            allow: String::new(),
            asked_for_token: false,
            retry_after: None,
            is_for_ui: false,
            ends_session: false,
            topic: Topic::NONE,
        }
    }

    /// The reply to a request; to HEAD, the host sends it without its body, so that a header field
    /// says why.
    #[must_use]
    pub fn reply<'a>(&self, realm: &Realm, to: impl Into<ReplyTo<'a>>) -> Reply {
        self.reply_to(realm, to.into())
    }

    fn reply_to(&self, realm: &Realm, to: ReplyTo<'_>) -> Reply {
        let descriptor = self.reason.descriptor();
        let mut headers = vec![("content-type", "application/json".to_owned())];
        if self.asked_for_token {
            headers.extend(unstored());
        }
        if let Some(challenge) = self.challenge(realm) {
            headers.push(("www-authenticate", challenge));
        }
        if !self.allow.is_empty() {
            headers.push(("allow", self.allow.clone()));
        }
        if self.ends_session {
            headers.push(("set-cookie", NO_SESSION.to_owned()));
        }
        if matches!(descriptor.status, 429 | 503) {
            let seconds = self.retry_after.unwrap_or(RETRY_AFTER);
            headers.push(("retry-after", seconds.to_string()));
        }
        // What every client meets that asks first without a credential is nothing to warn of.
        if to.is_head() && !self.is_challenge() {
            headers.push(("warning", warning(&self.said())));
        }
        Reply {
            status: descriptor.status,
            headers,
            body: self.body(to),
            label: descriptor.label,
        }
        .at(to.target)
    }

    /// Returns true if a credential is asked for and none was presented: that is no refusal.
    #[must_use]
    pub fn is_challenge(&self) -> bool {
        self.reason == Reason::NoCredential
    }

    /// In one line: the fixed text of the reason, and what more the client gets to know.
    #[must_use]
    pub fn said(&self) -> String {
        let message = self.reason.descriptor().message;
        match &self.detail {
            Some(detail) => format!("{message}: {detail}"),
            None => message.to_owned(),
        }
    }

    /// At the token endpoint it is Basic: that is where Bearer challenges send clients to.
    fn challenge(&self, realm: &Realm) -> Option<String> {
        let kind = self.reason.descriptor().challenge;
        if self.is_for_ui {
            None
        } else if self.asked_for_token {
            realm.basic_challenge(kind)
        } else {
            let why = self.detail.as_deref().unwrap_or_default();
            realm.challenge(kind, &self.scope, why)
        }
    }

    /// `{"errors": [...]}` (OCI distribution spec, "Error Codes").
    fn body(&self, to: ReplyTo<'_>) -> Vec<u8> {
        let descriptor = self.reason.descriptor();
        let mut error = json!({ "code": descriptor.code, "message": descriptor.message });
        let is_detailed = matches!(descriptor.status, 401 | 403) || to.id().is_some();
        if let (true, Value::Object(members)) = (is_detailed, &mut error) {
            members.insert("detail".to_owned(), self.detail_members(to).into());
        }
        json!({ "errors": [error] }).to_string().into_bytes()
    }

    /// `detail`: why, what was needed, which the client knows from its own request, and the id that
    /// log and record have too. It is never absent of 401 and 403: Docker tries five times when a
    /// refusal has no detail.
    fn detail_members(&self, to: ReplyTo<'_>) -> Map<String, Value> {
        let filled = |text| Some(text).filter(|text: &&str| !text.is_empty());
        let members = [
            ("id", to.id()),
            ("reason", self.detail.as_deref()),
            ("scope", filled(&self.scope)),
            ("trace", filled(to.trace)),
        ];
        let there = |(name, text): (&str, Option<&str>)| Some((name.to_owned(), text?.into()));
        // Not collected: that sorts first, and each sort takes 4 kB of the module.
        let mut detail = Map::new();
        detail.extend(members.into_iter().filter_map(there));
        detail
    }
}

impl From<Reason> for Denied {
    fn from(reason: Reason) -> Self {
        Self::new(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url_realm() -> Realm {
        Realm {
            token_endpoint: Some("https://registry.example.com/auth/token".into()),
            name: "registry".into(),
            service: "registry \"x\"\\\r\n".into(),
        }
    }

    fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
        reply
            .headers
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.as_str())
    }

    #[test]
    fn every_refusal_is_an_oci_error_and_401_carries_a_challenge() {
        for reason in Reason::ALL.iter().copied() {
            let reply = Denied::new(reason).reply(&Realm::default(), b"/v2/");
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!(body["errors"][0]["code"], reason.descriptor().code);
            assert_eq!(header(&reply, "content-type"), Some("application/json"));
            assert_eq!(
                reply.status == 401,
                header(&reply, "www-authenticate").is_some(),
                "{reason:?}"
            );
            assert_eq!(
                matches!(reply.status, 429 | 503),
                header(&reply, "retry-after").is_some(),
                "{reason:?}"
            );
        }
    }

    #[test]
    fn a_challenge_follows_the_realm() {
        let plain = Realm {
            token_endpoint: None,
            name: "my \"registry\"".into(),
            service: "s".into(),
        };
        let denied = Denied {
            scope: "repository:a:pull".into(),
            ..Denied::new(Reason::TokenExpired)
        };
        let rows = [
            (
                &plain,
                Reason::TokenExpired,
                r#"Basic realm="my \"registry\"""#,
            ),
            (
                &url_realm(),
                Reason::NoCredential,
                r#"Bearer realm="https://registry.example.com/auth/token",service="registry \"x\"\\",scope="repository:a:pull""#,
            ),
            (
                &url_realm(),
                Reason::TokenExpired,
                r#"Bearer realm="https://registry.example.com/auth/token",service="registry \"x\"\\",scope="repository:a:pull",error="invalid_token""#,
            ),
            (
                &url_realm(),
                Reason::InsufficientScope,
                r#"Bearer realm="https://registry.example.com/auth/token",service="registry \"x\"\\",scope="repository:a:pull",error="insufficient_scope""#,
            ),
        ];
        for (realm, reason, wanted) in rows {
            let reply = Denied {
                reason,
                ..denied.clone()
            }
            .reply(realm, b"/v2/");
            assert_eq!(header(&reply, "www-authenticate"), Some(wanted));
        }
    }

    #[test]
    fn a_refusal_of_the_token_endpoint_has_a_basic_challenge_and_is_not_stored() {
        for reason in Reason::ALL.iter().copied() {
            let denied = Denied {
                asked_for_token: true,
                scope: "repository:a:pull".into(),
                ..Denied::new(reason)
            };
            let reply = denied.reply(&url_realm(), b"/auth/token");
            let challenge = (reply.status == 401).then_some("Basic realm=\"registry\"");
            assert_eq!(header(&reply, "www-authenticate"), challenge, "{reason:?}");
            assert_eq!(header(&reply, "cache-control"), Some("no-store"));
            assert_eq!(header(&reply, "pragma"), Some("no-cache"));
        }
    }

    #[test]
    fn an_answer_under_v2_is_that_of_a_registry() {
        let rows = [
            ("/v2", true),
            ("/v2/", true),
            ("/v2?x", true),
            ("/v2/?n=1", true),
            ("/v2/_catalog", true),
            ("/v2//a", true),
            ("/v2x", false),
            ("/v1/", false),
            ("/auth/token", false),
            ("/", false),
            ("", false),
        ];
        for (target, has) in rows {
            for reason in Reason::ALL.iter().copied() {
                let reply = Denied::new(reason).reply(&Realm::default(), target.as_bytes());
                let version = header(&reply, "docker-distribution-api-version");
                assert_eq!(
                    version,
                    has.then_some("registry/2.0"),
                    "{target} {reason:?}"
                );
            }
        }
    }

    #[test]
    fn a_user_interface_gets_no_challenge_and_loses_its_session() {
        for reason in Reason::ALL.iter().copied() {
            let denied = Denied {
                is_for_ui: true,
                ends_session: true,
                ..Denied::new(reason)
            };
            let reply = denied.reply(&url_realm(), b"/v2/");
            assert_eq!(header(&reply, "www-authenticate"), None, "{reason:?}");
            assert_eq!(header(&reply, "set-cookie"), Some(NO_SESSION));
        }
        let reply = Denied::new(Reason::TokenExpired).reply(&url_realm(), b"/v2/");
        assert_eq!(header(&reply, "set-cookie"), None);
    }

    #[test]
    fn the_time_to_wait_is_that_of_the_login_service() {
        for (retry_after, expected) in [(None, "5"), (Some(60), "60")] {
            for reason in [Reason::TooManyAttempts, Reason::LoginUnavailable] {
                let denied = Denied {
                    retry_after,
                    ..Denied::new(reason)
                };
                let reply = denied.reply(&Realm::default(), b"/v2/");
                assert_eq!(header(&reply, "retry-after"), Some(expected), "{reason:?}");
            }
        }
    }

    #[test]
    fn a_condition_message_is_told() {
        let denied = Denied {
            detail: Some("push by digest".into()),
            ..Denied::new(Reason::PolicyDenied)
        };
        let body: Value =
            serde_json::from_slice(&denied.reply(&Realm::default(), b"/v2/").body).unwrap();
        assert_eq!(body["errors"][0]["detail"]["reason"], "push by digest");
    }

    #[test]
    fn what_the_client_may_know_is_in_body_and_challenge_without_what_breaks_them() {
        let rows = [
            ("main only", "main only"),
            ("a \"quoted\" \\ word", "a 'quoted' / word"),
            ("\r\nset-cookie: a=b", "??set-cookie: a=b"),
            ("n\u{e4}her\u{7f}", "n?her?"),
            (&"x".repeat(1000), &"x".repeat(256)),
        ];
        for (detail, described) in rows {
            let denied = Denied {
                detail: Some(detail.into()),
                ..Denied::new(Reason::ValidationFailed)
            };
            let reply = denied.reply(&url_realm(), b"/v2/");
            let end = format!(",error=\"invalid_token\",error_description=\"{described}\"");
            let challenge = header(&reply, "www-authenticate").unwrap();
            assert!(challenge.ends_with(&end), "{challenge}");
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!(body["errors"][0]["detail"]["reason"], detail);
            // Without a credential there is no error to describe, and Basic has no place for it.
            let denied = Denied {
                reason: Reason::NoCredential,
                ..denied
            };
            let challenge = denied.reply(&url_realm(), b"/v2/");
            let challenge = header(&challenge, "www-authenticate").unwrap();
            assert!(!challenge.contains("error"), "{challenge}");
        }
    }

    #[test]
    fn every_body_names_the_request_and_a_head_says_why_in_a_field() {
        for reason in Reason::ALL.iter().copied() {
            let denied = Denied {
                detail: Some("push a \"version\"".into()),
                ..Denied::new(reason)
            };
            for method in ["GET", "HEAD"] {
                let to = ReplyTo {
                    method: method.as_bytes(),
                    target: b"/v2/",
                    id: b"8de09b0e-9e1c",
                    trace: "c2VhbGVk",
                };
                let reply = denied.reply(&url_realm(), to);
                let body: Value = serde_json::from_slice(&reply.body).unwrap();
                let detail = &body["errors"][0]["detail"];
                assert_eq!(detail["id"], "8de09b0e-9e1c");
                assert_eq!(detail["trace"], "c2VhbGVk");
                assert_eq!(reply.label, reason.descriptor().label);
                let message = reason.descriptor().message;
                let warning = format!("299 - \"registry-auth: {message}: push a 'version'\"");
                let is_warned = method == "HEAD" && reason != Reason::NoCredential;
                assert_eq!(
                    header(&reply, "warning"),
                    is_warned.then_some(warning.as_str()),
                    "{reason:?} {method}"
                );
            }
        }
    }
}
