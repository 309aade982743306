//! A token service of GitHub Actions, and the tokens that it gives.
#![expect(clippy::expect_used, reason = "helpers of tests")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// What authorizes a request.
pub(crate) const RUNNER: &str = "runner-tops3cret";

/// Starts a service that gives tokens for the audience that it is asked for, to whoever has
/// [`RUNNER`].
pub(crate) fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever has gone away gets nothing.
            drop(serve(&stream));
        }
    });
    address
}

fn serve(mut stream: &TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    for line in BufReader::new(stream).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    let allowed = head
        .iter()
        .any(|line| line.to_lowercase() == format!("authorization: bearer {RUNNER}"));
    let audience = head
        .first()
        .and_then(|line| line.split("audience=").nth(1)?.split([' ', '&']).next());
    let audience = audience.unwrap_or("https://github.com/acme");
    let audience = percent_decode_str(audience).decode_utf8_lossy();
    let (status, body) = if allowed {
        (
            200,
            json!({"count": 1, "value": token(&audience, 300)}).to_string(),
        )
    } else {
        (401, String::new())
    };
    write!(
        stream,
        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Returns a token that ends in `left` seconds, and that nobody has signed.
pub(crate) fn token(audience: &str, left: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or_default());
    of_claims(&json!({"aud": audience, "exp": now + left}))
}

/// Returns a token with these claims.
fn of_claims(claims: &Value) -> String {
    of_text(&claims.to_string())
}

/// Returns a token with this payload.
pub(crate) fn of_text(claims: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.c2ln", part(r#"{"alg":"RS256"}"#), part(claims))
}
