//! Many requests at once, on a connection each.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::issuer::{Endpoint, Fault};

use super::callers::{NO_KEYS, Tokens, kinds, read};
use super::issuers::Fixture;
use super::page::Page;
use super::proxy::{FETCHED, PATIENCE, Proxy, until};
use super::trial::{Case, Hooks, UNNOTICED, play};

/// The issuer of a crowd with a new key.
pub(super) const CROWD: &str = "http://crowd.test";
/// The issuer that a crowd waits for.
pub(super) const WAITING: &str = "http://waiting.test";
const THOUSAND: usize = 1_000;
const TEN_THOUSAND: usize = 10_000;
/// Unknown keys cause at most one fetch in this time.
const LIMIT: Duration = Duration::from_secs(5);
/// Connections that Envoy has besides those of a crowd, at most.
const FEW: u64 = 100;
/// Crowds before memory is measured, after the first.
const WARM: usize = 3;
/// Memory that the next ones may need more than those, in KiB: what the allocator keeps is not
/// exact.
const SLACK: u64 = 32 * 1024;

/// Connections, each with a request under way.
struct Crowd(Vec<TcpStream>);

impl Crowd {
    fn gather(address: SocketAddr, bearer: &str, size: usize) -> Result<Self> {
        let mut sockets = Vec::with_capacity(size);
        for _ in 0..size {
            let socket = TcpStream::connect(address)
                .context("a crowd needs more open files (`ulimit -n`)")?;
            socket.set_read_timeout(Some(PATIENCE))?;
            sockets.push(socket);
        }
        let head = format!(
            "GET /v2/team/app/tags/list HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: {bearer}\r\n\r\n"
        );
        for socket in &mut sockets {
            socket.write_all(head.as_bytes())?;
        }
        Ok(Self(sockets))
    }

    /// Half of them go away without an answer.
    fn halve(&mut self) {
        self.0.truncate(self.0.len() / 2);
    }

    /// How many of the others get each status, or end without one.
    fn statuses(self) -> BTreeMap<Answer, usize> {
        let mut statuses = BTreeMap::new();
        for socket in self.0 {
            *statuses.entry(answer(socket)).or_default() += 1;
        }
        statuses
    }
}

/// What a request got.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Status(u16),
    /// Why the connection ended without an answer, and after how many bytes.
    None(String, usize),
}

fn answer(socket: TcpStream) -> Answer {
    let mut line = Vec::new();
    // Not to its end: Envoy may leave the connection open for a while.
    let end = BufReader::new(socket).read_until(b'\n', &mut line);
    let text = String::from_utf8_lossy(&line);
    let status = text
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let none = || Answer::None(format!("{end:?}"), line.len());
    status.map_or_else(none, Answer::Status)
}

/// All of a crowd got this status, and nothing else.
fn ensure_all(statuses: &BTreeMap<Answer, usize>, status: u16) -> Result<()> {
    ensure!(
        statuses.keys().eq([&Answer::Status(status)]),
        "the crowd got {statuses:?}, not {status}"
    );
    Ok(())
}

/// What Envoy says of the connections of clients, for messages.
fn connections(proxy: &Proxy) -> String {
    let stats = proxy
        .envoy()
        .and_then(|envoy| envoy.admin_get("/stats?usedonly&filter=downstream_(cx|rq)_"));
    stats.unwrap_or_else(|error| format!("Envoy does not answer: {error:#}"))
}

/// Plays both crowds.
pub(super) fn try_all(fixture: &Fixture, page: &mut Page) -> Result<()> {
    new_key(fixture, page)?;
    waiting(fixture, page)
}

fn new_key(fixture: &Fixture, page: &mut Page) -> Result<()> {
    let case = Case {
        failure: "1,000 requests at once with an unknown key id",
        how: "the issuer has a new key",
        sign: "`registry_auth_fetches` counts `success` once",
        end: "one fetch; all 1,000 get 200",
        ..UNNOTICED
    };
    let tokens = Tokens::of(CROWD, "es256");
    let (issuer, proxy) = (fixture.issuer(CROWD)?, &fixture.proxy);
    proxy.comes_to(200, &read(&tokens.bearer(0)?))?;
    let new = Tokens::of(CROWD, "next-es256").bearer(0)?;
    let hooks = Hooks {
        fail: &mut || {
            thread::sleep(LIMIT);
            issuer.rotate(&["es256", "next-es256"])?;
            let (fetches, counted) = (issuer.requests(Endpoint::Keys), proxy.metric(&FETCHED)?);
            let statuses = Crowd::gather(proxy.address()?, &new, THOUSAND)?.statuses();
            ensure_all(&statuses, 200)?;
            let more = issuer.requests(Endpoint::Keys) - fetches;
            ensure!(more == 1, "{more} fetches");
            until("the counter", || {
                Ok(proxy.metric(&FETCHED)? == counted.map(|count| count + 1))
            })
        },
        look: &mut || Ok(()),
        mend: &mut || Ok(()),
    };
    let kinds = kinds(&tokens, &tokens, &Fixture::others())?;
    page.add(
        &case,
        play(&case, proxy.address()?, &kinds, hooks).with_context(|| proxy.log_tail()),
    );
    Ok(())
}

fn waiting(fixture: &Fixture, page: &mut Page) -> Result<()> {
    let case = Case {
        failure: "10,000 requests at once have to wait, 5,000 clients go away",
        how: "the issuer hangs; seven times",
        before: None,
        during: NO_KEYS,
        sign: "`registry_auth_decisions` counts `keys_unavailable`; the memory of Envoy stays as it is",
        end: "the other 5,000 get 503; no request is left in Envoy",
        ..UNNOTICED
    };
    let tokens = Tokens::of(WAITING, "es256");
    let (issuer, proxy, bearer) = (
        fixture.issuer(WAITING)?,
        &fixture.proxy,
        tokens.bearer(usize::MAX)?,
    );
    let set_fault = |fault: Option<&Fault>| {
        for endpoint in [Endpoint::Discovery, Endpoint::Keys] {
            issuer.fault(endpoint, fault.cloned());
        }
    };
    let gather = || -> Result<u64> {
        // Envoy must not run out of open files: it ends when it cannot open a connection to an
        // upstream.
        until("the end of earlier connections", || {
            Ok(proxy.connections()? < Some(FEW))
        })?;
        let mut crowd = Crowd::gather(proxy.address()?, &bearer, TEN_THOUSAND)?;
        let active = proxy.active()?.unwrap_or_default();
        crowd.halve();
        ensure_all(&crowd.statuses(), 503).with_context(|| connections(proxy))?;
        let memory = proxy.envoy()?.resident()?;
        eprintln!("  {active} requests were in Envoy, which holds {memory} KiB afterwards");
        Ok(memory)
    };
    let hooks = Hooks {
        fail: &mut || {
            set_fault(Some(&Fault::Hang));
            gather().map(drop)
        },
        look: &mut || {
            // After some rounds the allocator has reserved what this number of requests takes.
            let warm = (0..WARM).try_fold(0, |most, _| gather().map(|memory| memory.max(most)))?;
            let last = (0..WARM).try_fold(0, |_, _| gather())?;
            ensure!(
                last <= warm + SLACK,
                "Envoy holds {last} KiB after the last crowd, {warm} before"
            );
            until("the counter", || {
                Ok(proxy.metric(&["reason=.=keys_unavailable;.;"])?.is_some())
            })?;
            Ok(())
        },
        mend: &mut || {
            set_fault(None);
            proxy.comes_to(200, &read(&bearer))
        },
    };
    let kinds = kinds(&tokens, &tokens, &Fixture::others())?;
    let outcome = play(&case, proxy.address()?, &kinds, hooks);
    let ended =
        outcome.and_then(|()| until("the end of all requests", || Ok(proxy.active()? == Some(0))));
    page.add(&case, ended.with_context(|| proxy.log_tail()));
    Ok(())
}
