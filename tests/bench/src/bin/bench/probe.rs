//! Requests that a row has to refuse: a row that lets everything through would have a meaningless figure.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::workload::{self, REPOSITORY};

const PATIENCE: Duration = Duration::from_secs(20);
/// A repository that no policy of the benchmark grants anything in.
const ANOTHER: &str = "other/app";

/// Checks that a forged token, another repository and another action are refused.
///
/// # Errors
/// One of them is not, or gets no answer.
pub(crate) fn refuses(address: SocketAddr, token: &str) -> Result<()> {
    for (what, request) in requests(token)? {
        let status = client::send(address, &request, PATIENCE)?.status;
        ensure!(
            matches!(status, 401 | 403),
            "{what} is answered with {status}"
        );
    }
    Ok(())
}

fn requests(token: &str) -> Result<[(&'static str, Request); 3]> {
    let delete = Request {
        method: "DELETE".to_owned(),
        ..workload::pull(REPOSITORY, Some(token))
    };
    Ok([
        (
            "a forged token",
            workload::pull(REPOSITORY, Some(&forged(token)?)),
        ),
        ("another repository", workload::pull(ANOTHER, Some(token))),
        ("another action", delete),
    ])
}

/// The same token with another signature.
fn forged(token: &str) -> Result<String> {
    let (signed, signature) = token.rsplit_once('.').context("a token has three parts")?;
    let rest = signature.get(1..).context("a token has a signature")?;
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    Ok(format!("{signed}.{first}{rest}"))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// Answers each request, on a connection of its own, with the status that `answer` gives to its head.
    fn serve(answer: fn(&str) -> u16) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
                    head.extend(byte);
                }
                let status = answer(&String::from_utf8(head).unwrap());
                let text = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(text.as_bytes()).unwrap();
            }
        });
        address
    }

    #[test]
    fn whatever_is_let_through_is_said() {
        let passes = |answer| refuses(serve(answer), "a.b.xcd").map_err(|error| error.to_string());
        assert_eq!(
            passes(|_| 200),
            Err("a forged token is answered with 200".to_owned())
        );
        assert_eq!(
            passes(|head| if head.contains("a.b.xcd") { 200 } else { 401 }),
            Err("another repository is answered with 200".to_owned())
        );
        assert_eq!(
            passes(|head| if head.starts_with("DELETE /v2/team/app/") {
                404
            } else {
                403
            }),
            Err("another action is answered with 404".to_owned())
        );
        assert_eq!(passes(|_| 401), Ok(()));
    }

    #[test]
    fn one_character_of_the_signature_is_another() {
        assert_eq!(forged("a.b.Acd").unwrap(), "a.b.Bcd");
        assert_eq!(forged("a.b.xcd").unwrap(), "a.b.Acd");
        assert!(forged("a").is_err());
        assert!(forged("a.b.").is_err());
    }
}
