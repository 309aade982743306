//! Waiting requests are limited by kind: unfinished requests of others do not block known clients.

use anyhow::{Context as _, Result, ensure};
use registry_auth_cases::Outcome;
use registry_auth_cases::parking::{BODIES, bearer, document, push, unfinished};
use registry_auth_harness::client::Request;
use registry_auth_vm::host::CalloutAnswer;
use registry_auth_vm::{Compiled, Progress, Setup, Vm};

/// Returns the statuses of this number of requests, without those that wait.
struct Crowd {
    waiting: Vec<u32>,
    statuses: Vec<u16>,
}

fn start() -> Result<Vm> {
    // The host holds bodies back: none of them ends.
    let setup = Setup {
        holds_bodies: true,
        ..Setup::of_scenarios(document()?.to_string().as_bytes())
    };
    Vm::start(Compiled::built()?, setup)
}

fn crowd(vm: &mut Vm, request: &Request, size: usize) -> Result<Crowd> {
    let mut crowd = Crowd {
        waiting: Vec::new(),
        statuses: Vec::new(),
    };
    for _ in 0..size {
        let id = vm.open(request)?;
        match vm.progress(id)? {
            Progress::Waiting => crowd.waiting.push(id),
            Progress::Answered(answer) => {
                ensure!(
                    answer.status != 503 || answer.header("retry-after").is_some(),
                    "{answer:?}"
                );
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
    ensure!(
        vm.progress(id)? == Progress::Waiting,
        "{:?}",
        vm.progress(id)?
    );
    let callouts = vm.callouts();
    let question = callouts
        .iter()
        .find(|callout| callout.cluster == "upstream")
        .context("nothing is asked")?;
    let headers = [
        (":status", "404"),
        ("docker-distribution-api-version", "registry/2.0"),
    ];
    let headers = headers
        .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
        .to_vec();
    vm.answer(
        question.token,
        CalloutAnswer {
            headers,
            body: Vec::new(),
        },
    )?;
    ensure!(
        matches!(vm.progress(id)?, Progress::Forwarded(_)),
        "{:?}",
        vm.progress(id)?
    );
    vm.close(id)
}

#[test]
fn unfinished_requests_for_tokens_take_no_room_of_pushes_in_the_module() -> Outcome {
    let mut vm = start()?;
    let posts = crowd(&mut vm, &unfinished(), 10_450)?;
    assert_eq!((posts.waiting.len(), posts.statuses), (BODIES, vec![503]));
    pushes(&mut vm)?;
    // A client that closes its connection makes room within a tick, and a form that does not arrive
    // is refused.
    let first = posts.waiting.first().copied().context("nobody waits")?;
    vm.close(first)?;
    vm.tick()?;
    assert_eq!(crowd(&mut vm, &unfinished(), 2)?.waiting.len(), 1);
    vm.advance(10_000);
    vm.tick()?;
    for id in posts.waiting.iter().skip(1) {
        let Progress::Answered(answer) = vm.progress(*id)? else {
            panic!("it waits")
        };
        assert_eq!(answer.status, 400);
        vm.close(*id)?;
    }
    assert_eq!(
        crowd(&mut vm, &unfinished(), BODIES + 1)?.waiting.len(),
        BODIES
    );
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
    // 32 MiB of heads at the host; the module holds only what it uses of them.
    assert!(
        (250..400).contains(&waiting.waiting.len()),
        "{}",
        waiting.waiting.len()
    );
    assert_eq!(waiting.statuses, [503]);
    assert!(
        vm.memory() - before < 4 << 20,
        "{} bytes",
        vm.memory() - before
    );
    pushes(&mut vm)?;
    // Delayed replies share the limit: beyond it a refusal is sent at once.
    let refused = crowd(&mut vm, &large("Bearer no.token.here"), 2)?;
    assert_eq!((refused.waiting.len(), refused.statuses), (0, vec![401]));
    for id in waiting.waiting {
        vm.close(id)?;
    }
    vm.tick()?;
    let refused = crowd(&mut vm, &large("Bearer no.token.here"), 1_000)?;
    assert!(
        (150..400).contains(&refused.waiting.len()),
        "{}",
        refused.waiting.len()
    );
    assert_eq!(refused.statuses, [401]);
    pushes(&mut vm)?;
    Ok(())
}
