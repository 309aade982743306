//! The built-in load generator: one thread that polls its connections, reads a response and sends
//! the next request.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use registry_auth_harness::workload::HEADERS;

use super::{CONNECTIONS, Load, Scheme, TARGET};

/// Time limit for a response.
const PATIENCE: Duration = Duration::from_secs(20);

/// As [`super::Generator::send`].
pub(super) fn send(load: &Load<'_>) -> Result<u64> {
    let heads: Vec<_> = load
        .tokens
        .iter()
        .map(|token| head(load.address, load.scheme, token))
        .collect();
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(Connection::open(load.address)?);
    }
    let end = Instant::now() + load.time;
    let mut next = 0;
    let mut answered = 0;
    loop {
        let mut waiting = false;
        for connection in &mut connections {
            answered += u64::from(connection.receive()?);
            let head = if load.once {
                heads.get(next)
            } else {
                heads.get(next % heads.len().max(1))
            };
            if let Some(head) = head.filter(|_| Instant::now() < end) {
                connection.send(head)?;
                next += 1;
                waiting = true;
            }
        }
        if !waiting {
            break;
        }
    }
    for connection in &mut connections {
        answered += u64::from(connection.receive()?);
    }
    Ok(answered)
}

pub(crate) fn head(address: SocketAddr, scheme: Scheme, token: &str) -> Vec<u8> {
    let mut head = format!(
        "GET {TARGET} HTTP/1.1\r\nhost: {address}\r\nauthorization: {scheme:?} {token}\r\n"
    );
    for (name, value) in HEADERS {
        head.extend([name, ": ", value, "\r\n"]);
    }
    (head + "\r\n").into_bytes()
}

pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    /// A request is under way.
    waits: bool,
    line: String,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).context("Envoy does not listen")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream: BufReader::new(stream),
            waits: false,
            line: String::new(),
        })
    }

    pub(crate) fn send(&mut self, head: &[u8]) -> Result<()> {
        self.stream
            .get_mut()
            .write_all(head)
            .context("Envoy has closed a connection")?;
        self.waits = true;
        Ok(())
    }

    /// Reads the pending response; returns false if there was none.
    pub(crate) fn receive(&mut self) -> Result<bool> {
        if !std::mem::take(&mut self.waits) {
            return Ok(false);
        }
        let status = self.next_line()?.to_owned();
        ensure!(
            status.starts_with("HTTP/1.1 200 "),
            "a request was answered with `{}`",
            status.trim_end()
        );
        let mut length = None;
        loop {
            let line = self.next_line()?;
            match line.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().ok();
                }
                Some(_) => {}
                None => break,
            }
        }
        let Some(length) = length else {
            bail!("an answer has no content-length")
        };
        std::io::copy(&mut self.stream.by_ref().take(length), &mut std::io::sink())?;
        Ok(true)
    }

    fn next_line(&mut self) -> Result<&str> {
        self.line.clear();
        let size = self.stream.read_line(&mut self.line).context("no answer")?;
        ensure!(size > 0, "Envoy has closed a connection");
        Ok(&self.line)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::Mutex;

    use super::*;

    /// Answers each request with what `answer` makes of its head.
    fn serve(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answer = std::sync::Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, answer) = (stream.unwrap(), std::sync::Arc::clone(&answer));
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    let mut head = String::new();
                    while reader.read_line(&mut head).is_ok_and(|size| size > 0) {
                        if head.ends_with("\r\n\r\n") {
                            stream.write_all(answer(&head).as_bytes()).unwrap();
                            head.clear();
                        }
                    }
                });
            }
        });
        address
    }

    fn load(address: SocketAddr, tokens: &[String], once: bool) -> Load<'_> {
        Load {
            address,
            scheme: Scheme::Bearer,
            tokens,
            once,
            time: Duration::from_millis(50),
        }
    }

    #[test]
    fn each_token_is_sent_once_and_every_answer_is_counted() {
        let seen = std::sync::Arc::new(Mutex::new(Vec::new()));
        let log = std::sync::Arc::clone(&seen);
        let address = serve(move |head| {
            let token = head
                .lines()
                .find_map(|line| line.strip_prefix("authorization: Bearer "))
                .unwrap();
            log.lock().unwrap().push(token.to_owned());
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned()
        });
        let tokens: Vec<_> = (100..140).map(|number| number.to_string()).collect();
        let patient = Load {
            time: PATIENCE,
            ..load(address, &tokens, true)
        };
        assert_eq!(send(&patient).unwrap(), 40);
        let mut seen = seen.lock().unwrap().clone();
        seen.sort();
        assert_eq!(seen, tokens);
    }

    #[test]
    fn an_answer_that_was_not_meant_ends_the_load() {
        let address =
            serve(|_| "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n".to_owned());
        let error = send(&load(address, &["a".to_owned()], false)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a request was answered with `HTTP/1.1 401 Unauthorized`"
        );
    }
}
