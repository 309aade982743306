//! A hostile header costs its sender a refusal, and nobody else anything: the next request is served.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Error, ensure};
use registry_auth_tests::client::{self, Connection, Request};
use registry_auth_tests::expect::Outcome as Became;
use registry_auth_tests::real::RealEnvoy;
use registry_auth_tests::scenario::Scenarios;
use registry_auth_tests::substrate::{Substrate, now};
use registry_auth_tests::{envoy, module};

use crate::Outcome;

const PATIENCE: Duration = Duration::from_secs(20);
const TARGET: &str = "/v2/team/app/tags/list";
/// What the filter says.
const REFUSED: u16 = 401;
/// What Envoy says, before the filter, of a head that is no HTTP, and of one that is too large.
const MALFORMED: u16 = 400;
const TOO_LARGE: u16 = 431;

struct Row {
    name: &'static str,
    /// Names and values, each character a byte; `{}` is a good credential.
    headers: &'static [(&'static str, &'static str)],
    /// So many bytes more in the last value.
    padding: usize,
    /// The status in Envoy; it is 401 where the head comes to the module in any case.
    envoy: u16,
}

const fn row(name: &'static str, headers: &'static [(&'static str, &'static str)], envoy: u16) -> Row {
    Row { name, headers, padding: 0, envoy }
}

const ROWS: &[Row] = &[
    row("a credential of bytes that are no UTF-8", &[("authorization", "\u{ff}\u{fe}\u{80}")], REFUSED),
    row("a token of such bytes", &[("authorization", "Bearer \u{c3}\u{28}.\u{ff}.\u{a0}\u{a1}")], REFUSED),
    row("a good token with such a byte behind it", &[("authorization", "{}\u{ff}")], REFUSED),
    row("Basic credentials of such bytes", &[("authorization", "Basic \u{ff}\u{ff}==")], REFUSED),
    row("a user agent of such bytes", &[("user-agent", "\u{ff}\u{c0}\u{80}")], REFUSED),
    row("a forwarded address of such bytes", &[("x-forwarded-for", "\u{ff}, \u{80}")], REFUSED),
    Row { padding: 60 * 1024, ..row("60 KiB of authorization", &[("authorization", "Bearer ")], REFUSED) },
    Row { padding: 60 * 1024, ..row("60 KiB behind a good token", &[("authorization", "{}.")], REFUSED) },
    Row { padding: 200 * 1024, ..row("more than Envoy takes", &[("authorization", "Bearer ")], TOO_LARGE) },
    row("two credentials, both good", &[("authorization", "{}"), ("authorization", "{}")], REFUSED),
    row("two credentials, the second bad", &[("authorization", "{}"), ("Authorization", "Bearer x")], REFUSED),
    row("a name of every odd byte that a token may have", &[("!#$%&'*+-.^`|~", "{}")], REFUSED),
    row("a name with an underscore", &[("authorization_", "{}")], REFUSED),
    row("a name with a byte that is not ASCII", &[("authorizatio\u{f1}", "{}")], MALFORMED),
    row("a name with a space behind it", &[("authorization ", "{}")], MALFORMED),
    row("a name with a space in it", &[("authorization x", "{}")], MALFORMED),
    row("a name with a quote", &[("\"authorization\"", "{}")], MALFORMED),
    row("no name", &[("", "{}")], MALFORMED),
];

impl Row {
    fn request(&self, credential: &str) -> Request {
        let mut request = Request::new("GET", TARGET);
        for (name, value) in self.headers {
            request = request.header(name, &value.replace("{}", credential));
        }
        if let Some((_, value)) = request.headers.last_mut() {
            value.extend(std::iter::repeat_n(b'a', self.padding));
        }
        request
    }
}

/// The configuration of the smoke test on `substrate`, and a credential that is good there.
fn serve(substrate: &mut dyn Substrate) -> Result<(usize, String), Error> {
    let file = Scenarios::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/smoke.json"))?;
    let config = substrate.serve(file.configs.get("team").context("no configuration `team`")?)?;
    substrate.start()?;
    let token = file.tokens.get("ci").context("no token `ci`")?.mint(now())?;
    Ok((config, format!("Bearer {token}")))
}

fn good(credential: &str) -> Request {
    Request::new("GET", TARGET).header("authorization", credential)
}

#[cfg(feature = "vm")]
#[test]
fn after_a_hostile_header_the_next_request_is_served_wasm() -> Outcome {
    let mut wasm = registry_auth_tests::wasm::Wasm::new()?;
    let (config, credential) = serve(&mut wasm)?;
    for row in ROWS {
        match wasm.send(config, &row.request(&credential)).context(row.name)? {
            Became::Answered(answer) => assert_eq!(answer.status, REFUSED, "{}", row.name),
            Became::Forwarded { .. } => panic!("forwarded: {}", row.name),
        }
        let next = wasm.send(config, &good(&credential)).context(row.name)?;
        assert!(matches!(next, Became::Forwarded { status: 200, .. }), "after {}: {next:?}", row.name);
    }
    Ok(())
}

#[test]
fn after_a_hostile_header_the_next_request_is_served_envoy() -> Outcome {
    if envoy::may_be_skipped() {
        return Ok(());
    }
    let mut real = RealEnvoy::new(module::path()?)?;
    let (config, credential) = serve(&mut real)?;
    let address = real.envoy()?.listener(&format!("config-{config}"))?;
    for row in ROWS {
        let check = || -> Result<(), Error> {
            let mut connection = Connection::open(address, PATIENCE)?;
            let refused = connection.send(&row.request(&credential))?;
            ensure!(refused.status == row.envoy, "{} instead of {}", refused.status, row.envoy);
            // Envoy closes the connection when it cannot tell where the next request begins.
            if row.envoy == REFUSED {
                let next = connection.send(&good(&credential)).context("on the same connection")?;
                ensure!(next.status == 200, "{} to the next request on the same connection", next.status);
            }
            let next = client::send(address, &good(&credential), PATIENCE)?;
            ensure!(next.status == 200, "{} to the next request on a new connection", next.status);
            Ok(())
        };
        check().context(row.name)?;
    }
    Ok(())
}
