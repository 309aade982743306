//! Replies of the token endpoint.

use std::time::Duration;

use serde_json::json;

use crate::reply::{Reply, TOKEN, unstored};
use crate::scope::Scope;
use crate::time::UnixTime;

/// For how long an anonymous client may go on before it has to ask for a token again.
pub const ANONYMOUS_LIFETIME: Duration = Duration::from_mins(5);

/// A token for the client.
#[derive(Clone, Copy, Debug)]
pub struct TokenResponse<'a> {
    /// The token itself.
    pub token: &'a str,
    /// When it expires.
    pub expires: UnixTime,
    /// What is granted of what was asked.
    pub granted: &'a [Scope],
    /// True for a POST, whose reply names what is granted.
    pub is_post: bool,
}

impl TokenResponse<'_> {
    /// The reply. Docker keeps a token for at least 60 seconds, whatever `expires_in` says.
    ///
    /// There is never a `refresh_token`. It could only be the credential that the client has
    /// anyway; clients that get one forget the password, can only POST from then on, and some give
    /// up when POST is not there.
    #[must_use]
    pub fn reply(&self, now: UnixTime) -> Reply {
        let mut body = json!({
            "token": self.token,
            "access_token": self.token,
            "expires_in": self.expires.secs().saturating_sub(now.secs()).max(0),
            "issued_at": now.rfc3339(),
        });
        if self.is_post
            && let Some(members) = body.as_object_mut()
        {
            members.insert("scope".to_owned(), Scope::list(self.granted).into());
        }
        let mut headers = vec![("content-type", "application/json".to_owned())];
        headers.extend(unstored());
        Reply {
            status: 200,
            headers,
            body: body.to_string().into_bytes(),
            label: TOKEN,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_709_210_096);

    fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
        reply
            .headers
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.as_str())
    }

    #[test]
    fn an_answer_is_what_docker_wants() {
        let mut granted = Vec::new();
        Scope::parse_list("repository:a:pull,push registry:catalog:*", &mut granted).unwrap();
        let expires = NOW.after(Duration::from_millis(300_999));
        let get = TokenResponse {
            token: "a.b.c",
            expires,
            granted: &granted,
            is_post: false,
        };
        let mut wanted = json!({ "token": "a.b.c", "access_token": "a.b.c", "expires_in": 300, "issued_at": "2024-02-29T12:34:56Z" });
        let body = |response: TokenResponse<'_>| {
            serde_json::from_slice::<Value>(&response.reply(NOW).body).unwrap()
        };
        assert_eq!(body(get), wanted);
        wanted["scope"] = json!("repository:a:pull,push registry:catalog:*");
        assert_eq!(
            body(TokenResponse {
                is_post: true,
                ..get
            }),
            wanted
        );
        wanted["scope"] = json!("");
        wanted["expires_in"] = json!(0);
        assert_eq!(
            body(TokenResponse {
                is_post: true,
                granted: &[],
                expires: UnixTime::from_secs(0),
                ..get
            }),
            wanted
        );
        assert_eq!(get.reply(NOW).status, 200);
        assert_eq!(
            header(&get.reply(NOW), "content-type"),
            Some("application/json")
        );
        assert_eq!(header(&get.reply(NOW), "cache-control"), Some("no-store"));
        assert_eq!(header(&get.reply(NOW), "pragma"), Some("no-cache"));
    }
}
