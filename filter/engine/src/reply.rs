//! A refusal as an HTTP answer: status, headers, the OCI error body, the challenge.

use serde_json::{Map, Value, json};

use crate::decision::Denial;
use crate::reason::Challenge;
use crate::route::is_registry_target;

/// Seconds after which a client may try again when keys cannot be had.
const RETRY_AFTER: &str = "5";

/// An HTTP answer of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// What challenges of one configuration say about where to get a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Realm {
    /// `bearer.realm` if it is an absolute URL: clients fetch a token there.
    pub token_endpoint: Option<String>,
    /// Realm of the Basic challenge otherwise.
    pub name: String,
    /// `bearer.service`.
    pub service: String,
}

impl Reply {
    /// How many bytes of text it holds.
    #[must_use]
    pub fn size(&self) -> usize {
        self.body.len() + self.headers.iter().map(|(_, value)| value.len()).sum::<usize>()
    }

    /// This as the answer to a request for `target`: under `/v2` with what registries put on each of their answers, as Docker's
    /// command line takes a registry for one that it knows only then.
    #[must_use]
    pub fn at(mut self, target: &[u8]) -> Self {
        if is_registry_target(target) {
            self.headers.push(("docker-distribution-api-version", "registry/2.0".to_owned()));
        }
        self
    }
}

impl Denial {
    /// The answer to a request for `target`; to HEAD, the host sends it without its body.
    #[must_use]
    pub fn reply(&self, realm: &Realm, target: &[u8]) -> Reply {
        let face = self.reason.face();
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
        if face.status == 503 {
            headers.push(("retry-after", RETRY_AFTER.to_owned()));
        }
        Reply { status: face.status, headers, body: self.body() }.at(target)
    }

    /// At the token endpoint it is Basic: that is where Bearer challenges send clients to.
    fn challenge(&self, realm: &Realm) -> Option<String> {
        let kind = self.reason.face().challenge;
        if self.asked_for_token { realm.basic_challenge(kind) } else { realm.challenge(kind, &self.scope) }
    }

    /// `{"errors": [...]}` (OCI distribution spec, "Error Codes").
    fn body(&self) -> Vec<u8> {
        let face = self.reason.face();
        let mut error = json!({ "code": face.code, "message": face.message });
        if let (401 | 403, Value::Object(members)) = (face.status, &mut error) {
            members.insert("detail".to_owned(), self.told().into());
        }
        json!({ "errors": [error] }).to_string().into_bytes()
    }
}

impl Denial {
    /// `detail`: what the condition said, and what was needed, which the client knows from its own request. It is never absent:
    /// Docker tries five times when a refusal has no detail.
    fn told(&self) -> Map<String, Value> {
        let reason = self.detail.as_deref().map(|reason| ("reason".to_owned(), reason.into()));
        let scope = (!self.scope.is_empty()).then(|| ("scope".to_owned(), self.scope.as_str().into()));
        reason.into_iter().chain(scope).collect()
    }
}

impl Realm {
    /// The value of `WWW-Authenticate`: Bearer as the Docker token protocol wants it when there is a token endpoint (RFC 6750
    /// section 3), otherwise Basic (RFC 7617).
    fn challenge(&self, kind: Challenge, scope: &str) -> Option<String> {
        let error = match kind {
            Challenge::No => return None,
            Challenge::Plain => None,
            Challenge::InvalidToken => Some("invalid_token"),
            Challenge::InsufficientScope => Some("insufficient_scope"),
        };
        let Some(endpoint) = &self.token_endpoint else { return self.basic_challenge(kind) };
        let mut value = format!("Bearer realm={},service={}", quoted(endpoint), quoted(&self.service));
        for (name, text) in [("scope", scope), ("error", error.unwrap_or_default())] {
            if !text.is_empty() {
                value.push(',');
                value.push_str(name);
                value.push('=');
                value.push_str(&quoted(text));
            }
        }
        Some(value)
    }

    fn basic_challenge(&self, kind: Challenge) -> Option<String> {
        (kind != Challenge::No).then(|| format!("Basic realm={}", quoted(&self.name)))
    }
}

/// No answer with a token, or about one, may be kept (RFC 6749 section 5.1).
pub(crate) fn unstored() -> [(&'static str, String); 2] {
    [("cache-control", "no-store".to_owned()), ("pragma", "no-cache".to_owned())]
}

/// A quoted-string (RFC 9110 section 5.6.4); what it cannot hold is left out.
fn quoted(text: &str) -> String {
    let mut value = String::with_capacity(text.len() + 2);
    value.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => value.extend(['\\', character]),
            ' '..='~' => value.push(character),
            _ => {}
        }
    }
    value.push('"');
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::Reason;

    fn url_realm() -> Realm {
        Realm {
            token_endpoint: Some("https://registry.example.com/auth/token".into()),
            name: "registry".into(),
            service: "registry \"x\"\\\r\n".into(),
        }
    }

    fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
        reply.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn every_refusal_is_an_oci_error_and_401_carries_a_challenge() {
        for reason in Reason::ALL {
            let reply = Denial::new(reason).reply(&Realm::default(), b"/v2/");
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!(body["errors"][0]["code"], reason.face().code);
            assert_eq!(header(&reply, "content-type"), Some("application/json"));
            assert_eq!(reply.status == 401, header(&reply, "www-authenticate").is_some(), "{reason:?}");
            assert_eq!(reply.status == 503, header(&reply, "retry-after").is_some(), "{reason:?}");
        }
    }

    #[test]
    fn a_challenge_follows_the_realm() {
        let plain = Realm { token_endpoint: None, name: "my \"registry\"".into(), service: "s".into() };
        let denial = Denial { scope: "repository:a:pull".into(), ..Denial::new(Reason::TokenExpired) };
        let rows = [
            (&plain, Reason::TokenExpired, r#"Basic realm="my \"registry\"""#),
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
            let reply = Denial { reason, ..denial.clone() }.reply(realm, b"/v2/");
            assert_eq!(header(&reply, "www-authenticate"), Some(wanted));
        }
    }

    #[test]
    fn a_refusal_of_the_token_endpoint_has_a_basic_challenge_and_is_not_stored() {
        for reason in Reason::ALL {
            let denial = Denial { asked_for_token: true, scope: "repository:a:pull".into(), ..Denial::new(reason) };
            let reply = denial.reply(&url_realm(), b"/auth/token");
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
            for reason in Reason::ALL {
                let reply = Denial::new(reason).reply(&Realm::default(), target.as_bytes());
                let version = header(&reply, "docker-distribution-api-version");
                assert_eq!(version, has.then_some("registry/2.0"), "{target} {reason:?}");
            }
        }
    }

    #[test]
    fn a_condition_message_is_told() {
        let denial = Denial { detail: Some("push by digest".into()), ..Denial::new(Reason::PolicyDenied) };
        let body: Value = serde_json::from_slice(&denial.reply(&Realm::default(), b"/v2/").body).unwrap();
        assert_eq!(body["errors"][0]["detail"]["reason"], "push by digest");
    }
}
