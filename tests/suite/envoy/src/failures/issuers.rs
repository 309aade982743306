//! Issuers that fail: all of them in one Envoy, which also shows that a failure does not affect
//! others.

mod faults;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::issuer::{Endpoint, Fault, Issuer, Issuers};
use registry_auth_harness::load::Backend;
use registry_auth_harness::program::free_address;
use registry_auth_harness::server::{Port, Server};
use registry_auth_harness::tls;
use serde_json::{Value, json};

use self::faults::faults;
use super::callers::{NO_KEYS, NORMAL, Tokens, access_control, entry, kinds, read};
use super::page::Page;
use super::proxy::{Proxy, bootstrap, listeners, until};
use super::trial::{Case, Hooks, UNNOTICED, play};
use super::{crowd, rotation};

/// The issuer that never fails.
const OTHER: &str = "http://other.test";
const DOWN: &str = "http://down.test";
const UNTRUSTED: &str = "https://untrusted.test";
const OUTAGE: &str = "http://outage.test";
const FAILING: &str = "`registry_auth_fetches` counts `failure`, `registry_auth_keys_failing` is 1, log: `fetching keys of ISSUER failed`";
const AGES: &str = "`registry_auth_keys_age_seconds` grows";
const STALE: &str = "the same, and `registry_auth_keys_stale` is 1";
/// What the counter of failed fetches has in its name.
const FAILED: [&str; 2] = ["fetches", "outcome=.=failure;.;"];

/// All issuers, in one Envoy.
pub(super) struct Fixture {
    /// Envoy.
    pub(super) proxy: Proxy,
    issuers: Issuers,
    down: SocketAddr,
    untrusted: (Issuer, SocketAddr),
    /// Servers by the issuer that they are for.
    servers: RefCell<Vec<Server>>,
}

/// Issuers that share a server and have a key each.
const SHARED: [&str; 14] = [
    "http://slow.test",
    "http://late.test",
    "http://hanging.test",
    "http://closing.test",
    "http://broken.test",
    "http://unmodified.test",
    "http://huge.test",
    "http://garbage.test",
    "http://html.test",
    OUTAGE,
    rotation::OVERLAP,
    rotation::REPLACED,
    crowd::CROWD,
    crowd::WAITING,
];

impl Fixture {
    fn set_up() -> Result<Self> {
        let mut all = vec![Issuer::new(OTHER, &["other-es256"])?];
        for url in SHARED {
            all.push(Issuer::new(url, &["es256"])?);
        }
        let issuers = Issuers(all);
        let server = issuers.clone().serve(Port::bind()?)?;
        let port = Port::bind()?;
        let untrusted = (Issuer::new(UNTRUSTED, &["es256"])?, port.address());
        let secured = untrusted.0.serve_over_tls(port, "server")?;
        let (backend, down) = (Backend::start()?, free_address()?);
        let mut entries: Vec<_> = issuers
            .0
            .iter()
            .map(|issuer| entry(issuer.url(), "issuers"))
            .collect();
        entries.extend([entry(DOWN, "down"), entry(UNTRUSTED, "untrusted")]);
        for entry in &mut entries {
            if entry.get("issuer").is_some_and(|issuer| issuer == OUTAGE) {
                put(entry, "", "maxStale", json!("30s"))?;
            }
        }
        let plugin = json!({
            "http": {"auth": {"bearer": {"oidc": entries}}, "accessControl": access_control()},
            "log": {"level": "warn"},
        });
        let clusters = [
            ("issuers", server.address()),
            ("down", down),
            ("untrusted", untrusted.1),
        ];
        let bootstrap = bootstrap(listeners(&plugin, [0, 0]), &backend, &clusters)?;
        let mut document = bootstrap.to_json()?;
        let clusters = document
            .pointer_mut("/static_resources/clusters")
            .and_then(Value::as_array_mut);
        for cluster in clusters.context("no clusters")? {
            if cluster.get("name").is_some_and(|name| name == "untrusted") {
                put(cluster, "", "transport_socket", trusting("issuer-ca"))?;
            }
        }
        let proxy = Proxy::start(backend, &bootstrap, document)?;
        Ok(Self {
            proxy,
            issuers,
            down,
            untrusted,
            servers: RefCell::new(vec![server, secured]),
        })
    }

    /// The issuer of this URL.
    pub(super) fn issuer(&self, url: &str) -> Result<&Issuer> {
        self.issuers
            .0
            .iter()
            .find(|issuer| issuer.url() == url)
            .with_context(|| format!("no issuer {url}"))
    }

    /// Tokens of somebody whom no failure is about.
    pub(super) fn others() -> Tokens {
        Tokens::of(OTHER, "other-es256")
    }

    fn set_fault(&self, url: &str, fault: Option<&Fault>) -> Result<()> {
        let issuer = self.issuer(url)?;
        for endpoint in [Endpoint::Discovery, Endpoint::Keys] {
            issuer.fault(endpoint, fault.cloned());
        }
        Ok(())
    }

    /// Plays a failure of an issuer; it is mended when all workers take a token of it.
    fn play(
        &self,
        case: &Case,
        url: &str,
        fail: impl Fn() -> Result<()>,
        mend: impl Fn() -> Result<()>,
    ) -> Result<()> {
        let tokens = Tokens::of(url, "es256");
        let kinds = kinds(&tokens, &tokens, &Self::others())?;
        let before = self.proxy.metric(&FAILED)?.unwrap_or_default();
        let taken = read(&tokens.bearer(usize::MAX)?);
        let mended = || {
            mend()?;
            self.proxy.comes_to(200, &taken)
        };
        let hooks = Hooks {
            fail: &mut || fail(),
            look: &mut || self.look(case, url, before),
            mend: &mut || mended(),
        };
        play(case, self.proxy.address()?, &kinds, hooks).with_context(|| self.proxy.log_tail())
    }

    /// The signs of [`FAILING`], [`STALE`] or [`AGES`] are there.
    fn look(&self, case: &Case, url: &str, before: u64) -> Result<()> {
        let source = label(url);
        if case.sign == AGES {
            let age = || self.proxy.metric(&[&source, "keys_age_seconds"]);
            let young = age()?;
            return until("age", || Ok(age()? > young));
        }
        if ![FAILING, STALE].contains(&case.sign) {
            return Ok(());
        }
        if case.sign == STALE {
            until("the gauge of age", || {
                Ok(self.proxy.metric(&[&source, "keys_stale"])? == Some(1))
            })?;
        }
        until("the counter", || {
            Ok(self.proxy.metric(&FAILED)?.unwrap_or_default() > before)
        })?;
        until("the gauge", || {
            Ok(self.proxy.metric(&[&source, "keys_failing"])? == Some(1))
        })?;
        let log = self.proxy.envoy()?.log();
        let line = format!("fetching keys of {url} failed: ");
        let found = log
            .lines()
            .find_map(|text| text.split_once(&line).map(|(_, why)| why));
        eprintln!("  {url}: {}", found.context("the log does not say it")?);
        Ok(())
    }
}

/// The label of an issuer in the names of metrics.
fn label(url: &str) -> String {
    let host = url.split("//").nth(1).unwrap_or_default();
    format!("source=.={};.;", host.replace('.', "_"))
}

/// Sets a member of the object at a JSON pointer.
pub(super) fn put(document: &mut Value, pointer: &str, name: &str, value: Value) -> Result<()> {
    let object = document.pointer_mut(pointer).and_then(Value::as_object_mut);
    object
        .with_context(|| format!("no object at `{pointer}`"))?
        .insert(name.to_owned(), value);
    Ok(())
}

/// Envoy's side of TLS to a server whose authority must be this one.
fn trusting(authority: &str) -> Value {
    let file = tls::folder().join(authority).with_extension("pem");
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": "localhost",
            "common_tls_context": {
                "tls_params": {"tls_maximum_protocol_version": "TLSv1_3"},
                "validation_context": {"trusted_ca": {"filename": file}},
            },
        },
    })
}

const fn at_start(failure: &'static str, how: &'static str) -> Case {
    Case {
        failure,
        how,
        before: None,
        during: NO_KEYS,
        sign: FAILING,
        ..UNNOTICED
    }
}

/// Plays all failures of issuers.
pub(super) fn try_all(page: &mut Page) -> Result<()> {
    let fixture = Fixture::set_up()?;
    page.section("Issuers that the proxy asks");
    down_at_start(&fixture, page);
    wrong_certificate(&fixture, page);
    slow(&fixture, page);
    for (url, fault, case) in faults() {
        page.add(
            &case,
            fixture.play(
                &case,
                url,
                || fixture.set_fault(url, Some(&fault)),
                || fixture.set_fault(url, None),
            ),
        );
    }
    outage(&fixture, page)?;
    rotation::try_all(&fixture, page);
    crowd::try_all(&fixture, page)
}

fn down_at_start(fixture: &Fixture, page: &mut Page) {
    let case = at_start("issuer is down", "from the start: nobody listens");
    let mend = || {
        let server = Issuer::new(DOWN, &["es256"])?.serve_at(Port::bind_at(fixture.down)?)?;
        fixture.servers.borrow_mut().push(server);
        Ok(())
    };
    page.add(&case, fixture.play(&case, DOWN, || Ok(()), mend));
}

fn wrong_certificate(fixture: &Fixture, page: &mut Page) {
    let case = at_start(
        "issuer shows a wrong certificate",
        "one that the cluster's authority did not sign",
    );
    let (issuer, address) = &fixture.untrusted;
    let mend = || {
        let distrusted = fixture
            .proxy
            .envoy()?
            .stat("cluster.untrusted.ssl.fail_verify_error")?;
        ensure!(
            distrusted > Some(0),
            "it was not the certificate that failed"
        );
        fixture
            .servers
            .borrow_mut()
            .retain(|server| server.address() != *address);
        fixture
            .servers
            .borrow_mut()
            .push(issuer.serve_over_tls(Port::bind_at(*address)?, "issuer")?);
        Ok(())
    };
    page.add(&case, fixture.play(&case, UNTRUSTED, || Ok(()), mend));
}

fn slow(fixture: &Fixture, page: &mut Page) {
    let case = Case {
        failure: "issuer is slow",
        how: "1 second for each answer",
        before: None,
        sign: "nothing",
        end: "the first requests wait",
        ..UNNOTICED
    };
    let (url, fault) = ("http://slow.test", Fault::Delay(Duration::from_secs(1)));
    page.add(
        &case,
        fixture.play(
            &case,
            url,
            || fixture.set_fault(url, Some(&fault)),
            || fixture.set_fault(url, None),
        ),
    );
}

/// Keys were fetched; they are used until `maxStale`, and not after it.
fn outage(fixture: &Fixture, page: &mut Page) -> Result<()> {
    let bearer = Tokens::of(OUTAGE, "es256").bearer(usize::MAX)?;
    let unnoticed = Case {
        failure: "issuer is down after keys were fetched",
        how: "closes connections",
        sign: AGES,
        end: "nobody has noticed",
        ..UNNOTICED
    };
    let down = || fixture.set_fault(OUTAGE, Some(&Fault::Reset));
    fixture.proxy.comes_to(200, &read(&bearer))?;
    page.add(
        &unnoticed,
        fixture.play(&unnoticed, OUTAGE, down, || fixture.set_fault(OUTAGE, None)),
    );
    let stale = Case {
        how: "closes connections for longer than `maxStale`",
        before: Some(NORMAL),
        during: NO_KEYS,
        sign: STALE,
        end: "by itself",
        ..unnoticed
    };
    let fail = || {
        down()?;
        fixture.proxy.comes_to(503, &read(&bearer))
    };
    page.add(
        &stale,
        fixture.play(&stale, OUTAGE, fail, || fixture.set_fault(OUTAGE, None)),
    );
    Ok(())
}
