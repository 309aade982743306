//! The login service of the scenarios, written from the description of what the filter asks it: it
//! knows the users of `tests/fixtures/logins.json`.

use anyhow::{Context as _, Result, bail, ensure};
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http_body_util::{BodyExt as _, Full};
use hyper::Response;
use hyper::body::Bytes;
use registry_auth_engine::time::UnixTime;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::key;
use crate::mint::Recipe;
use crate::push;
use crate::server::{Port, Server};
use crate::substrate::now;

const USERS: &str = include_str!("../../fixtures/logins.json");
/// The key of the service.
const KEY: &str = "eddsa";
/// Clocks may be this far apart, in seconds.
const CLOCKS: i64 = 300;

/// What is pushed of a login service besides its key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Ended {
    /// Ids of logins.
    #[serde(default)]
    pub ended: Vec<String>,
    /// A time in seconds.
    #[serde(default)]
    pub issued_after: Option<i64>,
}

impl Ended {
    /// The set `login`.
    ///
    /// # Errors
    /// The test key is missing.
    pub fn set(&self) -> Result<Value> {
        let mut set = key::jwks(&[KEY])?;
        let members = set.as_object_mut().context("a JWK Set is no object")?;
        members.insert("ended".to_owned(), json!(self.ended));
        members.extend(
            self.issued_after
                .map(|time| ("issuedAfter".to_owned(), time.into())),
        );
        Ok(set)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    user: String,
    secret: String,
    /// Claims over those of a good token; null removes.
    #[serde(default)]
    claims: Map<String, Value>,
    /// What is answered instead of a token.
    #[serde(default)]
    answer: Option<Refusal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Refusal {
    status: u16,
    reason: String,
    #[serde(default)]
    retry_after: Option<u32>,
}

/// What the service answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The value of `retry-after`.
    pub retry_after: Option<String>,
    /// JSON.
    pub body: Vec<u8>,
}

impl Answer {
    fn new(status: u16, body: &Value) -> Self {
        Self {
            status,
            retry_after: None,
            body: body.to_string().into_bytes(),
        }
    }
}

/// What a question says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The user name.
    pub user: String,
    /// The password or the key.
    pub secret: String,
    /// `login` or `token`.
    #[serde(rename = "for")]
    pub purpose: String,
    /// The address of the client.
    #[serde(default)]
    pub client: Option<String>,
}

/// Reads a question that the filter sent; gives also its nonce.
///
/// # Errors
/// It is not one, or does not prove the push key for this body at this time.
pub fn read(
    method: &str,
    path: &str,
    authorization: &str,
    body: &[u8],
    now: UnixTime,
) -> Result<(Question, String)> {
    ensure!((method, path) == ("POST", "/v1/login"), "{method} {path}");
    let text = authorization.strip_prefix("Bearer ").context("no bearer")?;
    let payload = push::verify("registry-auth-login+jws", "login", text)?;
    let member = |name: &str| payload.get(name).cloned().unwrap_or_default();
    let hash = BASE64_URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, body));
    ensure!(
        member("v") == 2 && member("body") == hash.as_str(),
        "{payload}"
    );
    let at = member("at").as_i64().context("no time")?;
    ensure!((at - now.secs()).abs() <= CLOCKS, "the clocks are apart");
    let nonce = member("nonce").as_str().context("no nonce")?.to_owned();
    let length = BASE64_URL_SAFE_NO_PAD.decode(&nonce)?.len();
    ensure!((16..=64).contains(&length), "a nonce of {length} bytes");
    Ok((serde_json::from_slice(body)?, nonce))
}

/// Answers a question.
///
/// # Errors
/// The fixture is no list of users, or a token cannot be minted.
pub fn answer(question: &Question, now: UnixTime) -> Result<Answer> {
    let users: Vec<Login> = serde_json::from_str(USERS)?;
    let Question {
        user,
        secret,
        purpose,
        client,
    } = question;
    if !["login", "token"].contains(&purpose.as_str()) {
        bail!("a question for `{purpose}`");
    }
    // Envoy names a client on the loopback by another address of the machine.
    let address = client
        .as_deref()
        .map(str::parse::<std::net::IpAddr>)
        .transpose();
    ensure!(matches!(address, Ok(Some(_))), "the client is {client:?}");
    let known = |known: &&Login| known.user == *user && known.secret == *secret;
    let Some(known) = users.iter().find(known) else {
        return Ok(Answer::new(401, &json!({"reason": "wrong_password"})));
    };
    if let Some(refusal) = &known.answer {
        return Ok(Answer {
            retry_after: refusal.retry_after.map(|seconds| seconds.to_string()),
            ..Answer::new(refusal.status, &json!({"reason": refusal.reason}))
        });
    }
    let claims = json!({
        "iss": "urn:registry-auth:login", "aud": purpose, "sub": user, "amr": ["htpasswd"], "sid": format!("h.{user}"),
        "iat": "+0s", "nbf": "+0s", "exp": "+5m",
    });
    let Value::Object(mut claims) = claims else {
        bail!("claims are no object")
    };
    claims.extend(known.claims.clone());
    claims.retain(|_, value| !value.is_null());
    let token = Recipe::plain(KEY, claims).mint(now)?;
    Ok(Answer::new(200, &json!({"token": token})))
}

/// Serves what the scenarios ask; whatever cannot be answered is 400.
///
/// # Errors
/// The thread cannot be started.
pub fn serve(port: Port) -> Result<Server> {
    port.serve(|request| async move {
        let (head, body) = request.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        let authorization = head.headers.get("authorization").cloned();
        let authorization = authorization.as_ref().and_then(|value| value.to_str().ok());
        let read = read(
            head.method.as_str(),
            head.uri.path(),
            authorization.unwrap_or_default(),
            &body,
            now(),
        );
        let answer = read.and_then(|(question, _)| answer(&question, now()));
        let answer =
            answer.unwrap_or_else(|error| Answer::new(400, &json!({"error": error.to_string()})));
        let mut response = Response::builder().status(answer.status);
        if let Some(seconds) = answer.retry_after {
            response = response.header("retry-after", seconds);
        }
        response.body(Full::new(Bytes::from(answer.body))).ok()
    })
}

/// What the filter says of a caller: the payload of the header, if it proves the push key.
///
/// # Errors
/// It does not.
pub fn caller(header: &str) -> Result<Value> {
    push::verify("registry-auth-caller+jws", "caller", header)
}
