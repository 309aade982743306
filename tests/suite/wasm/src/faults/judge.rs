//! Which outcomes a request may have when host calls fail.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use registry_auth_harness::client::Response;
use registry_auth_harness::upstream::UpstreamRequest;
use registry_auth_vm::Progress;
use serde_json::Value;

/// Members of an answer, or claims of a token in it, that have a time, and an invented value for
/// each.
const OF_THE_TIME: [&str; 7] = ["expires_in", "issued_at", "exp", "iat", "nbf", "jti", "at"];
/// Members of an answer that are tokens.
const TOKENS: [&str; 3] = ["token", "access_token", "refresh_token"];

/// Returns what is wrong with `disturbed`, if anything.
///
/// A request goes on only if it would have gone on, and then as it would have: no header more, none
/// less, none another. It is answered with a success only if it would have been answered so without
/// the fault. Any refusal is right; no answer at all is not.
pub(super) fn wrong(undisturbed: &Progress, disturbed: &Progress) -> Option<String> {
    match (undisturbed, disturbed) {
        (Progress::Forwarded(as_it_should), Progress::Forwarded(seen))
            if timeless(as_it_should) == timeless(seen) =>
        {
            None
        }
        (Progress::Answered(answer), Progress::Answered(other)) if told(answer) == told(other) => {
            None
        }
        (_, Progress::Answered(Response { status, .. })) if *status >= 400 => None,
        (_, Progress::Answered(answer)) => Some(format!(
            "answered with {} {:?}",
            answer.status, answer.headers
        )),
        (_, Progress::Forwarded(seen)) => Some(format!(
            "forwarded: {} {} {:?}",
            seen.method, seen.path, seen.headers
        )),
        (_, Progress::Waiting) => Some("never answered".to_owned()),
    }
}

/// A forwarded request, and what it says of its caller, whenever that was.
fn timeless(seen: &UpstreamRequest) -> (UpstreamRequest, Vec<Value>) {
    let mut seen = seen.clone();
    let mut callers = Vec::new();
    seen.headers.retain(|(name, value)| {
        let is_caller = name == "x-registry-auth-caller";
        if is_caller {
            let text = Value::from(String::from_utf8_lossy(value).into_owned());
            let mut caller = claims(&text).unwrap_or_default();
            forget_the_time(&mut caller);
            callers.push(caller);
        }
        !is_caller
    });
    (seen, callers)
}

/// What an answer says, whenever it says it.
fn told(answer: &Response) -> (u16, &[(String, Vec<u8>)], Value) {
    let text = || String::from_utf8_lossy(&answer.body).into_owned().into();
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|_| text());
    for token in TOKENS {
        if let Some(token) = body.get_mut(token) {
            *token = claims(token).unwrap_or_default();
            forget_the_time(token);
        }
    }
    forget_the_time(&mut body);
    (answer.status, &answer.headers, body)
}

fn claims(token: &Value) -> Option<Value> {
    let payload = token.as_str()?.split('.').nth(1)?;
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

fn forget_the_time(value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|name, _| !OF_THE_TIME.contains(&name.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use registry_auth_harness::upstream::UpstreamRequest;
    use serde_json::json;

    use super::*;

    fn forwarded(user: &str) -> Progress {
        Progress::Forwarded(UpstreamRequest {
            method: "GET".to_owned(),
            path: "/v2/".to_owned(),
            headers: vec![("x-user".to_owned(), user.as_bytes().to_vec())],
            body: 0,
            sha256: String::new(),
        })
    }

    fn answered(status: u16) -> Progress {
        Progress::Answered(Response {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        })
    }

    #[test]
    fn an_answer_may_be_given_later_but_grant_no_more() {
        let answer = |expires: u32, claims: &Value| {
            let token = format!(
                "e30.{}.AA",
                BASE64_URL_SAFE_NO_PAD.encode(claims.to_string())
            );
            let body = json!({ "token": token, "expires_in": expires })
                .to_string()
                .into_bytes();
            Progress::Answered(Response {
                status: 200,
                headers: Vec::new(),
                body,
            })
        };
        let as_it_should = answer(60, &json!({ "iat": 1, "access": ["pull"] }));
        assert_eq!(
            wrong(
                &as_it_should,
                &answer(59, &json!({ "iat": 2, "access": ["pull"] }))
            ),
            None
        );
        assert!(
            wrong(
                &as_it_should,
                &answer(60, &json!({ "iat": 1, "access": ["pull", "push"] }))
            )
            .is_some()
        );
    }

    #[test]
    fn only_what_would_have_happened_or_a_refusal_is_right() {
        let rows = [
            (forwarded("a"), forwarded("a"), true),
            (forwarded("a"), answered(503), true),
            (forwarded("a"), forwarded("b"), false),
            (forwarded("a"), answered(200), false),
            (forwarded("a"), Progress::Waiting, false),
            (answered(403), forwarded("a"), false),
            (answered(403), answered(503), true),
            (answered(403), answered(200), false),
            (answered(403), Progress::Waiting, false),
            (answered(200), answered(200), true),
            (answered(200), answered(403), true),
        ];
        for (undisturbed, disturbed, right) in rows {
            assert_eq!(
                wrong(&undisturbed, &disturbed).is_none(),
                right,
                "{undisturbed:?} {disturbed:?}"
            );
        }
    }
}
