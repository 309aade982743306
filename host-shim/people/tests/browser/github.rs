//! A GitHub Enterprise Server of one person, who agrees to everything.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The client's name and secret.
pub(super) const CLIENT: (&str, &str) = ("registry-github", "a secret");

/// The challenge of the code that was given out.
static CHALLENGE: Mutex<String> = Mutex::new(String::new());

/// Starts the server; returns its address.
pub(super) async fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let handle = service_fn(|request| async { Ok::<_, Infallible>(answer(request).await) });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), handle));
        }
    });
    base
}

fn parameters(text: &[u8]) -> BTreeMap<String, String> {
    form_urlencoded::parse(text).into_owned().collect()
}

async fn answer(request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let query = parameters(head.uri.query().unwrap_or_default().as_bytes());
    let form = parameters(&body.collect().await.unwrap().to_bytes());
    let bearer = head.headers.get("authorization");
    let is_known = bearer.is_some_and(|bearer| bearer == "Bearer gho_1");
    let page = query.get("page").map(String::as_str);
    match (head.uri.path(), page) {
        ("/login/oauth/authorize", _) => {
            CHALLENGE
                .lock()
                .unwrap()
                .clone_from(&query["code_challenge"]);
            let location = format!(
                "{}?code=gh-1&state={}",
                query["redirect_uri"], query["state"]
            );
            let response = Response::builder().status(302).header("location", location);
            response.body(Full::default()).unwrap()
        }
        ("/login/oauth/access_token", _) => reply(200, &token(&form), ""),
        ("/api/v3/user/emails", Some("1")) if is_known => {
            let addresses = json!([
                { "email": "old@example.org", "primary": false, "verified": true },
                { "email": "octo@example.org", "primary": true, "verified": true },
            ]);
            reply(200, &addresses, "")
        }
        ("/api/v3/user/orgs", Some("1")) if is_known => reply(
            200,
            &json!([{ "login": "Acme" }]),
            "<x?page=2>; rel=\"next\"",
        ),
        ("/api/v3/user/orgs", Some("2")) if is_known => reply(
            200,
            &json!([{ "login": "Beta" }]),
            "<x?page=1>; rel=\"prev\"",
        ),
        ("/api/v3/user/teams", Some("1")) if is_known => reply(403, &json!({}), ""),
        _ => reply(404, &json!({}), ""),
    }
}

/// A token for the right code, client and verifier; otherwise an error with status 200, as GitHub.
fn token(form: &BTreeMap<String, String>) -> Value {
    let field = |name: &str| form.get(name).map(String::as_str);
    let digest = aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA256,
        field("code_verifier").unwrap_or_default().as_bytes(),
    );
    let is_challenged = URL_SAFE_NO_PAD.encode(digest) == *CHALLENGE.lock().unwrap();
    let (client, secret) = CLIENT;
    if (field("client_id"), field("client_secret")) != (Some(client), Some(secret)) {
        json!({ "error": "incorrect_client_credentials" })
    } else if field("code") == Some("gh-1") && is_challenged {
        json!({ "access_token": "gho_1", "token_type": "bearer", "scope": "read:org,user:email" })
    } else {
        json!({ "error": "bad_verification_code" })
    }
}

fn reply(status: u16, body: &Value, link: &str) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).header("link", link);
    response.body(Full::from(body.to_string())).unwrap()
}
