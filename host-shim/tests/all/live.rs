//! `registry-auth test --live`: reads that are sent to a proxy, and never a write.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::explain::{files, run};
use crate::http::{self, Answer, Listener};
use crate::issuer::certificate;
use crate::shim::Folder;

const TOKEN: &str = "eyJ0b3BzM2NyZXQ.eyJ0b3BzM2NyZXQ.dG9wczNjcmV0";
/// Further tests, with reads that `policy.yaml` does not have.
const MORE: &str = r#"tests:
- name: a=b
  as:
    issuer: https://token.actions.githubusercontent.com
    claims: { repository: acme/app, repository_owner_id: "9919", ref: refs/heads/x }
  allow: ["list acme/app", "push acme/app:v1"]
  deny: ["pull other/app:v1", "delete acme/app:v1", "GET /elsewhere"]
"#;
const ARGUMENTS: &str = "--config policy.yaml more.yaml --live";

/// What a proxy answers: to requests with the token, and to others; the path decides.
type Answers = fn(&str, bool) -> u16;

/// A proxy that remembers what it was asked.
struct Proxy {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Proxy {
    async fn start(tls: bool, answers: Answers) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let handler = Arc::new(move |request: http::ReceivedRequest| {
            let line = format!("{} {}", request.method, request.path);
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.push(line);
            let known = request.authorization == format!("Bearer {TOKEN}");
            Answer {
                status: answers(&request.path, known),
                headers: vec![("location", "http://127.0.0.1:1/elsewhere".to_owned())],
                ..Answer::default()
            }
        });
        let listener = if tls {
            Listener::Tls(listener, acceptor()?)
        } else {
            Listener::Tcp(listener)
        };
        let task = http::serve(listener, handler);
        Ok(Self { port, asked, task })
    }

    fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock();
        asked.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn acceptor() -> anyhow::Result<TlsAcceptor> {
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(certificate("issuer"))?],
            PrivateKeyDer::from_pem_file(certificate("issuer.key"))?,
        )?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// As the policy says.
fn right(path: &str, known: bool) -> u16 {
    match (known, path) {
        (false, _) => 401,
        (true, path) if path.starts_with("/v2/other") => 403,
        (true, path) if path.contains("/blobs/") => 307,
        (true, path) if path.ends_with("/tags/list") => 200,
        (true, _) => 404,
    }
}

async fn live(
    folder: &Path,
    proxy: &Proxy,
    options: &str,
) -> anyhow::Result<(Option<i32>, String, String)> {
    let words = format!("test {ARGUMENTS} http://127.0.0.1:{} {options}", proxy.port);
    run(folder, words.trim()).await
}

/// A folder with the files of the page, the token and further tests.
fn folder() -> anyhow::Result<Folder> {
    let folder = Folder::new()?;
    files(&folder)?;
    folder.write("more.yaml", MORE)?;
    folder.write("token", &format!("{TOKEN}\n"))?;
    folder.write("two", "a b")?;
    Ok(folder)
}

#[tokio::test]
async fn reads_are_sent_and_compared_and_nothing_is_written() -> anyhow::Result<()> {
    let folder = folder()?;
    let proxy = Proxy::start(false, right).await?;
    let (status, out, errors) = live(&folder.path(""), &proxy, "--token a=b=token").await?;
    assert_eq!(status, Some(0), "{out}{errors}");
    let url = format!("live http://127.0.0.1:{}", proxy.port);
    let expected = format!(
        "not sent  main releases: it has no token\nnot sent  tests[1]: it has no token\n4 tests, 36 requests: ok\n{url}: 2 tests, 3 reads sent, 2 tests not sent: ok\n"
    );
    assert_eq!(out, expected);
    assert_eq!(errors, "", "{errors}");
    let words = format!("test {ARGUMENTS} http://registry.test --token a=b=token");
    let (status, _, errors) = run(&folder.path(""), &words).await?;
    assert_eq!(status, Some(1), "{errors}");
    assert!(errors.contains("not sent without TLS"), "{errors}");
    let asked = [
        "HEAD /v2/acme/app/manifests/v1",
        "GET /v2/acme/app/tags/list",
        "HEAD /v2/other/app/manifests/v1",
    ];
    assert_eq!(proxy.asked(), asked);
    let (_, out, _) = live(&folder.path(""), &proxy, "--token a=b=token --tap").await?;
    let line = format!("ok 5 - {url}: main releases # SKIP it has no token\n");
    assert!(out.contains(&line), "{out}");
    let (_, out, _) = live(&folder.path(""), &proxy, "--junit -").await?;
    assert_eq!(
        out.matches("<skipped message=\"it has no token\"/>")
            .count(),
        3,
        "{out}"
    );
    Ok(())
}

#[tokio::test]
async fn another_verdict_or_status_fails_with_the_trace() -> anyhow::Result<()> {
    let folder = folder()?;
    // (what the proxy answers, what is said)
    let rows: [(Answers, &[&str]); 5] = [
        (
            |_, _| 200,
            &[
                "`pull acme/app:v1` should be refused; the answers are 200 to HEAD /v2/acme/app/manifests/v1, 200 to GET",
                "`pull other/app:v1` should be refused; the answers are",
                "2 FAILED",
                "REFUSED 401 UNAUTHORIZED",
            ],
        ),
        (
            |_, _| 403,
            &[
                "`pull acme/app:v1` should be refused with 401; the answers are 403 to",
                "`list acme/app` should be allowed; the answers are 403 to GET /v2/acme/app/tags/list",
                "2 FAILED",
            ],
        ),
        (
            |path, known| {
                if known && path.contains("other") {
                    401
                } else {
                    right(path, known)
                }
            },
            &[
                "`pull other/app:v1` should be refused with 403; the answers are 401 to",
                "1 FAILED",
            ],
        ),
        (
            |path, known| {
                if path.contains("tags") {
                    503
                } else {
                    right(path, known)
                }
            },
            &[
                "`list acme/app`: the proxy or the registry fails, which says nothing; the answers are 503",
                "1 FAILED",
            ],
        ),
        (|_, _| 500, &["3 FAILED"]),
    ];
    for (answers, texts) in rows {
        let proxy = Proxy::start(false, answers).await?;
        let (status, out, errors) = live(&folder.path(""), &proxy, "--token a=b=token").await?;
        assert_eq!(status, Some(1), "{out}{errors}");
        for text in texts {
            assert!(out.contains(text), "{text}\n in \n{out}");
        }
        assert!(!format!("{out}{errors}").contains("eyJ"), "{out}{errors}");
        let writes = |line: &String| !line.starts_with("GET ") && !line.starts_with("HEAD ");
        assert!(!proxy.asked().iter().any(writes), "{:?}", proxy.asked());
    }
    Ok(())
}

#[tokio::test]
async fn tls_is_verified_and_wrong_arguments_end_with_advice() -> anyhow::Result<()> {
    let folder = folder()?;
    let proxy = Proxy::start(true, right).await?;
    let ca = certificate("issuer-ca");
    let other = certificate("ca");
    let [ca, other] = [&ca, &other].map(|path| path.display().to_string());
    let port = proxy.port;
    let rows = [
        (format!("https://localhost:{port} --cacert {ca}"), 0, ""),
        (
            format!("https://127.0.0.1:{port} --cacert {ca} --token a=b=token"),
            0,
            "",
        ),
        (
            format!("https://localhost:{port} --cacert {other}"),
            1,
            "cannot be sent to https://localhost",
        ),
        (
            format!("https://localhost:{port} --cacert none.pem"),
            1,
            "none.pem",
        ),
        (
            format!("https://localhost:{port} --cacert policy.yaml"),
            1,
            "is not the PEM text of certificates",
        ),
        (
            "http://127.0.0.1:1".to_owned(),
            1,
            "HEAD /v2/acme/app/manifests/v1 cannot be sent to http://127.0.0.1:1/v2/acme/app/manifests/v1: connection failed",
        ),
        (
            "ftp://x".to_owned(),
            1,
            "`ftp://x` is not an absolute http or https URL; write --live https://",
        ),
        (
            "https://x --token none=token".to_owned(),
            1,
            "no test has the name `none`; there are `main releases`, ",
        ),
        (
            "https://x --token token".to_owned(),
            1,
            "--token needs the name of a test and a file",
        ),
        (
            "https://x --token a=b=two".to_owned(),
            1,
            "does not hold one token",
        ),
        (
            "https://x --token a=b=none".to_owned(),
            1,
            "cannot read `none`",
        ),
        (
            "https://x --token a=b=token --token a=b=token".to_owned(),
            1,
            "two tokens",
        ),
    ];
    for (options, expected, text) in rows {
        let words = format!("test {ARGUMENTS} {options}");
        let (status, out, errors) = run(&folder.path(""), &words).await?;
        assert_eq!(status, Some(expected), "{words}: {out}{errors}");
        assert!(errors.contains(text), "{words}: {errors}");
        assert!(!errors.contains("eyJ"), "{errors}");
    }
    let (status, _, _) = run(&folder.path(""), "test --config policy.yaml --token a=b").await?;
    assert_eq!(status, Some(2));
    Ok(())
}
