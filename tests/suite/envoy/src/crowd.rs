//! A thousand requests at once to the real Envoy, whose workers share the keys that one of them
//! fetches.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::client::Connection;
use registry_auth_harness::envoy::{Bootstrap, Envoy, Listener};
use registry_auth_harness::issuer::{Endpoint, Issuer};
use registry_auth_harness::module;
use registry_auth_harness::server::Server;
use registry_auth_harness::substrate::{ENVIRONMENT, now};
use serde_json::{Value, json};

use crate::Outcome;

const CROWD: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(30);
/// Unknown keys cause at most one fetch in this time.
const LIMIT: Duration = Duration::from_secs(5);
/// Time limit of a fetch; its lease lasts a little longer.
const TIMEOUT: Duration = Duration::from_millis(2_500);
/// The status of granted requests, from Envoy itself: there is no upstream.
const GRANTED: u16 = 404;

struct Fixture {
    envoy: Envoy,
    issuer: Issuer,
    _server: Server,
}

impl Fixture {
    fn set_up(vm_id: &str, push_key: bool) -> Result<Self> {
        let issuer = Issuer::new("http://issuer.test", &["es256"])?;
        let server = issuer.serve()?;
        let entry =
            json!({ "issuer": issuer.url(), "audiences": ["registry"], "cluster": "issuers" });
        let mut document = json!({ "http": { "auth": { "bearer": { "oidc": [entry] } } }, "log": { "level": "warn" } });
        if let (true, Value::Object(document)) = (push_key, &mut document) {
            document.insert(
                "proxy".to_owned(),
                json!({ "pushKey": { "env": "REGISTRY_AUTH_PUSH_KEY" } }),
            );
        }
        let listener = |name: &str| Listener {
            name: name.to_owned(),
            configuration: document.to_string(),
            vm_id: vm_id.to_owned(),
            ..Listener::default()
        };
        let envoy = Envoy::start(&Bootstrap {
            module: module::path()?,
            listeners: vec![listener("one"), listener("two")],
            clusters: vec![("issuers".to_owned(), server.address())],
            environment: ENVIRONMENT
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
        })?;
        Ok(Self {
            envoy,
            issuer,
            _server: server,
        })
    }

    /// A thousand requests at once, over both listeners, with a key that the issuer publishes: all
    /// are granted, and cause one fetch.
    ///
    /// On a machine that is too busy for the timeout of a fetch, the test checks less: all requests
    /// are answered, with one fetch for each lease that can have expired.
    fn crowd(&self, key: &str) -> Result<()> {
        let wanted = GRANTED;
        let (before, began) = (self.fetches(), Instant::now());
        let statuses = self.ask(key)?;
        let (fetches, took) = (self.fetches() - before, began.elapsed());
        let story = || self.story().unwrap_or_default();
        if took < TIMEOUT {
            ensure!(
                statuses == [wanted] && fetches == 1,
                "{key}: {statuses:?}, {fetches} fetches\n{}",
                story()
            );
            return Ok(());
        }
        eprintln!("{CROWD} requests took {took:?}: less is proven");
        let known = statuses.iter().all(|status| [wanted, 503].contains(status));
        let most = 1 + usize::try_from(took.as_millis() / TIMEOUT.as_millis())?;
        ensure!(
            known && (1..=most).contains(&fetches),
            "{key}: {statuses:?}, {fetches} fetches\n{}",
            story()
        );
        Ok(())
    }

    /// The same with a key that the issuer does not publish. Requests after the start of the fetch
    /// wait for the next one, or exceed the limit of those that may.
    fn crowd_of_strangers(&self, key: &str) -> Result<()> {
        let (before, began) = (self.fetches(), Instant::now());
        let statuses = self.ask(key)?;
        let (fetches, took) = (self.fetches() - before, began.elapsed());
        let known =
            statuses.contains(&401) && statuses.iter().all(|status| [401, 503].contains(status));
        let most = 1 + usize::try_from(took.as_millis() / LIMIT.as_millis())?;
        let story = || self.story().unwrap_or_default();
        ensure!(
            known && (1..=most).contains(&fetches),
            "{key}: {statuses:?}, {fetches} fetches\n{}",
            story()
        );
        Ok(())
    }

    /// A rotation right after a request with an invented key id: the token with the new key waits,
    /// and is not refused.
    fn rotates_after_made_up_ids(&self, key: &str) -> Result<()> {
        let before = self.fetches();
        ensure!(
            self.ask_once("stray-rs256")? == 401,
            "a key that nobody has is taken"
        );
        self.issuer.rotate(&[key])?;
        let status = self.ask_once(key)?;
        let fetches = self.fetches() - before;
        ensure!(
            status == GRANTED && fetches == 2,
            "{status}, {fetches} fetches\n{}",
            self.story()?
        );
        Ok(())
    }

    fn ask_once(&self, key: &str) -> Result<u16> {
        let statuses = self.ask_at_once(key, 1)?;
        statuses.first().copied().context("no answer")
    }

    fn ask(&self, key: &str) -> Result<Vec<u16>> {
        self.ask_at_once(key, CROWD)
    }

    /// The statuses of this number of simultaneous requests: each once.
    fn ask_at_once(&self, key: &str, count: usize) -> Result<Vec<u16>> {
        let claims = json!({ "sub": "ci", "aud": "registry", "exp": "+1h", "iat": "-1m" });
        let token = self
            .issuer
            .token(key, serde_json::from_value(claims)?, now())?;
        let head = format!(
            "GET /v2/app/tags/list HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        let listeners = [self.envoy.listener("one")?, self.envoy.listener("two")?];
        let addresses = listeners.iter().cycle().take(count);
        let mut clients = addresses
            .map(|address| Connection::open(*address, PATIENCE))
            .collect::<Result<Vec<_>>>()?;
        clients
            .iter_mut()
            .try_for_each(|client| client.write(head.as_bytes()))?;
        let status = |client: &mut Connection| client.answer().map(|answer| answer.status);
        let mut statuses = clients.iter_mut().map(status).collect::<Result<Vec<_>>>()?;
        statuses.sort_unstable();
        statuses.dedup();
        Ok(statuses)
    }

    fn fetches(&self) -> usize {
        self.issuer.requests(Endpoint::Keys)
    }

    /// Returns the log of the proxy, for messages.
    fn story(&self) -> Result<String> {
        Ok(format!(
            "{}\n{}",
            self.envoy.admin_get("/stats?filter=registry_auth")?,
            self.envoy.log_tail()
        ))
    }

    /// The gauges of the source are there, and shared by the workers.
    fn shows(&self) -> Result<()> {
        thread::sleep(Duration::from_millis(600));
        let stats = self.envoy.admin_get("/stats?filter=registry_auth")?;
        for line in ["count: 1", "stale: 0", "failing: 0", "age_seconds: "] {
            let labels = "source=.=issuer_test;.;plugin=.=one;.;";
            let line = format!("wasmcustom.registry_auth.{labels}keys_{line}");
            ensure!(
                stats.lines().any(|found| found.starts_with(&line)),
                "no `{line}` in\n{stats}"
            );
        }
        Ok(())
    }
}

#[test]
fn envoy_asks_an_issuer_once_for_a_thousand_requests() -> Outcome {
    for (vm_id, push_key) in [("registry-auth", false), ("", true)] {
        let fixture = Fixture::set_up(vm_id, push_key)?;
        fixture.crowd("es256")?;
        fixture.shows()?;
        thread::sleep(LIMIT);
        fixture.issuer.rotate(&["next-es256"])?;
        fixture.crowd("next-es256")?;
        thread::sleep(LIMIT);
        fixture.crowd_of_strangers("stray-es256")?;
        thread::sleep(LIMIT);
        fixture.rotates_after_made_up_ids("es256")?;
    }
    Ok(())
}
