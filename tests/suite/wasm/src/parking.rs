//! What waits takes its own room only: who is known goes on, whatever others leave lying around.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use registry_auth_tests::client::{self, Request};
use registry_auth_tests::envoy::{self, Bootstrap, Envoy, Listener};
use registry_auth_tests::key;
use registry_auth_tests::mint::Recipe;
use registry_auth_tests::module;
use registry_auth_tests::substrate::now;
use registry_auth_tests::upstream::Upstream;
use serde_json::{Value, json};

use crate::Outcome;

const PATIENCE: Duration = Duration::from_mins(1);
const PUSH: &str = "/v2/team/app/manifests/v1";
/// How many bodies one worker reads at once.
const BODIES: usize = 256;

/// Two issuers: one whose keys are here, and one that has to be asked. Whoever is known may create, so that a push waits for the
/// registry's word about its tag.
fn document() -> Result<Value> {
    let known = json!({ "issuer": "http://known.test", "audiences": ["registry"], "jwks": key::jwks(&["es256"])? });
    let asked = json!({ "issuer": "http://issuer.test", "audiences": ["registry"], "cluster": "issuers" });
    Ok(json!({
        "http": {
            "auth": {
                "failDelay": 2,
                "bearer": { "realm": "https://auth.test/auth/token", "service": "registry.test", "oidc": [known, asked] },
            },
            "accessControl": { "repositories": {
                "team/**": { "defaultPolicy": ["read", "create"] },
                "open/**": { "anonymousPolicy": ["create"] },
            } },
        },
        "proxy": { "upstreamCluster": "upstream", "readRequestBodies": true },
    }))
}

fn bearer(issuer: &str) -> Result<String> {
    let claims = json!({ "iss": issuer, "sub": "ci", "aud": "registry", "exp": "+8h", "iat": "-8h" });
    Ok(format!("Bearer {}", Recipe::plain("es256", serde_json::from_value(claims)?).mint(now())?))
}

fn push() -> Result<Request> {
    Ok(Request::new("PUT", PUSH).header("authorization", &bearer("http://known.test")?).body(b"{}".to_vec()))
}

/// A request for a token whose form does not end.
fn unfinished() -> Request {
    Request::new("POST", "/auth/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(b"grant_type=password".to_vec())
}

#[cfg(feature = "vm")]
mod vm {
    use registry_auth_tests::host::CalloutAnswer;
    use registry_auth_tests::module::Compiled;
    use registry_auth_tests::vm::{Progress, Setup, Vm};

    use super::*;

    /// What each of this many requests gets, without those that wait.
    struct Crowd {
        waiting: Vec<u32>,
        statuses: Vec<u16>,
    }

    fn start() -> Result<Vm> {
        // The host holds bodies back: none of them ends.
        let setup = Setup { holds_bodies: true, ..Setup::of_scenarios(document()?.to_string().as_bytes()) };
        Vm::start(Compiled::built()?, setup)
    }

    fn crowd(vm: &mut Vm, request: &Request, size: usize) -> Result<Crowd> {
        let mut crowd = Crowd { waiting: Vec::new(), statuses: Vec::new() };
        for _ in 0..size {
            let id = vm.open(request)?;
            match vm.progress(id)? {
                Progress::Waiting => crowd.waiting.push(id),
                Progress::Answered(answer) => {
                    ensure!(answer.status != 503 || answer.header("retry-after").is_some(), "{answer:?}");
                    crowd.statuses.push(answer.status);
                    vm.close(id)?;
                }
                Progress::Forwarded(_) => crowd.statuses.push(200),
            }
        }
        crowd.statuses.sort_unstable();
        crowd.statuses.dedup();
        Ok(crowd)
    }

    /// Somebody who is known pushes a tag, which the registry does not have.
    fn pushes(vm: &mut Vm) -> Result<()> {
        let id = vm.open(&push()?)?;
        ensure!(vm.progress(id)? == Progress::Waiting, "{:?}", vm.progress(id)?);
        let callouts = vm.callouts();
        let question = callouts.iter().find(|callout| callout.cluster == "upstream").context("nothing is asked")?;
        let headers = [(":status", "404"), ("docker-distribution-api-version", "registry/2.0")];
        let headers = headers.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).to_vec();
        vm.answer(question.token, CalloutAnswer { headers, body: Vec::new() })?;
        ensure!(matches!(vm.progress(id)?, Progress::Forwarded(_)), "{:?}", vm.progress(id)?);
        vm.close(id)
    }

    #[test]
    fn unfinished_requests_for_tokens_take_no_room_of_pushes_in_the_module() -> Outcome {
        let mut vm = start()?;
        let posts = crowd(&mut vm, &unfinished(), 10_450)?;
        assert_eq!((posts.waiting.len(), posts.statuses), (BODIES, vec![503]));
        pushes(&mut vm)?;
        // Who goes away makes room, and a form that does not come is refused.
        let first = posts.waiting.first().copied().context("nobody waits")?;
        vm.close(first)?;
        assert_eq!(crowd(&mut vm, &unfinished(), 2)?.waiting.len(), 1);
        vm.advance(10_000);
        vm.tick()?;
        for id in posts.waiting.iter().skip(1) {
            let Progress::Answered(answer) = vm.progress(*id)? else { panic!("it waits") };
            assert_eq!(answer.status, 400);
            vm.close(*id)?;
        }
        assert_eq!(crowd(&mut vm, &unfinished(), BODIES + 1)?.waiting.len(), BODIES);
        Ok(())
    }

    #[test]
    fn no_spelling_of_no_credential_takes_the_room_of_who_is_known_in_the_module() -> Outcome {
        const UNVERIFIED: usize = 5_000;
        for authorization in [None, Some("Bearer anonymous"), Some("Basic Og==")] {
            let push = Request::new("PUT", "/v2/open/app/manifests/v1");
            let push = authorization.map_or(push.clone(), |value| push.header("authorization", value));
            let mut vm = start()?;
            let strangers = crowd(&mut vm, &push.body(b"{}".to_vec()), UNVERIFIED + 10)?;
            let outcome = (strangers.waiting.len(), strangers.statuses);
            assert_eq!(outcome, (UNVERIFIED, vec![503]), "{authorization:?}");
        }
        Ok(())
    }

    #[test]
    fn large_heads_that_wait_are_bounded_by_their_bytes_in_the_module() -> Outcome {
        const HEAD: usize = 90 * 1024;
        let large = |authorization: &str| {
            Request::new("GET", "/v2/team/app/tags/list")
                .header("authorization", authorization)
                .header("x-large", &"a".repeat(HEAD))
        };
        let mut vm = start()?;
        pushes(&mut vm)?;
        let before = vm.memory();
        let waiting = crowd(&mut vm, &large(&bearer("http://issuer.test")?), 1_000)?;
        // 32 MiB, of heads at the host; here is only what is used of them.
        assert!((250..400).contains(&waiting.waiting.len()), "{}", waiting.waiting.len());
        assert_eq!(waiting.statuses, [503]);
        assert!(vm.memory() - before < 4 << 20, "{} bytes", vm.memory() - before);
        pushes(&mut vm)?;
        // Answers that are held back share the room: a refusal comes at once when there is none.
        let refused = crowd(&mut vm, &large("Bearer no.token.here"), 2)?;
        assert_eq!((refused.waiting.len(), refused.statuses), (0, vec![401]));
        for id in waiting.waiting {
            vm.close(id)?;
        }
        let refused = crowd(&mut vm, &large("Bearer no.token.here"), 1_000)?;
        assert!((150..400).contains(&refused.waiting.len()), "{}", refused.waiting.len());
        assert_eq!(refused.statuses, [401]);
        pushes(&mut vm)?;
        Ok(())
    }
}

#[test]
fn unfinished_requests_for_tokens_take_no_room_of_pushes_in_envoy() -> Outcome {
    if envoy::may_be_skipped() {
        return Ok(());
    }
    Ok(leave_lying()?)
}

fn leave_lying() -> Result<()> {
    const CROWD: usize = 1_000;
    let upstream = Upstream::start()?;
    let listener = Listener {
        name: "clients".to_owned(),
        configuration: document()?.to_string(),
        vm_id: "registry-auth".to_owned(),
        holds_bodies: false,
        secured: false,
        port: 0,
        cluster: Some("upstream".to_owned()),
        discovery: None,
    };
    let envoy = Envoy::start(&Bootstrap {
        module: module::path()?,
        listeners: vec![listener],
        clusters: vec![("upstream".to_owned(), upstream.address()), ("issuers".to_owned(), upstream.address())],
        environment: Vec::new(),
    })?;
    let address = envoy.listener("clients")?;
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let mut socket = TcpStream::connect(address).context("a crowd needs more open files (`ulimit -n`)")?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let Request { headers, .. } = unfinished();
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value))).collect();
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
    text.split(' ').nth(1).context("no status")?.parse().with_context(|| format!("no status: {text}"))
}
