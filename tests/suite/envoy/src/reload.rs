//! A new `accessControl` while requests are in progress: none is dropped, and decisions already
//! made are kept.

use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use registry_auth_engine::keys::envelope::secret_set;
use registry_auth_engine::time::UnixTime;
use registry_auth_harness::client::{self, Connection, Request};
use registry_auth_harness::envoy::{self, Bootstrap, Envoy, Listener};
use registry_auth_harness::issuer::Issuers;
use registry_auth_harness::key;
use registry_auth_harness::mint::Recipe;
use registry_auth_harness::module;
use registry_auth_harness::real::{INTAKE, SPREAD, push_keys};
use registry_auth_harness::server::Port;
use registry_auth_harness::substrate::{ENVIRONMENT, now};
use registry_auth_harness::upstream::{NUMBER, Upstream, sha256};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::Outcome;

const PATIENCE: Duration = Duration::from_secs(20);
const ACTIONS: &[&str] = &["read", "create"];
const PARTS: usize = 40;
const PART: &[u8] = &[b'x'; 10_000];

/// Keys by callout and by push; `reader` may do these actions in what `pattern` matches.
fn plugin(pattern: &str, actions: &[&str]) -> Value {
    let policies = json!([{"users": ["http://issuer.test/reader", "reader"], "actions": actions}]);
    json!({
        "http": {
            "auth": {"bearer": {
                "awsSecretsManager": {"region": "us-east-1", "secretName": "keys"},
                "oidc": [{"issuer": "http://issuer.test", "audiences": ["registry"]}],
            }},
            "accessControl": {"repositories": {pattern: {"policies": policies}}},
        },
        "log": {"level": "warn"},
        "proxy": {"oidcCluster": "issuers", "pushKey": {"env": "REGISTRY_AUTH_PUSH_KEY"}},
    })
}

fn bearer(key: &str, claims: Value, at: UnixTime) -> Result<String> {
    let claims: Map<String, Value> = serde_json::from_value(claims)?;
    Ok(format!("Bearer {}", Recipe::plain(key, claims).mint(at)?))
}

/// A token of the issuer and one of the token server, both of `reader`.
fn tokens() -> Result<[String; 2]> {
    let access = json!([{"type": "repository", "name": "team/app", "actions": ["pull", "push"]}]);
    let oidc = json!({"iss": "http://issuer.test", "sub": "reader", "aud": "registry", "iat": "-1s", "exp": "+1h"});
    let server = json!({"sub": "reader", "access": access, "exp": "+1h"});
    Ok([
        bearer("es256", oidc, now())?,
        bearer("eddsa", server, now())?,
    ])
}

/// Envoy with a filter that is read from a file.
struct Fixture {
    envoy: Envoy,
    bootstrap: Bootstrap,
    upstream: Upstream,
    /// What Envoy still talks to.
    _kept: (registry_auth_harness::server::Server, TempDir),
}

impl Fixture {
    fn set_up() -> Result<Self> {
        let folder = TempDir::with_prefix("registry-auth-reload-")?;
        let (upstream, issuers) = (
            Upstream::start()?,
            Issuers::of_scenarios()?.serve(Port::bind()?)?,
        );
        let listener = |name: &str, configuration: String| Listener {
            name: name.to_owned(),
            configuration,
            vm_id: "reload".to_owned(),
            cluster: (name == "main").then(|| "upstream".to_owned()),
            discovery: (name == "main").then(|| folder.path().join("filter.json")),
            ..Listener::default()
        };
        let bootstrap = Bootstrap {
            module: module::path()?,
            listeners: vec![
                listener("main", plugin("team/**", ACTIONS).to_string()),
                listener("intake", INTAKE.to_owned()),
            ],
            clusters: vec![
                ("upstream".to_owned(), upstream.address()),
                ("issuers".to_owned(), issuers.address()),
            ],
            environment: ENVIRONMENT
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
        };
        let envoy = Envoy::start(&bootstrap)?;
        push_keys(
            envoy.listener("intake")?,
            &secret_set("us-east-1", "keys"),
            &key::jwks(&["eddsa"])?,
        )?;
        thread::sleep(SPREAD);
        Ok(Self {
            envoy,
            bootstrap,
            upstream,
            _kept: (issuers, folder),
        })
    }

    fn address(&self) -> Result<SocketAddr> {
        self.envoy.listener("main")
    }

    /// Replaces the configuration of the plugin, and waits until Envoy has accepted or rejected it.
    fn change(&mut self, configuration: &Value, counter: &str) -> Result<()> {
        let listener = self
            .bootstrap
            .listeners
            .first_mut()
            .context("there is no listener")?;
        listener.configuration = configuration.to_string();
        let listener = listener.clone();
        self.counted(counter, || self.bootstrap.publish(&listener))
    }

    /// Does something that moves one of Envoy's counters of discovery.
    fn counted(&self, counter: &str, act: impl FnOnce() -> Result<()>) -> Result<()> {
        let name = format!("extension_config_discovery.http_filter.registry-auth.{counter}");
        let before = self.envoy.stat(&name)?.unwrap_or_default();
        act()?;
        let deadline = Instant::now() + PATIENCE;
        while self.envoy.stat(&name)?.unwrap_or_default() == before {
            let stats = self.envoy.admin_get("/stats?filter=extension_config")?;
            ensure!(
                Instant::now() < deadline,
                "`{counter}` does not move\n{stats}\n{}",
                self.envoy.log_tail()
            );
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Fixture {
    /// `envoy/discovery.json` is a filter that Envoy takes, and that decides: a plugin that failed
    /// answers 5xx.
    fn adopt_the_shipped_file(&self) -> Result<()> {
        let text = fs::read_to_string(module::workspace().join("envoy/discovery.json"))?;
        let module = module::path()?;
        let text = text.replace(
            "target/registry-auth.wasm",
            module.to_str().context("an odd path")?,
        );
        let path = self
            .bootstrap
            .listeners
            .first()
            .and_then(|listener| listener.discovery.clone());
        let path = path.context("the filter is configured in the listener")?;
        let new = path.with_extension("shipped");
        fs::write(&new, envoy::resource(&text)?)?;
        self.counted("config_reload", || {
            fs::rename(&new, &path).context("the file cannot be replaced")
        })?;
        thread::sleep(Duration::from_millis(300));
        let got = client::send(self.address()?, &Request::new("GET", "/v2/"), PATIENCE)?.status;
        ensure!(
            got == 401,
            "the shipped filter answers {got}\n{}",
            self.envoy.log_tail()
        );
        Ok(())
    }
}

/// Reads over and over on one connection until it is stopped: the statuses without repetitions, and
/// how many there were.
fn load(address: SocketAddr, token: &str, stop: &AtomicBool) -> Result<(Vec<u16>, usize)> {
    let request = Request::new("GET", "/v2/team/app/tags/list").header("authorization", token);
    let mut connection = Connection::open(address, PATIENCE)?;
    let mut statuses = Vec::new();
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        statuses.push(
            connection
                .send(&request)
                .with_context(|| format!("after {count} requests"))?
                .status,
        );
        statuses.dedup();
        count += 1;
    }
    Ok((statuses, count))
}

/// Starts an upload, which is granted at this time.
fn begin(address: SocketAddr, token: &str) -> Result<Connection> {
    let mut upload = Connection::open(address, PATIENCE)?;
    let length = PARTS * PART.len();
    let head = format!(
        "PATCH /v2/team/app/blobs/uploads/s HTTP/1.1\r\nhost: test\r\nauthorization: {token}\r\ncontent-length: {length}\r\n\r\n"
    );
    upload.write(head.as_bytes())?;
    for _ in 0..PARTS / 2 {
        upload.write(PART)?;
    }
    Ok(upload)
}

/// Sends the rest of the upload.
fn finish(upload: &mut Connection, upstream: &Upstream) -> Result<()> {
    for _ in PARTS / 2..PARTS {
        upload.write(PART)?;
        thread::sleep(Duration::from_millis(5));
    }
    let answer = upload.answer()?;
    ensure!(
        answer.status == 200,
        "the upload ended with {}",
        answer.status
    );
    let number = answer
        .header(NUMBER)
        .context("the upload has not reached the upstream")?;
    let seen = upstream
        .seen(number.parse()?)
        .context("the upstream has not seen the upload")?;
    ensure!(
        seen.sha256 == sha256(&PART.repeat(PARTS)),
        "the upload arrived with {} bytes",
        seen.body
    );
    Ok(())
}

/// What a request on a new connection gets.
fn status(address: SocketAddr, token: &str) -> Result<u16> {
    let request = Request::new("GET", "/v2/team/app/tags/list").header("authorization", token);
    Ok(client::send(address, &request, PATIENCE)?.status)
}

/// Changes the policy three times under load: to one that refuses, to one that is refused itself,
/// back.
fn change_under_load(fixture: &mut Fixture, tokens: &[String; 2]) -> Result<()> {
    let address = fixture.address()?;
    let mut uploads = tokens
        .iter()
        .map(|token| begin(address, token))
        .collect::<Result<Vec<_>>>()?;
    thread::sleep(Duration::from_millis(200));
    fixture.change(&plugin("other/**", ACTIONS), "config_reload")?;
    for token in tokens {
        // Every worker has it after a moment; the listener's connections are theirs by chance.
        thread::sleep(Duration::from_millis(100));
        for _ in 0..8 {
            ensure!(
                status(address, token)? == 403,
                "the new policy does not hold"
            );
        }
    }
    for upload in &mut uploads {
        finish(upload, &fixture.upstream)?;
    }
    fixture.change(&plugin("team/**", &["wirte"]), "update_rejected")?;
    thread::sleep(Duration::from_millis(200));
    for token in tokens {
        for _ in 0..8 {
            ensure!(
                status(address, token)? == 403,
                "a refused configuration has changed the policy"
            );
        }
    }
    fixture.change(&plugin("team/*", ACTIONS), "config_reload")?;
    thread::sleep(Duration::from_millis(300));
    Ok(())
}

fn reload() -> Result<()> {
    let mut fixture = Fixture::set_up()?;
    let (address, tokens, stop) = (fixture.address()?, tokens()?, AtomicBool::new(false));
    for token in &tokens {
        ensure!(
            status(address, token)? == 200,
            "the first policy does not hold\n{}",
            fixture.envoy.log_tail()
        );
    }
    let ran = thread::scope(|scope| {
        let clients: Vec<_> = tokens
            .iter()
            .cycle()
            .take(8)
            .map(|token| scope.spawn(|| load(address, token, &stop)))
            .collect();
        let changed = change_under_load(&mut fixture, &tokens);
        stop.store(true, Ordering::Relaxed);
        let ran: Vec<_> = clients
            .into_iter()
            .map(|client| client.join().map_err(|_| anyhow::anyhow!("panicked")))
            .collect();
        changed.map(|()| ran)
    });
    let ran = ran.with_context(|| fixture.envoy.log_tail())?;
    let mut requests = 0;
    for client in ran {
        let (statuses, count) = client?.context("a request was dropped")?;
        ensure!(statuses == [200, 403, 200], "a connection saw {statuses:?}");
        requests += count;
    }
    fixture.adopt_the_shipped_file()?;
    let drained = fixture
        .envoy
        .stat("listener_manager.total_listeners_draining")?;
    ensure!(drained == Some(0), "listeners drain: {drained:?}");
    eprintln!("{requests} requests during three changes");
    Ok(())
}

#[test]
fn a_policy_that_changes_under_load_drops_no_request() -> Outcome {
    reload()?;
    Ok(())
}
