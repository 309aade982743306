//! Shared data that other plugins write to, that is lost, or that fails.

use anyhow::ensure;
use registry_auth_harness::mint::{Recipe, Tamper};
use registry_auth_vm::host::{Calls, Failure, Fault as HostFault, Status};
use serde_json::json;

use super::workers::{OWN, Workers, configuration, keyed};
use crate::Outcome;

const PREFIX: &[u8] = b"registry-auth/fetch/";

/// The names of the values that belong to the fetches of keys.
fn names(workers: &Workers) -> Vec<Vec<u8>> {
    workers
        .shared
        .names()
        .into_iter()
        .filter(|name| name.starts_with(PREFIX))
        .collect()
}

#[test]
fn where_anybody_could_write_each_worker_fetches_for_itself() -> Outcome {
    for vm_id in ["", "default", "my-registry-auth"] {
        let mut workers = Workers::start(3, vm_id, &configuration(&json!({})))?;
        let asked = workers.ask_all("es256")?;
        assert_eq!(workers.asking(), [0, 1, 2], "{vm_id}");
        workers.deliver()?;
        assert_eq!(workers.statuses(&asked)?, [Some(200)], "{vm_id}");
        assert_eq!(
            (workers.fetches(), names(&workers).len()),
            (3, 0),
            "{vm_id}"
        );
        let says = workers
            .vm(0)?
            .log()
            .iter()
            .any(|line| line.contains("each worker fetches"));
        assert!(says, "the log says so");
    }
    Ok(())
}

#[test]
fn on_a_host_without_shared_data_each_worker_fetches_for_itself() -> Outcome {
    for document in [configuration(&json!({})), keyed()] {
        let mut workers = Workers::start(0, OWN, &document)?;
        workers.shares = false;
        workers.add_alike()?;
        workers.add_alike()?;
        let asked = workers.ask_all("es256")?;
        assert_eq!(workers.asking(), [0, 1]);
        workers.deliver()?;
        assert_eq!(workers.statuses(&asked)?, [Some(200)]);
        workers.pass(301_000)?;
        assert_eq!(workers.fetches(), 4, "each refreshes for itself");
    }
    Ok(())
}

/// Forged state and keys in shared data, as by a worker with another push key or none.
fn forged() -> anyhow::Result<Vec<[Vec<u8>; 2]>> {
    let mut forged = Vec::new();
    for (vm_id, document) in [(OWN, configuration(&json!({}))), ("", keyed())] {
        let mut theirs = Workers::start(0, vm_id, &document)?;
        theirs.push_key = "x".repeat(64);
        theirs.add_alike()?;
        theirs.issuer.rotate(&["stray-es256"])?;
        // Later than whatever the others did.
        theirs.pass(1_000)?;
        for _ in 0..3 {
            theirs.ask(0, "stray-es256")?;
            theirs.pass(301_000)?;
        }
        theirs.warm()?;
        let value = |end: &str| {
            let name = names(&theirs)
                .into_iter()
                .find(|name| name.ends_with(end.as_bytes()));
            name.and_then(|name| theirs.shared.get(&name))
                .map(|(value, _)| value)
                .unwrap_or_default()
        };
        forged.push([value("/state"), value("/keys")]);
    }
    Ok(forged)
}

#[test]
fn what_another_plugin_writes_is_never_taken_for_keys() -> Outcome {
    let garbage: [Vec<u8>; 4] = [
        b"{}".to_vec(),
        Vec::new(),
        vec![0; 100],
        vec![b'x'; 2 << 20],
    ];
    let mut rows: Vec<_> = garbage
        .into_iter()
        .map(|value| [value.clone(), value])
        .collect();
    rows.extend(forged()?);
    for [state, keys] in rows {
        let mut workers = Workers::start(2, "", &keyed())?;
        workers.ask(0, "es256")?;
        workers.deliver()?;
        // The forged keys came a while ago, for those who look now.
        workers.pass(1_000_000)?;
        let fetches = workers.fetches();
        let new = workers.add_alike()?;
        for name in names(&workers) {
            let value = if name.ends_with(b"/state") {
                &state
            } else {
                &keys
            };
            workers
                .shared
                .set(&name, value.clone(), 0)
                .map_err(|_| anyhow::anyhow!("not written"))?;
        }
        let stray = workers.ask(new, "stray-es256")?;
        let good = workers.ask(new, "es256")?;
        workers.deliver()?;
        workers.tick()?;
        assert_eq!(
            (workers.status(stray)?, workers.status(good)?),
            (Some(401), Some(200))
        );
        assert_eq!(workers.fetches(), fetches + 1, "as if there were nothing");
        // An empty value is treated as absent.
        let refused = workers.vm(new)?.metric("registry_auth.keys.share_refused");
        assert_eq!(refused.is_some(), !state.is_empty());
    }
    Ok(())
}

#[test]
fn keys_that_are_damaged_as_soon_as_they_are_written_are_fetched_by_whoever_needs_them() -> Outcome
{
    let mut workers = Workers::start(3, "", &keyed())?;
    let asked = workers.ask_all("es256")?;
    workers.deliver()?;
    for name in names(&workers)
        .iter()
        .filter(|name| name.ends_with(b"/keys"))
    {
        workers
            .shared
            .set(name, b"damaged".to_vec(), 0)
            .map_err(|_| anyhow::anyhow!("not written"))?;
    }
    for _ in 0..4 {
        workers.tick()?;
        workers.deliver()?;
    }
    assert_eq!(workers.statuses(&asked)?, [Some(200)]);
    Ok(())
}

#[test]
fn old_values_that_are_written_again_change_nothing() -> Outcome {
    let mut workers = Workers::start(2, "", &keyed())?;
    workers.issuer.cache(Some("max-age=60"));
    workers.warm()?;
    let old: Vec<_> = names(&workers)
        .into_iter()
        .filter_map(|name| workers.shared.get(&name).map(|(value, _)| (name, value)))
        .collect();
    workers.issuer.rotate(&["next-es256"])?;
    workers.pass(61_000)?;
    assert_eq!(workers.fetches(), 2);
    for (name, value) in old {
        workers
            .shared
            .set(&name, value, 0)
            .map_err(|_| anyhow::anyhow!("not written"))?;
    }
    workers.tick()?;
    for (key, status) in [("es256", None), ("next-es256", Some(200))] {
        let asked = workers.ask_all(key)?;
        assert_eq!(workers.statuses(&asked)?, [status], "{key}");
    }
    assert_eq!(workers.fetches(), 2);
    let asked = workers.ask_all("es256")?;
    workers.pass(6_000)?;
    assert_eq!(workers.statuses(&asked)?, [Some(401)]);
    Ok(())
}

#[test]
fn a_lease_that_is_written_again_and_again_holds_nobody_up() -> Outcome {
    let mut workers = Workers::start(2, OWN, &configuration(&json!({})))?;
    workers.ask(0, "es256")?;
    let name = names(&workers).pop().unwrap_or_default();
    let Some((lease, _)) = workers.shared.get(&name) else {
        panic!("no lease")
    };
    workers.vms.remove(0);
    let asked = workers.ask_all("es256")?;
    for _ in 0..16 {
        workers
            .shared
            .set(&name, lease.clone(), 0)
            .map_err(|_| anyhow::anyhow!("not written"))?;
        workers.tick()?;
        workers.deliver()?;
    }
    assert_eq!(workers.statuses(&asked)?, [Some(200)]);
    Ok(())
}

#[test]
fn no_failing_host_call_lets_a_bad_token_in_or_stops_the_next_request() -> Outcome {
    for status in [
        Status::InternalFailure,
        Status::NotFound,
        Status::CasMismatch,
    ] {
        let mut calls = 0;
        while fail(HostFault {
            calls: Calls::After(calls),
            failure: Failure::Status(status),
        })? {
            calls += 1;
        }
        assert!(calls > 100, "only {calls} host calls were made");
    }
    Ok(())
}

/// Fails one host call of a worker that is asked with a good and a bad token; false if it made
/// fewer calls.
fn fail(fault: HostFault) -> anyhow::Result<bool> {
    let mut workers = Workers::start(2, OWN, &configuration(&json!({})))?;
    let (good, bad) = (workers.token("es256")?, bad(&workers)?);
    workers.vm(0)?.fail(Some(fault));
    let (good, bad) = (workers.present(0, &good)?, workers.present(0, &bad)?);
    for _ in 0..22 {
        workers.deliver()?;
        workers.tick()?;
    }
    let failed = workers.vm(0)?.failed().is_some();
    workers.vm(0)?.fail(None);
    // A call that fails while a request is resumed or answered leaves it to the host's time limit.
    let (good, bad) = (workers.status(good)?, workers.status(bad)?);
    ensure!(
        matches!(good, None | Some(200 | 503)),
        "{fault:?}: {good:?}"
    );
    ensure!(matches!(bad, None | Some(401 | 503)), "{fault:?}: {bad:?}");
    let next = workers.ask_all("es256")?;
    workers.pass(4_000)?;
    ensure!(
        workers.statuses(&next)? == [Some(200)],
        "the requests after {fault:?} are not served"
    );
    Ok(failed)
}

fn bad(workers: &Workers) -> anyhow::Result<String> {
    let claims = json!({ "iss": "http://issuer.test", "sub": "ci", "aud": "registry", "exp": "+1h", "iat": "-1m" });
    let recipe = Recipe {
        tamper: Some(Tamper::Signature),
        ..Recipe::plain("es256", serde_json::from_value(claims)?)
    };
    recipe.mint(workers.now)
}
