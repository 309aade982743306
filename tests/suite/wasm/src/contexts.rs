//! Several plugins in one VM, and requests that hosts create, deliver and end in unusual orders:
//! each is decided by the configuration under which it was created, or refused.

use anyhow::{Result, ensure};
use registry_auth_harness::client::Request;
use registry_auth_harness::issuer::Issuer;
use registry_auth_harness::key;
use registry_auth_harness::mint::Recipe;
use registry_auth_vm::host::CalloutAnswer;
use registry_auth_vm::{Compiled, Progress, Setup, Vm};

use registry_auth_harness::push;
use registry_auth_harness::real::INTAKE;

use serde_json::json;

use crate::Outcome;

const ROOT: u32 = 1;
/// More requests than may wait for keys in a worker.
const UNVERIFIED: usize = 5_000;

/// Anyone may read in `open`; who has a token of the issuer may read everywhere.
fn configuration(open: &str) -> Vec<u8> {
    let oidc = json!([{ "issuer": "http://issuer.test", "audiences": ["registry"], "cluster": "issuers", "jwksUri": "http://issuer.test/keys" }]);
    let document = json!({
        "http": {
            "auth": { "failDelay": 1, "bearer": { "realm": "https://auth.test/token", "oidc": oidc } },
            "accessControl": { "repositories": { open: { "anonymousPolicy": ["read"], "defaultPolicy": ["read"] } } },
        },
        "proxy": { "readRequestBodies": true, "upstreamCluster": "upstream" },
    });
    document.to_string().into_bytes()
}

fn start() -> Result<Vm> {
    Vm::start(
        Compiled::built()?,
        Setup::of_scenarios(&configuration("first")),
    )
}

fn read(repository: &str) -> Request {
    Request::new("GET", &format!("/v2/{repository}/tags/list"))
}

/// A request that waits for the keys of the issuer.
fn waiting(vm: &Vm, repository: &str) -> Result<Request> {
    let claims = json!({ "iss": "http://issuer.test", "sub": "ci", "aud": "registry", "exp": "+8h", "iat": "-8h" });
    let token = Recipe::plain("es256", serde_json::from_value(claims)?).mint(vm.now())?;
    Ok(read(repository).header("authorization", &format!("Bearer {token}")))
}

fn keys() -> Result<CalloutAnswer> {
    let body = Issuer::new("http://issuer.test", &["es256"])?
        .jwks()
        .to_string()
        .into_bytes();
    Ok(CalloutAnswer {
        headers: vec![(b":status".to_vec(), b"200".to_vec())],
        body,
    })
}

/// Returns 200 for a forwarded request, 0 for one that waits.
fn status(vm: &mut Vm, id: u32) -> Result<u16> {
    Ok(match vm.progress(id)? {
        Progress::Forwarded(_) => 200,
        Progress::Answered(answer) => answer.status,
        Progress::Waiting => 0,
    })
}

fn replies(vm: &Vm) -> u64 {
    vm.host_calls()
        .get("proxy_send_local_response")
        .copied()
        .unwrap_or_default()
}

#[test]
fn each_plugin_of_a_vm_decides_its_own_requests_in_wasm() -> Outcome {
    let mut vm = start()?;
    let second = vm.add_plugin(&configuration("second"))?;
    for _ in 0..3 {
        for (root, repository, expected) in [
            (ROOT, "first", 200),
            (second, "first", 401),
            (ROOT, "second", 401),
            (second, "second", 200),
        ] {
            let id = vm.open_under(root, &read(repository))?;
            assert_eq!(status(&mut vm, id)?, expected, "{root} {repository}");
            vm.close(id)?;
        }
    }
    // Keys that one plugin fetches let the requests of both go on, each where its own policy says
    // so.
    let (first, other) = (waiting(&vm, "first")?, waiting(&vm, "second")?);
    let ids = [
        (ROOT, &first, 200),
        (ROOT, &other, 403),
        (second, &first, 403),
        (second, &other, 200),
    ];
    let ids = ids.map(|(root, request, expected)| Ok((vm.open_under(root, request)?, expected)));
    let ids = ids.into_iter().collect::<Result<Vec<_>>>()?;
    for callout in vm.callouts() {
        vm.answer(callout.token, keys()?)?;
    }
    for _ in 0..8 {
        vm.tick()?;
    }
    for (id, expected) in ids {
        assert_eq!(status(&mut vm, id)?, expected);
    }
    Ok(())
}

/// Each plugin logs what its own `log.level` says of its requests, whichever was configured last.
#[test]
fn the_log_level_of_one_plugin_is_not_that_of_another_in_wasm() -> Outcome {
    let leveled = |open: &str, level: &str| -> Result<Vec<u8>> {
        let mut document: serde_json::Value = serde_json::from_slice(&configuration(open))?;
        document["log"] = json!({ "level": level });
        Ok(document.to_string().into_bytes())
    };
    let mut vm = Vm::start(
        Compiled::built()?,
        Setup::of_scenarios(&leveled("first", "debug")?),
    )?;
    let quiet = vm.add_plugin(&leveled("second", "error")?)?;
    for (root, repository, logged) in [
        (ROOT, "first", 1),
        (ROOT, "closed", 1),
        (quiet, "second", 0),
        (quiet, "closed", 0),
        (ROOT, "first", 1),
    ] {
        let before = vm.log().len();
        let id = vm.open_under(root, &read(repository))?;
        vm.close(id)?;
        let lines = vm.log().get(before..).unwrap_or_default();
        let found = lines
            .iter()
            .filter(|line| line.contains("\"decision\""))
            .count();
        assert_eq!(found, logged, "{root} {repository}: {lines:?}");
    }
    vm.remove_plugin(quiet)?;
    Ok(())
}

#[test]
fn an_intake_beside_a_filter_in_one_vm_takes_sets_and_decides_nothing_in_wasm() -> Outcome {
    let mut vm = start()?;
    let intake = vm.add_plugin(INTAKE.as_bytes())?;
    let push = push::request("secret:us-east-1/keys", &key::jwks(&["es256"])?, vm.now());
    for (root, request, expected) in [
        (intake, &push, 200),
        (ROOT, &push, 404),
        (intake, &read("first"), 404),
        (ROOT, &read("first"), 200),
    ] {
        let id = vm.open_under(root, request)?;
        assert_eq!(status(&mut vm, id)?, expected, "{root}");
        vm.close(id)?;
    }
    Ok(())
}

#[test]
fn a_request_that_waits_is_decided_by_the_configuration_that_it_came_under_in_wasm() -> Outcome {
    let mut vm = start()?;
    let request = waiting(&vm, "first")?;
    let old = vm.open(&request)?;
    assert_eq!(status(&mut vm, old)?, 0);
    vm.reconfigure(ROOT, &configuration("second"))?;
    let new = vm.open(&request)?;
    for callout in vm.callouts() {
        vm.answer(callout.token, keys()?)?;
    }
    for _ in 0..8 {
        vm.tick()?;
    }
    assert_eq!((status(&mut vm, old)?, status(&mut vm, new)?), (200, 403));
    Ok(())
}

#[test]
fn an_upload_goes_on_after_its_configuration_was_replaced_in_wasm() -> Outcome {
    let mut vm = start()?;
    let id = vm.create(ROOT, &read("first").body(vec![b'x'; 100_000]))?;
    vm.begin_head(id)?;
    vm.reconfigure(ROOT, &configuration("second"))?;
    vm.tick()?;
    assert_eq!(status(&mut vm, id)?, 200);
    let Progress::Forwarded(seen) = vm.progress(id)? else {
        panic!("held")
    };
    assert_eq!(seen.body, 100_000);
    Ok(())
}

#[test]
fn requests_of_a_plugin_that_has_ended_are_refused_in_wasm() -> Outcome {
    let mut vm = start()?;
    let second = vm.add_plugin(&configuration("second"))?;
    let id = vm.open_under(second, &read("second"))?;
    assert_eq!(status(&mut vm, id)?, 200);
    vm.close(id)?;
    vm.remove_plugin(second)?;
    vm.tick()?;
    // Its counts are reported when it ends.
    assert_eq!(vm.sum(&["decisions", "decision=.=allow;.;"]), Some(1));
    let id = vm.open_under(second, &read("second"))?;
    assert_eq!(status(&mut vm, id)?, 503);
    let id = vm.open(&read("first"))?;
    assert_eq!(status(&mut vm, id)?, 200);
    Ok(())
}

#[test]
fn plugins_that_come_and_go_leave_nothing_in_wasm() -> Outcome {
    let mut vm = start()?;
    let mut sizes = Vec::new();
    for _ in 0..200 {
        let root = vm.add_plugin(&configuration("second"))?;
        let id = vm.open_under(root, &read("second"))?;
        assert_eq!(status(&mut vm, id)?, 200);
        vm.close(id)?;
        vm.remove_plugin(root)?;
        vm.tick()?;
        sizes.push(vm.memory());
    }
    assert_eq!(sizes.get(20), sizes.last(), "{sizes:?}");
    Ok(())
}

#[test]
fn contexts_whose_heads_come_later_or_never_are_told_apart_in_wasm() -> Outcome {
    let mut vm = start()?;
    let second = vm.add_plugin(&configuration("second"))?;
    let roots = [ROOT, second, second, ROOT, second];
    let ids = roots.map(|root| Ok((vm.create(root, &read("first"))?, root)));
    let ids = ids.into_iter().collect::<Result<Vec<_>>>()?;
    let headless = vm.create(ROOT, &read("first"))?;
    vm.tick()?;
    for (id, root) in ids.into_iter().rev() {
        vm.begin(id)?;
        assert_eq!(status(&mut vm, id)?, if root == ROOT { 200 } else { 401 });
    }
    vm.close(headless)?;
    let before = vm.memory();
    for _ in 0..100 {
        for _ in 0..1_000 {
            let id = vm.create(ROOT, &read("first"))?;
            vm.close(id)?;
        }
        vm.tick()?;
    }
    assert!(
        vm.memory() - before < 1 << 20,
        "{} bytes",
        vm.memory() - before
    );
    let id = vm.open(&read("first"))?;
    assert_eq!(status(&mut vm, id)?, 200);
    Ok(())
}

#[test]
fn a_request_of_which_nothing_is_known_is_refused_in_wasm() -> Outcome {
    let mut vm = start()?;
    let head = vm.accept(&read("first"));
    vm.begin(head)?;
    assert_eq!(status(&mut vm, head)?, 503);
    // Nor does the head that came go on twice.
    let id = vm.open(&read("first"))?;
    vm.begin(id)?;
    assert_eq!(status(&mut vm, id)?, 503);
    let parentless = vm.create(77, &read("first"))?;
    vm.begin(parentless)?;
    assert_eq!(status(&mut vm, parentless)?, 503);
    let body = vm.accept(&read("first").body(b"body".to_vec()));
    vm.begin_with_body(body)?;
    assert_eq!(status(&mut vm, body)?, 0);
    Ok(())
}

#[test]
fn who_hangs_up_while_waiting_makes_room_within_a_tick_and_gets_nothing_in_wasm() -> Outcome {
    let mut vm = start()?;
    let (key, refused) = (
        waiting(&vm, "first")?,
        read("first").header("authorization", "Bearer no.token.here"),
    );
    let form =
        Request::new("POST", "/token").header("content-type", "application/x-www-form-urlencoded");
    let form = form.body(b"grant_type=password".to_vec());
    let upload = Request::new("GET", "/v2/first/tags/list").body(vec![b'x'; 100]);
    for _ in 0..3 {
        let mut ids = Vec::new();
        for _ in 0..UNVERIFIED {
            ids.push(vm.open(&key)?);
        }
        let beyond = vm.open(&key)?;
        ensure_status(&mut vm, beyond, 503)?;
        for id in ids {
            vm.close(id)?;
        }
        vm.tick()?;
        let mut others = [
            vm.open(&key)?,
            vm.open(&refused)?,
            vm.create(ROOT, &form)?,
            vm.create(ROOT, &upload)?,
        ];
        for id in others.iter().skip(2) {
            vm.begin_head(*id)?;
        }
        ensure_status(&mut vm, others[0], 0)?;
        ensure_status(&mut vm, others[1], 0)?;
        others.reverse();
        let before = replies(&vm);
        for id in others {
            vm.close(id)?;
        }
        vm.advance(60_000);
        vm.tick()?;
        vm.tick()?;
        assert_eq!(replies(&vm), before);
    }
    Ok(())
}

fn ensure_status(vm: &mut Vm, id: u32, expected: u16) -> Result<()> {
    let found = status(vm, id)?;
    ensure!(found == expected, "{found} instead of {expected}");
    Ok(())
}

/// In Envoy a context is known for a moment after its request has ended, when nothing may be done
/// with it any more.
#[test]
fn a_request_that_has_ended_is_neither_answered_nor_resumed_in_wasm() -> Outcome {
    let mut vm = start()?;
    let (key, refused) = (
        waiting(&vm, "first")?,
        read("first").header("authorization", "Bearer no.token.here"),
    );
    let ids = [vm.open(&key)?, vm.open(&refused)?];
    vm.property(&["request", "duration"], &1_000_u64.to_le_bytes());
    for callout in vm.callouts() {
        vm.answer(callout.token, keys()?)?;
    }
    for _ in 0..8 {
        vm.tick()?;
    }
    for id in ids {
        assert_eq!(status(&mut vm, id)?, 0);
        vm.close(id)?;
    }
    vm.tick()?;
    assert_eq!(
        (replies(&vm), vm.host_calls().get("proxy_continue_stream")),
        (0, None)
    );
    Ok(())
}
