//! Requests to servers that answer as a row says.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(
            "../../../../../tests/fixtures/certificates/",
            $name
        ))
    };
}

/// Trusts one authority.
fn client(authority: &[u8]) -> DirectClient {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    DirectClient::new(Arc::new(config))
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: Vec<u8>) {
    let mut request = vec![0; 4096];
    // A client that refuses the certificate sends nothing.
    let length = stream.read(&mut request).await.unwrap_or(0);
    let request = String::from_utf8_lossy(request.get(..length).unwrap_or_default()).into_owned();
    let expected = [
        "POST /token?x=1 HTTP/1.1\r\n",
        "connection: close\r\n",
        "\r\n\r\na=b",
    ];
    if expected.iter().all(|part| request.contains(part)) {
        let _ = stream.write_all(&answer).await;
        let _ = stream.shutdown().await;
    }
}

/// A server that answers once; returns its address.
async fn server(reply: Vec<u8>, with_tls: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        if !with_tls {
            return answer(stream, reply).await;
        }
        let certificates = CertificateDer::pem_slice_iter(fixture!("issuer.pem"));
        let key = PrivateKeyDer::from_pem_slice(fixture!("issuer.key.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(certificates.map(Result::unwrap).collect(), key)
            .unwrap();
        if let Ok(stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await {
            answer(stream, reply).await;
        }
    });
    let scheme = if with_tls { "https" } else { "http" };
    format!("{scheme}://127.0.0.1:{port}/token?x=1")
}

#[tokio::test]
async fn an_answer_is_read_whole_and_from_whom_it_should_be() {
    let issuer = fixture!("issuer-ca.pem").as_slice();
    let other = fixture!("ca.pem").as_slice();
    let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec();
    let redirect =
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let long = [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".as_slice(),
        &vec![b'x'; MAX_ANSWER + 1],
    ]
    .concat();
    let longest = [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".as_slice(),
        &vec![b'x'; MAX_ANSWER],
    ]
    .concat();
    let rows = [
        ("TLS", ok.clone(), true, issuer, Some((200, 2))),
        ("TLS of another authority", ok.clone(), true, other, None),
        ("no TLS", ok, false, other, Some((200, 2))),
        (
            "a redirect is not followed",
            redirect.to_vec(),
            true,
            issuer,
            Some((302, 0)),
        ),
        (
            "the longest answer",
            longest,
            true,
            issuer,
            Some((200, MAX_ANSWER)),
        ),
        ("one byte more", long, true, issuer, None),
        ("no answer", Vec::new(), true, issuer, None),
        (
            "half an answer",
            b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok".to_vec(),
            true,
            issuer,
            None,
        ),
    ];
    for (name, reply, with_tls, authority, expected) in rows {
        let url = server(reply, with_tls).await;
        let request = Request::post(url).body(Bytes::from("a=b")).unwrap();
        let response = client(authority).send(request).await;
        let found = response.as_ref().ok();
        let found = found.map(|response| (response.status().as_u16(), response.body().len()));
        assert_eq!(found, expected, "{name}: {response:?}");
    }
    let nobody = Request::get("http://127.0.0.1:1/")
        .body(Bytes::new())
        .unwrap();
    assert!(client(issuer).send(nobody).await.is_err());
}
