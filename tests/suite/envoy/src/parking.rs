//! Waiting requests in Envoy are limited by kind: unfinished requests of others do not block known
//! clients.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use registry_auth_cases::Outcome;
use registry_auth_cases::parking::{BODIES, document, push, unfinished};
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::envoy::{Bootstrap, Envoy, Listener};
use registry_auth_harness::module;
use registry_auth_harness::upstream::Upstream;

const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn unfinished_requests_for_tokens_take_no_room_of_pushes_in_envoy() -> Outcome {
    Ok(leave_lying()?)
}

fn leave_lying() -> Result<()> {
    const CROWD: usize = 1_000;
    let upstream = Upstream::start()?;
    let listener = Listener {
        name: "clients".to_owned(),
        configuration: document()?.to_string(),
        vm_id: "registry-auth".to_owned(),
        cluster: Some("upstream".to_owned()),
        ..Listener::default()
    };
    let envoy = Envoy::start(&Bootstrap {
        module: module::path()?,
        listeners: vec![listener],
        clusters: vec![
            ("upstream".to_owned(), upstream.address()),
            ("issuers".to_owned(), upstream.address()),
        ],
        environment: Vec::new(),
    })?;
    let address = envoy.listener("clients")?;
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let mut socket =
            TcpStream::connect(address).context("a crowd needs more open files (`ulimit -n`)")?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let Request { headers, .. } = unfinished();
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)))
            .collect();
        let head = format!(
            "POST /auth/token HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{}\r\ncontent-length: 100\r\n\r\ngrant_type=",
            headers.join("\r\n")
        );
        socket.write_all(head.as_bytes())?;
        crowd.push(socket);
    }
    let status = client::send(address, &push()?, PATIENCE)?.status;
    ensure!(status == 200, "a push got {status}\n{}", envoy.log_tail());
    let statuses = crowd.into_iter().map(answer).collect::<Result<Vec<_>>>()?;
    let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    let (late, refused) = (count(400), count(503));
    ensure!(
        late <= 2 * BODIES && late + refused == CROWD,
        "{late} waited, {refused} were refused\n{}",
        envoy.log_tail()
    );
    Ok(())
}

fn answer(mut socket: TcpStream) -> Result<u16> {
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer);
    text.split(' ')
        .nth(1)
        .context("no status")?
        .parse()
        .with_context(|| format!("no status: {text}"))
}
