//! A GitHub Enterprise Server with one person, who agrees to everything.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use registry_auth_harness::server::{Port, Server};
use serde_json::{Value, json};

/// The client's name and secret.
pub(crate) const CLIENT: (&str, &str) = ("registry", "a secret");

/// The person's verified address, which is the user name.
pub(crate) const PERSON: &str = "octo@example.org";

const CODE: &str = "gh-1";
const TOKEN: &str = "gho_1";

/// The challenge of the code that was given out (RFC 7636).
static CHALLENGE: Mutex<String> = Mutex::new(String::new());

/// Starts the server.
pub(crate) fn start() -> Result<Server> {
    Port::bind()?.serve(|request| async move { answer(request).await })
}

async fn answer(request: Request<Incoming>) -> Option<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let query = parameters(head.uri.query().unwrap_or_default().as_bytes());
    let form = parameters(&body.collect().await.ok()?.to_bytes());
    let bearer = head.headers.get("authorization");
    let is_known =
        bearer.is_some_and(|bearer| bearer.as_bytes() == format!("Bearer {TOKEN}").as_bytes());
    let body = match head.uri.path() {
        "/login/oauth/authorize" => return authorize(&query),
        "/login/oauth/access_token" => token(&form),
        "/api/v3/user/emails" if is_known => {
            json!([{ "email": PERSON, "primary": true, "verified": true }])
        }
        "/api/v3/user/orgs" if is_known => json!([{ "login": "acme" }]),
        "/api/v3/user/teams" if is_known => json!([]),
        _ => return Response::builder().status(404).body(Full::default()).ok(),
    };
    Response::builder().body(Full::from(body.to_string())).ok()
}

fn parameters(text: &[u8]) -> BTreeMap<String, String> {
    form_urlencoded::parse(text).into_owned().collect()
}

/// Sends the browser back with a code.
fn authorize(query: &BTreeMap<String, String>) -> Option<Response<Full<Bytes>>> {
    let mut challenge = CHALLENGE.lock().unwrap_or_else(PoisonError::into_inner);
    challenge.clone_from(query.get("code_challenge")?);
    let (back, state) = (query.get("redirect_uri")?, query.get("state")?);
    let location = format!("{back}?code={CODE}&state={state}");
    Response::builder()
        .status(302)
        .header("location", location)
        .body(Full::default())
        .ok()
}

/// A token for the right code, client and verifier; otherwise an error with status 200, as GitHub.
fn token(form: &BTreeMap<String, String>) -> Value {
    let field = |name: &str| form.get(name).map(String::as_str);
    let digest = aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA256,
        field("code_verifier").unwrap_or_default().as_bytes(),
    );
    let challenge = CHALLENGE.lock().unwrap_or_else(PoisonError::into_inner);
    let is_ours = (field("client_id"), field("client_secret")) == (Some(CLIENT.0), Some(CLIENT.1));
    if is_ours && field("code") == Some(CODE) && URL_SAFE_NO_PAD.encode(digest) == *challenge {
        json!({ "access_token": TOKEN, "token_type": "bearer", "scope": "read:org,user:email" })
    } else {
        json!({ "error": "bad_verification_code" })
    }
}
