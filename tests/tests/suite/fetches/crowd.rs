//! A thousand requests at once at the real Envoy, whose workers share what one of them fetches.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use registry_auth_tests::envoy::{self, Bootstrap, Envoy, Listener};
use registry_auth_tests::issuer::{Endpoint, Issuer};
use registry_auth_tests::module;
use registry_auth_tests::server::Server;
use registry_auth_tests::substrate::{ENVIRONMENT, now};
use registry_auth_tests::upstream::Upstream;
use serde_json::{Value, json};

use crate::Outcome;

const CROWD: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(30);
/// Unknown keys cause at most one fetch in this time.
const LIMIT: Duration = Duration::from_secs(5);

struct Stage {
    envoy: Envoy,
    issuer: Issuer,
    _kept: (Upstream, Server),
}

impl Stage {
    fn set_up(vm_id: &str, push_key: bool) -> Result<Self> {
        let (upstream, issuer) = (Upstream::start()?, Issuer::new("http://issuer.test", &["es256"])?);
        let server = issuer.serve()?;
        let entry = json!({ "issuer": issuer.url(), "audiences": ["registry"], "cluster": "issuers" });
        let mut document = json!({ "http": { "auth": { "bearer": { "oidc": [entry] } } }, "log": { "level": "warn" } });
        if let (true, Value::Object(document)) = (push_key, &mut document) {
            document.insert("proxy".to_owned(), json!({ "pushKey": { "env": "REGISTRY_AUTH_PUSH_KEY" } }));
        }
        let listener = |name: &str| Listener {
            name: name.to_owned(),
            configuration: document.to_string(),
            vm_id: vm_id.to_owned(),
            holds_bodies: false,
            secured: false,
            port: 0,
            cluster: Some("upstream".to_owned()),
            discovery: None,
        };
        let envoy = Envoy::start(&Bootstrap {
            module: module::path()?,
            listeners: vec![listener("one"), listener("two")],
            clusters: vec![("upstream".to_owned(), upstream.address()), ("issuers".to_owned(), server.address())],
            environment: ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        })?;
        Ok(Self { envoy, issuer, _kept: (upstream, server) })
    }

    /// What a thousand requests at once get, over both listeners: each status once.
    fn crowd(&self, key: &str) -> Result<Vec<u16>> {
        let claims = json!({ "sub": "ci", "aud": "registry", "exp": "+1h", "iat": "-1m" });
        let token = self.issuer.token(key, serde_json::from_value(claims)?, now())?;
        let listeners = [self.envoy.listener("one")?, self.envoy.listener("two")?];
        let mut sockets = Vec::with_capacity(CROWD);
        for address in listeners.iter().cycle().take(CROWD) {
            sockets.push(connect(*address)?);
        }
        let head = format!(
            "GET /v2/app/tags/list HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        for socket in &mut sockets {
            socket.write_all(head.as_bytes())?;
        }
        let mut statuses =
            sockets.iter_mut().map(status).collect::<Result<Vec<_>>>().with_context(|| self.envoy.log_tail())?;
        statuses.sort_unstable();
        statuses.dedup();
        Ok(statuses)
    }

    fn fetches(&self) -> usize {
        self.issuer.requests(Endpoint::Keys)
    }
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

fn status(socket: &mut TcpStream) -> Result<u16> {
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer);
    text.split(' ').nth(1).context("no status")?.parse().with_context(|| format!("no status: {text}"))
}

#[test]
fn envoy_asks_an_issuer_once_for_a_thousand_requests() -> Outcome {
    if envoy::may_be_skipped() {
        return Ok(());
    }
    for (vm_id, push_key) in [("registry-auth", false), ("", true)] {
        let stage = Stage::set_up(vm_id, push_key)?;
        assert_eq!(stage.crowd("es256")?, [200], "the first tokens");
        assert_eq!(stage.fetches(), 1, "{vm_id}");
        thread::sleep(LIMIT);
        stage.issuer.rotate(&["next-es256"])?;
        assert_eq!(stage.crowd("next-es256")?, [200], "a key that is new");
        assert_eq!(stage.fetches(), 2, "{vm_id}");
        thread::sleep(LIMIT);
        let began = Instant::now();
        assert_eq!(stage.crowd("stray-es256")?, [401], "a key that the issuer does not have");
        // Each worker asks for it anew when it was unknown for a while.
        let more = usize::try_from(began.elapsed().as_secs() / LIMIT.as_secs()).unwrap_or(usize::MAX);
        assert!((3..=3 + more).contains(&stage.fetches()), "{vm_id}: {}", stage.fetches());
        sees(&stage.envoy)?;
    }
    Ok(())
}

/// The gauges of the source are there, and shared by the workers.
fn sees(envoy: &Envoy) -> Result<()> {
    thread::sleep(Duration::from_millis(600));
    let stats = envoy.admin_get("/stats?filter=registry_auth.keys")?;
    for (name, value) in [("issuer_test.count", 1), ("issuer_test.stale", 0), ("issuer_test.failing", 0)] {
        let line = format!("registry_auth.keys.{name}: {value}");
        ensure!(stats.lines().any(|found| found.ends_with(&line)), "no `{line}` in\n{stats}");
    }
    ensure!(stats.contains("registry_auth.keys.issuer_test.age_seconds: "), "no age in\n{stats}");
    Ok(())
}
