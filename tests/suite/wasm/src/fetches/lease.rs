//! One fetch for all workers of a proxy.

use registry_auth_harness::issuer::{DISCOVERY, Endpoint, Fault, KEYS};
use registry_auth_vm::host::CalloutAnswer;
use serde_json::json;

use super::workers::{OWN, Workers, configuration, keyed};
use crate::Outcome;

const SECOND: i64 = 1_000;
const WORKERS: usize = 4;

/// Both ways to trust the other workers: a store of their own, and a push key.
fn start() -> anyhow::Result<[Workers; 2]> {
    Ok([
        Workers::start(WORKERS, OWN, &configuration(&json!({})))?,
        Workers::start(WORKERS, "", &keyed())?,
    ])
}

#[test]
fn the_first_tokens_of_an_issuer_cause_one_fetch_for_all_workers() -> Outcome {
    for mut workers in start()? {
        let mut asked = workers.ask_all("es256")?;
        asked.extend(workers.ask_all("es256")?);
        assert_eq!(workers.asking(), [0]);
        assert_eq!(workers.statuses(&asked)?, [None]);
        workers.deliver()?;
        workers.tick()?;
        assert_eq!(workers.statuses(&asked)?, [Some(200)]);
        assert_eq!(
            (
                workers.issuer.requests(Endpoint::Discovery),
                workers.fetches()
            ),
            (1, 1)
        );
    }
    Ok(())
}

#[test]
fn a_thousand_requests_with_a_new_key_cause_one_fetch_and_all_are_served() -> Outcome {
    for mut workers in start()? {
        workers.warm()?;
        workers.pass(5 * SECOND)?;
        workers.issuer.rotate(&["next-es256"])?;
        let token = workers.token("next-es256")?;
        let mut asked = Vec::new();
        for number in 0..1_000 {
            asked.push(workers.present(number % WORKERS, &token)?);
        }
        assert_eq!(workers.asking(), [0]);
        assert_eq!(workers.statuses(&asked)?, [None]);
        workers.deliver()?;
        workers.tick()?;
        assert_eq!(workers.statuses(&asked)?, [Some(200)]);
        assert_eq!(workers.fetches(), 2);
    }
    Ok(())
}

#[test]
fn a_worker_takes_what_another_fetched_without_asking_or_waiting() -> Outcome {
    for mut workers in start()? {
        workers.ask(0, "es256")?;
        workers.deliver()?;
        let late = workers.ask(1, "es256")?;
        assert_eq!(workers.status(late)?, Some(200));
        // So does one that starts then, as after a change of the policy.
        let new = workers.add_alike()?;
        let first = workers.ask(new, "es256")?;
        assert_eq!(workers.status(first)?, Some(200));
        assert_eq!(workers.fetches(), 1);
    }
    Ok(())
}

/// Envoy's workers read the clock in turn: what one did may be later than the time that another has
/// just read.
#[test]
fn a_worker_whose_time_is_a_moment_behind_asks_no_more_than_the_others() -> Outcome {
    for mut workers in start()? {
        workers.vm(0)?.advance(1);
        workers.ask(0, "es256")?;
        workers.deliver()?;
        let behind = workers.ask(1, "es256")?;
        assert_eq!(workers.status(behind)?, Some(200));
        assert_eq!((workers.asking(), workers.fetches()), (vec![], 1));
        workers.pass(5 * SECOND)?;
        let stray = workers.ask(0, "stray-es256")?;
        workers.deliver()?;
        let behind = workers.ask(1, "stray-es256")?;
        assert_eq!(
            (workers.status(stray)?, workers.status(behind)?),
            (Some(401), Some(401))
        );
        assert_eq!((workers.asking(), workers.fetches()), (vec![], 2));
    }
    Ok(())
}

#[test]
fn requests_that_wait_are_served_even_if_another_request_of_their_worker_takes_the_keys() -> Outcome
{
    for mut workers in start()? {
        workers.ask(0, "es256")?;
        let waiting = workers.ask(1, "es256")?;
        workers.deliver()?;
        let late = workers.ask(1, "es256")?;
        assert_eq!(
            (workers.status(waiting)?, workers.status(late)?),
            (None, Some(200))
        );
        workers.tick()?;
        assert_eq!(workers.status(waiting)?, Some(200));
    }
    Ok(())
}

#[test]
fn a_worker_that_dies_while_it_fetches_is_replaced_before_requests_give_up() -> Outcome {
    for mut workers in start()? {
        workers.ask(0, "es256")?;
        assert_eq!(workers.asking(), [0]);
        workers.vms.remove(0);
        let asked = workers.ask_all("es256")?;
        for _ in 0..11 {
            workers.tick()?;
            assert_eq!(workers.asking(), [0_usize; 0]);
        }
        workers.tick()?;
        assert_eq!(workers.asking(), [0]);
        workers.deliver()?;
        workers.tick()?;
        assert_eq!(workers.statuses(&asked)?, [Some(200)]);
        assert_eq!(workers.fetches(), 1);
    }
    Ok(())
}

#[test]
fn a_fetch_of_two_slow_answers_keeps_its_lease() -> Outcome {
    for mut workers in start()? {
        let asked = workers.ask_all("es256")?;
        for path in [DISCOVERY, KEYS] {
            for _ in 0..9 {
                workers.tick()?;
            }
            assert_eq!(workers.asking(), [0]);
            let callouts = workers.vm(0)?.callouts();
            let [callout] = &callouts[..] else {
                panic!("{} callouts", callouts.len())
            };
            assert_eq!(callout.header(":path").as_deref(), Some(path));
            let body = if path == DISCOVERY {
                workers.issuer.discovery()
            } else {
                workers.issuer.jwks()
            };
            let answer = CalloutAnswer {
                headers: vec![(b":status".to_vec(), b"200".to_vec())],
                body: body.to_string().into_bytes(),
            };
            workers.vm(0)?.answer(callout.token, answer)?;
        }
        workers.tick()?;
        assert_eq!(workers.statuses(&asked)?, [Some(200)]);
        assert_eq!(workers.asking(), [0_usize; 0]);
    }
    Ok(())
}

#[test]
fn a_failed_fetch_is_not_repeated_by_the_other_workers() -> Outcome {
    for mut workers in start()? {
        workers
            .issuer
            .fault(Endpoint::Keys, Some(Fault::Status(500)));
        let asked = workers.ask_all("es256")?;
        workers.deliver()?;
        workers.tick()?;
        assert_eq!(workers.statuses(&asked)?, [Some(503)]);
        // 1 s, less at most a fifth by chance.
        let again = workers.ask_all("es256")?;
        assert_eq!(workers.statuses(&again)?, [Some(503)]);
        assert_eq!(workers.fetches(), 1);
        workers.issuer.fault(Endpoint::Keys, None);
        workers.pass(SECOND)?;
        let asked = workers.ask_all("es256")?;
        workers.deliver()?;
        workers.tick()?;
        assert_eq!(workers.statuses(&asked)?, [Some(200)]);
        assert_eq!(workers.fetches(), 2);
    }
    Ok(())
}

#[test]
fn one_worker_refreshes_for_all_and_no_request_notices() -> Outcome {
    for mut workers in start()? {
        workers.warm()?;
        workers.issuer.rotate(&["es256", "next-es256"])?;
        workers.pass(240 * SECOND - 1_000)?;
        assert_eq!(workers.fetches(), 1);
        workers.pass(61 * SECOND)?;
        assert_eq!(workers.fetches(), 2);
        for key in ["es256", "next-es256"] {
            let asked = workers.ask_all(key)?;
            assert_eq!(workers.statuses(&asked)?, [Some(200)], "{key}");
        }
        while workers.asking().is_empty() {
            workers.tick()?;
        }
        let asked = workers.ask_all("es256")?;
        assert_eq!(workers.statuses(&asked)?, [Some(200)]);
        assert_eq!(workers.asking().len(), 1);
    }
    Ok(())
}

#[test]
fn two_configurations_share_a_fetch_only_if_they_ask_alike() -> Outcome {
    let rows = [
        (
            json!({ "audiences": ["registry", "other"], "maxStale": "2h" }),
            1,
        ),
        (json!({ "jwksUri": "http://issuer.test/keys" }), 2),
        (json!({ "jwksCluster": "upstream" }), 2),
        (json!({ "cluster": "upstream" }), 2),
    ];
    for (other, discoveries) in rows {
        let mut workers = Workers::start(1, OWN, &configuration(&json!({})))?;
        workers.warm()?;
        let new = workers.add(&configuration(&other))?;
        let asked = workers.ask(new, "es256")?;
        let shares = workers.status(asked)? == Some(200);
        assert_eq!(shares, discoveries == 1, "{other}");
        assert_eq!(workers.asking().is_empty(), shares, "{other}");
    }
    Ok(())
}
