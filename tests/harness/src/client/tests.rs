use super::*;

const ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 80);

#[test]
fn a_request_is_written_as_it_is_told() {
    let plain = Request::new("GET", "/a\u{ff}")
        .header("X", "\u{80}")
        .encode(ADDRESS);
    assert_eq!(
        plain,
        b"GET /a\xff HTTP/1.1\r\nhost: 127.0.0.1:80\r\nX: \x80\r\nconnection: close\r\n\r\n"
    );
    let sized = Request::new("PUT", "/")
        .header("Host", "h")
        .body(b"ab".to_vec())
        .encode(ADDRESS);
    assert_eq!(
        sized,
        b"PUT / HTTP/1.1\r\nHost: h\r\nconnection: close\r\ncontent-length: 2\r\n\r\nab"
    );
    let chunked = Request {
        body: Body::Chunked(vec![b"abc".to_vec(), vec![]]),
        ..Request::new("PUT", "/").header("host", "h")
    };
    let expected = b"PUT / HTTP/1.1\r\nhost: h\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert_eq!(chunked.encode(ADDRESS), expected);
}

#[test]
fn a_response_is_read_whatever_its_framing() {
    let rows: &[(&str, &str, bool)] = &[
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd",
            "abc",
            false,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n",
            "abc",
            false,
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nabc",
            "abc",
            true,
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", "", false),
    ];
    for (text, body, ended) in rows {
        let response = parse(text.as_bytes(), false, *ended).unwrap().unwrap();
        assert_eq!(response.body, body.as_bytes(), "{text}");
    }
    let head = parse(
        b"HTTP/1.1 401 No\r\nContent-Length: 30\r\nWWW-Authenticate: a\r\n\r\n",
        true,
        false,
    )
    .unwrap()
    .unwrap();
    assert_eq!(
        (head.status, head.header("www-authenticate")),
        (401, Some("a".into()))
    );
}

#[test]
fn half_a_response_waits_and_garbage_is_an_error() {
    for text in [
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nab",
    ] {
        assert_eq!(
            parse(text.as_bytes(), false, false).unwrap(),
            None,
            "{text}"
        );
    }
    assert!(parse(b"SSH-2.0\r\n\r\n", false, true).is_err());
    assert!(
        parse(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            false,
            true
        )
        .is_err()
    );
}

#[test]
fn nobody_there_is_an_error() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    assert!(send(address, &Request::new("GET", "/"), Duration::from_secs(5)).is_err());
}
