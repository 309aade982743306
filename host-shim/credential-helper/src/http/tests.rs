//! A service that gives the answers of a table, and what is made of them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use super::*;

/// A service on loopback.
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    /// Gives each connection the next of these answers, and the last one to those after it. One
    /// that is empty never comes.
    pub(crate) fn start(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answers) = (Arc::clone(&requests), answers.join("\u{1}"));
        thread::spawn(move || {
            let mut open = Vec::new();
            for (index, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let answers: Vec<_> = answers.split('\u{1}').collect();
                let answer = answers[index.min(answers.len() - 1)];
                if answer.is_empty() {
                    seen.lock().unwrap().push(String::new());
                    open.push(stream);
                } else {
                    seen.lock().unwrap().push(request(&mut stream));
                    // Whoever refuses a long answer closes before its end.
                    drop(stream.write_all(answer.as_bytes()));
                }
            }
        });
        Self { address, requests }
    }

    /// Returns the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Reads a request with its body.
fn request(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut byte = [0];
    while !text.ends_with("\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        text.push(char::from(byte[0]));
    }
    let length = text.to_ascii_lowercase();
    let length = length
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).unwrap();
    text + &String::from_utf8(body).unwrap()
}

/// Returns an answer with this status and body.
pub(crate) fn answer(status: u16, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn environment() -> Environment {
    Environment::new(&[], Path::new("/"))
}

/// The rows: the answers, what is made of them, and how many requests there are.
#[tokio::test]
async fn an_answer_is_taken_whole_or_refused() {
    let long = "a".repeat(MAX_ANSWER + 1);
    let limit = "a".repeat(MAX_ANSWER);
    let endless = format!("HTTP/1.1 200 x\r\n\r\n{long}");
    let head = format!("HTTP/1.1 200 x\r\nx: {long}{long}{long}\r\n\r\n");
    let moved = "HTTP/1.1 302 x\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let denied = answer(
        403,
        "<Error><Code>AccessDenied</Code><Message>tops3cret</Message></Error>",
    );
    let rows: [(&[&str], &str, usize); 14] = [
        (&[&answer(200, "abc")], "abc", 1),
        (&[&answer(200, &limit)], &limit, 1),
        (
            &[&answer(200, &long)],
            "gave an answer of more than 65536 bytes",
            1,
        ),
        (&[&endless], "gave an answer of more than 65536 bytes", 1),
        (&[&head], "cannot be reached: ", 2),
        (
            &[moved],
            "answers with a redirect (302), which is not followed",
            1,
        ),
        (&[&answer(404, "tops3cret")], "answers 404", 1),
        (&[&denied], "answers 403 AccessDenied", 1),
        (&[&answer(403, "<Code>not a word</Code>")], "answers 403", 1),
        (&[&answer(201, "abc")], "answers 201", 1),
        (&[&answer(503, ""), &answer(200, "abc")], "abc", 2),
        (
            &[&answer(429, ""), &answer(429, ""), &answer(200, "abc")],
            "answers 429",
            2,
        ),
        (&["nonsense\r\n\r\n", &answer(200, "abc")], "abc", 2),
        (&["nonsense\r\n\r\n"], "cannot be reached: ", 2),
    ];
    for (answers, expected, requests) in rows {
        let stub = Stub::start(answers);
        let call = Call::get(&format!("http://{}/a?b=c", stub.address)).unwrap();
        let found = call.header("x-a", "b").send(&environment()).await;
        let found = found.unwrap_or_else(|error| error.to_string());
        assert!(found.starts_with(expected), "{expected}: {found}");
        assert!(found.len() < 200 || found == limit, "{expected}");
        assert!(!found.contains("tops3cret"), "{found}");
        assert_eq!(stub.requests().len(), requests, "{expected}");
        let head = &stub.requests()[0];
        assert!(
            head.starts_with("GET /a?b=c HTTP/1.1\r\n") && head.contains("\r\nx-a: b\r\n"),
            "{head}"
        );
        assert!(
            head.contains(&format!("host: {}\r\n", stub.address)),
            "{head}"
        );
    }
}

/// The clock of the test runs as fast as nothing happens.
#[tokio::test(start_paused = true)]
async fn a_silent_service_is_asked_twice() {
    let stub = Stub::start(&[""]);
    let call = Call::get(&format!("http://{}/", stub.address)).unwrap();
    let began = tokio::time::Instant::now();
    let found = call.send(&environment()).await;
    assert_eq!(found, Err(HttpError::Timeout));
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn nobody_listens() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let found = Call::get(&format!("http://{gone}/"))
        .unwrap()
        .send(&environment())
        .await;
    assert!(matches!(found, Err(HttpError::Unreachable(_))), "{found:?}");
}

#[test]
fn an_address_is_a_url_without_a_user() {
    let rows = [
        ("http://a/b?c", true),
        ("https://[fd00:ec2::23]:1/b", true),
        ("ftp://a/", false),
        ("//a/", false),
        ("/a", false),
        ("a", false),
        ("", false),
        ("http://u:p@a/", false),
        ("http://a b/", false),
    ];
    for (url, expected) in rows {
        assert_eq!(Call::get(url).is_ok(), expected, "{url}");
    }
}
