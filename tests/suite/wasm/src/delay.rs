//! `failDelay`: refusals of a presented credential are held back, and nobody else waits for them.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use registry_auth_tests::client::{self, Request};
use registry_auth_tests::envoy::{self, Bootstrap, Envoy, Listener};
use registry_auth_tests::module;
use registry_auth_tests::upstream::Upstream;
use serde_json::{Value, json};

use crate::Outcome;

const PATIENCE: Duration = Duration::from_secs(20);
/// Held on one listener while another request is served on it.
const HELD: usize = 8;

/// A configuration that refuses every token, and opens `public/**`.
pub(crate) fn configuration(fail_delay: u64) -> Value {
    let audiences = json!([{ "issuer": "http://issuer.test", "audiences": ["registry"], "cluster": "issuers" }]);
    json!({
        "http": {
            "auth": { "failDelay": fail_delay, "mtls": {}, "bearer": { "oidc": audiences } },
            "accessControl": { "repositories": { "public/**": { "anonymousPolicy": ["read"] } } },
        },
    })
}

#[test]
fn envoy_serves_others_while_refusals_are_held_and_forgets_clients_that_hang_up() -> Outcome {
    if envoy::may_be_skipped() {
        return Ok(());
    }
    let upstream = Upstream::start()?;
    let listener = |name: &str, fail_delay: u64| Listener {
        name: name.to_owned(),
        configuration: configuration(fail_delay).to_string(),
        vm_id: "delay".to_owned(),
        holds_bodies: false,
        secured: false,
        port: 0,
        cluster: Some("upstream".to_owned()),
        discovery: None,
    };
    let envoy = Envoy::start(&Bootstrap {
        module: module::path()?,
        listeners: vec![listener("minute", 60), listener("second", 1)],
        clusters: vec![("upstream".to_owned(), upstream.address()), ("issuers".to_owned(), upstream.address())],
        environment: Vec::new(),
    })?;
    let minute = envoy.listener("minute")?;
    let mut held = Vec::new();
    for _ in 0..HELD {
        let mut socket = TcpStream::connect(minute).context("no connection")?;
        socket
            .write_all(b"GET /v2/any/tags/list HTTP/1.1\r\nhost: a\r\nauthorization: Bearer a.b.c\r\n\r\n")
            .context("written")?;
        held.push(socket);
    }
    let active = "http.minute.downstream_rq_active";
    until(|| Ok(envoy.stat(active)? == Some(u64::try_from(HELD)?)))?;
    for _ in 0..HELD {
        let served = client::send(minute, &Request::new("GET", "/v2/public/tags/list"), PATIENCE)?;
        assert_eq!(served.status, 200);
    }
    assert_eq!(envoy.stat(active)?, Some(u64::try_from(HELD).map_err(anyhow::Error::from)?));
    drop(held);
    until(|| Ok(envoy.stat(active)? == Some(0)))?;

    let refused =
        Request::new("PUT", "/v2/any/manifests/v1").header("authorization", "Bearer a.b.c").body(vec![b'x'; 100_000]);
    let answer = client::send(envoy.listener("second")?, &refused, PATIENCE)?;
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").is_some());
    assert_eq!(upstream.requests(), HELD);
    Ok(())
}

fn until(reached: impl Fn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !reached()? {
        ensure!(Instant::now() < deadline, "not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

#[cfg(feature = "vm")]
mod vm {
    use registry_auth_tests::host::Clock;
    use registry_auth_tests::module::Compiled;
    use registry_auth_tests::tls;
    use registry_auth_tests::vm::{Progress, Setup, Vm};

    use super::{Request, configuration};
    use crate::Outcome;

    /// Ticks until two seconds have passed.
    const TICKS: usize = 8;
    /// How many refusals one worker holds.
    const MOST: usize = 1_000;
    const HOUR: i64 = 3_600_000;

    /// Two seconds of delay, and a clock that moves by ticks only.
    fn start(holds_bodies: bool) -> anyhow::Result<Vm> {
        let setup = Setup::of_scenarios(configuration(2).to_string().as_bytes());
        let clock = Clock::At(setup.clock.now());
        Vm::start(Compiled::built()?, Setup { clock, holds_bodies, ..setup })
    }

    fn bad() -> Request {
        Request::new("PUT", "/v2/any/manifests/v1").header("authorization", "Bearer a.b.c").body(vec![b'x'; 100_000])
    }

    fn status(vm: &mut Vm, id: u32) -> anyhow::Result<Option<u16>> {
        Ok(match vm.progress(id)? {
            Progress::Answered(answer) => Some(answer.status),
            Progress::Waiting => None,
            Progress::Forwarded(seen) => anyhow::bail!("forwarded: {seen:?}"),
        })
    }

    #[test]
    fn only_refusals_of_a_credential_are_held() -> Outcome {
        let get = |path: &str| Request::new("GET", path);
        let certificate =
            |name: &str| anyhow::Ok(Request { certificate: Some(tls::pem(name)?), ..get("/v2/any/tags/list") });
        let rows = [
            (bad(), 401, true),
            (get("/v2/any/tags/list").header("authorization", "Basic dTo="), 401, true),
            (
                get("/v2/any/tags/list").header("authorization", "Bearer a").header("authorization", "Bearer b"),
                401,
                true,
            ),
            (certificate("nameless")?, 401, true),
            (certificate("alice")?, 403, true),
            (get("/v2/any/tags/list"), 401, false),
            (get("/v2/any/else").header("authorization", "Bearer a.b.c"), 404, false),
            (Request::new("POST", "/v2/any/tags/list").header("authorization", "Bearer a.b.c"), 405, false),
        ];
        for (request, refused, delayed) in rows {
            for holds_bodies in [false, true] {
                let mut vm = start(holds_bodies)?;
                let id = vm.open(&request)?;
                for _ in 0..TICKS {
                    let expected = (!delayed).then_some(refused);
                    assert_eq!(status(&mut vm, id)?, expected, "{request:?}");
                    vm.tick()?;
                }
                assert_eq!(status(&mut vm, id)?, Some(refused), "{request:?}");
            }
        }
        Ok(())
    }

    #[test]
    fn a_clock_that_jumps_back_holds_nobody_longer() -> Outcome {
        let mut vm = start(false)?;
        let id = vm.open(&bad())?;
        vm.advance(-HOUR);
        vm.tick()?;
        assert_eq!(status(&mut vm, id)?, Some(401));
        Ok(())
    }

    #[test]
    fn one_more_than_can_be_held_is_answered_at_once_and_who_hangs_up_makes_room() -> Outcome {
        let mut vm = start(false)?;
        let bad = Request::new("GET", "/v2/any/tags/list").header("authorization", "Bearer a.b.c");
        let mut held = Vec::new();
        for _ in 0..MOST {
            held.push(vm.open(&bad)?);
        }
        let more = vm.open(&bad)?;
        assert_eq!(status(&mut vm, more)?, Some(401));
        for id in &held {
            assert_eq!(status(&mut vm, *id)?, None);
        }
        vm.close(held.remove(0))?;
        let next = vm.open(&bad)?;
        assert_eq!(status(&mut vm, next)?, None);
        for _ in 0..TICKS {
            vm.tick()?;
        }
        held.push(next);
        for id in held {
            assert_eq!(status(&mut vm, id)?, Some(401));
        }
        assert_eq!(
            vm.metric("registry_auth.malformed_token"),
            Some(u64::try_from(MOST).map_err(anyhow::Error::from)? + 2)
        );
        Ok(())
    }
}
