//! The Workload API: a service of gRPC with the frames of its specification.

use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use crate::environment::Environment;
use crate::source::Source;

/// An answer with `spiffe://a/b`, whose token is a.b.c, and `spiffe://a/c` without one.
const TWO: &[u8] =
    b"\0\0\0\0\x27\x0a\x15\x0a\x0cspiffe://a/b\x12\x05a.b.c\x0a\x0e\x0a\x0cspiffe://a/c";
/// What is asked for the audience `registry.example.com`, and for `spiffe://a/c` too.
const QUESTION: &[u8] = b"\0\0\0\0\x16\x0a\x14registry.example.com";
const NAMED: &[u8] = b"\0\0\0\0\x24\x0a\x14registry.example.com\x12\x0cspiffe://a/c";

/// The head of each request, and its frame.
type Seen = Arc<Mutex<Vec<(String, Vec<u8>)>>>;
/// A frame, and a status of gRPC if there is one.
type Answer = (&'static [u8], &'static str);
/// The wanted identity, the answers, what comes out, and how often it is asked.
type Row = (&'static str, &'static [Answer], &'static str, usize);

/// Serves one connection with an answer.
async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    seen: Seen,
    (frame, status): Answer,
) {
    let answer = move |request: Request<Incoming>| {
        let seen = Arc::clone(&seen);
        async move {
            let (head, body) = request.into_parts();
            let of = |name: &str| {
                head.headers
                    .get(name)
                    .map_or("", |value| value.to_str().unwrap())
            };
            let line = format!(
                "{} {} {} {} {}",
                head.method,
                head.uri.path(),
                of("content-type"),
                of("te"),
                of("workload.spiffe.io")
            );
            let body = body.collect().await.unwrap().to_bytes();
            seen.lock().unwrap().push((line, body.to_vec()));
            let mut trailers = HeaderMap::new();
            if !status.is_empty() {
                trailers.insert("grpc-status", status.parse().unwrap());
            }
            let body = Full::new(Bytes::from_static(frame));
            let body = body.with_trailers(async move { Some(Ok::<_, Infallible>(trailers)) });
            Ok::<_, Infallible>(Response::new(body))
        }
    };
    // The client closes the connection.
    drop(
        Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service_fn(answer))
            .await,
    );
}

/// The rows: the wanted identity, the answers, what comes out, and how often it is asked.
#[tokio::test]
async fn the_workload_api_gives_the_token_of_an_identity() {
    const ID: &[Answer] = &[(TWO, "0")];
    let rows: [Row; 9] = [
        ("spiffe", ID, "a.b.c", 1),
        ("spiffe:spiffe://a/b", ID, "a.b.c", 1),
        (
            "spiffe:spiffe://a/d",
            ID,
            "the answer of the Workload API has no token of this identity",
            1,
        ),
        (
            "spiffe",
            &[(b"\0\0\0\0\0", "0")],
            "the answer of the Workload API has no token of this identity",
            1,
        ),
        (
            "spiffe",
            &[(b"\0\0\0\0\x05", "0")],
            "the answer of the Workload API has no message",
            1,
        ),
        (
            "spiffe",
            &[(b"", "3")],
            "the Workload API answers with the gRPC status 3",
            1,
        ),
        (
            "spiffe",
            &[(b"", "7")],
            "the Workload API answers with the gRPC status 7: no entry matches this workload",
            2,
        ),
        ("spiffe", &[(b"", "14"), (TWO, "0")], "a.b.c", 2),
        (
            "spiffe",
            &[(b"", "")],
            "the Workload API cannot be reached: it is not a service of gRPC",
            2,
        ),
    ];
    for (source, answers, expected, count) in rows {
        let folder = crate::owned::tests::private();
        let path = folder.path().join("agent.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let seen = Seen::default();
        let (kept, answers) = (Arc::clone(&seen), answers.to_vec());
        let service = tokio::spawn(async move {
            for index in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let answer = answers[index.min(answers.len() - 1)];
                tokio::spawn(serve(stream, Arc::clone(&kept), answer));
            }
        });
        let socket = format!("unix://{}", path.display());
        let found = ask(source, &socket).await;
        assert!(found.starts_with(expected), "{source}: {found}");
        service.abort();
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), count, "{expected}");
        for (line, question) in &*seen {
            assert_eq!(
                line,
                "POST /SpiffeWorkloadAPI/FetchJWTSVID application/grpc trailers true"
            );
            assert!(source != "spiffe" || *question == QUESTION, "{question:?}");
        }
    }
}

#[tokio::test]
async fn an_agent_is_asked_at_its_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream, kept, (TWO, "0")).await;
    });
    // The second has no token.
    assert_eq!(ask("spiffe:spiffe://a/c", &address).await, "");
    assert_eq!(seen.lock().unwrap()[0].1, NAMED);
    let rows = [
        (
            "http://127.0.0.1",
            "SPIFFE_ENDPOINT_SOCKET is not an address: write unix:///PATH or tcp://IP:PORT",
        ),
        (
            "unix:///nowhere/agent.sock",
            "the Workload API cannot be reached: No such file",
        ),
    ];
    for (address, expected) in rows {
        let found = ask("spiffe", address).await;
        assert!(found.starts_with(expected), "{found}");
    }
}

async fn ask(source: &str, socket: &str) -> String {
    let environment =
        Environment::new(&[("SPIFFE_ENDPOINT_SOCKET", socket)], Path::new("/nowhere"));
    let source: Source = source.parse().unwrap();
    let found = source.fetch("registry.example.com", &environment).await;
    found.unwrap_or_else(|error| error.to_string())
}
