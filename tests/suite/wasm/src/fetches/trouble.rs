//! How often a worker asks an issuer that fails or lacks a key, and what it shows of it.

use registry_auth_harness::issuer::{Endpoint, Fault};
use registry_auth_harness::key::TestKey;
use registry_auth_harness::mint::{Recipe, Tamper};
use serde_json::{Value, json};

use super::life::{HOUR, SECOND, alone, ask};
use super::workers::{ISSUER, OWN, Workers, configuration};
use crate::Outcome;

#[test]
fn an_issuer_in_trouble_is_asked_less_and_less() -> Outcome {
    let mut workers = Workers::start(2, OWN, &configuration(&json!({})))?;
    workers
        .issuer
        .fault(Endpoint::Discovery, Some(Fault::Status(503)));
    for _ in 0..10 * 60 {
        workers.ask_all("es256")?;
        workers.pass(SECOND)?;
    }
    // After 1, 2, 4, 8, 16, 32 seconds and then each minute, at most a fifth earlier: 15 times; and
    // the second that `pass` adds.
    let asked = workers.issuer.requests(Endpoint::Discovery);
    assert!((14..=19).contains(&asked), "{asked}");
    Ok(())
}

#[test]
fn other_issuers_are_not_touched() -> Outcome {
    let mut document = configuration(&json!({}));
    let other =
        json!({ "issuer": "http://other.test", "audiences": ["registry"], "cluster": "upstream" });
    if let Some(entries) = document
        .pointer_mut("/http/auth/bearer/oidc")
        .and_then(Value::as_array_mut)
    {
        entries.push(other);
    }
    let mut workers = Workers::start(1, OWN, &document)?;
    // The other one is never answered.
    let claims = json!({ "iss": "http://other.test", "sub": "ci", "aud": "registry", "exp": "+1h", "iat": "-1m" });
    let recipe: Recipe = serde_json::from_value(json!({ "key": "other-es256", "claims": claims }))
        .map_err(anyhow::Error::from)?;
    let token = recipe.mint(workers.now)?;
    let waiting = workers.present(0, &token)?;
    let asked = workers.ask(0, "es256")?;
    workers.deliver()?;
    assert_eq!(
        (workers.status(asked)?, workers.status(waiting)?),
        (Some(200), None)
    );
    Ok(())
}

#[test]
fn an_unknown_key_asks_the_issuer_every_five_seconds_at_most_and_a_bad_signature_never() -> Outcome
{
    let mut workers = Workers::start(2, OWN, &configuration(&json!({})))?;
    workers.issuer.cache(Some("max-age=3600"));
    workers.warm()?;
    let mut bad = Recipe::plain(
        "es256",
        serde_json::from_value(
            json!({ "iss": ISSUER, "sub": "ci", "aud": "registry", "exp": "+9h", "iat": "-1m" }),
        )
        .map_err(anyhow::Error::from)?,
    );
    bad.tamper = Some(Tamper::Signature);
    let (unknown, tampered) = (workers.token("stray-es256")?, bad.mint(workers.now)?);
    let mut asked = Vec::new();
    for second in 0..60 {
        workers.pass(SECOND)?;
        let refused = workers.present(0, &tampered)?;
        assert_eq!(workers.status(refused)?, Some(401));
        for worker in 0..2 {
            asked.push(workers.present(worker, &unknown)?);
            let other = workers.token_of(&format!("k{second}"))?;
            asked.push(workers.present(worker, &other)?);
        }
        workers.deliver()?;
    }
    workers.pass(6 * SECOND)?;
    assert_eq!(workers.statuses(&asked)?, [Some(401)]);
    assert!(
        (12..=14).contains(&workers.fetches()),
        "one at the start, and one each five seconds: {}",
        workers.fetches()
    );
    Ok(())
}

#[test]
fn a_key_that_is_published_late_works_within_five_seconds() -> Outcome {
    let mut workers = alone(&json!({}))?;
    workers.warm()?;
    workers.pass(5 * SECOND)?;
    assert_eq!(ask(&mut workers, "next-es256")?, Some(401));
    workers.issuer.publish(TestKey::named("next-es256")?.jwk()?);
    workers.tick()?;
    let asked = workers.ask(0, "next-es256")?;
    assert_eq!(
        workers.status(asked)?,
        None,
        "it was not looked up since the request came"
    );
    workers.pass(5 * SECOND)?;
    assert_eq!(workers.status(asked)?, Some(200));
    workers.issuer.withdraw("es256");
    workers.pass(301 * SECOND)?;
    let asked = workers.ask(0, "es256")?;
    workers.pass(6 * SECOND)?;
    assert_eq!(
        workers.status(asked)?,
        Some(401),
        "a key that was taken back is not used after the refresh"
    );
    Ok(())
}

#[test]
fn a_clock_that_jumps_neither_blocks_fetches_nor_prolongs_keys() -> Outcome {
    let mut workers = Workers::start(2, OWN, &configuration(&json!({})))?;
    workers.warm()?;
    workers.pass(-24 * HOUR)?;
    assert_eq!(
        workers.fetches(),
        2,
        "keys from the future are fetched again"
    );
    workers
        .issuer
        .fault(Endpoint::Discovery, Some(Fault::Reset));
    workers.pass(-24 * HOUR)?;
    let asked = workers.ask_all("es256")?;
    assert_eq!(workers.statuses(&asked)?, [Some(200)]);
    workers.pass(HOUR)?;
    let asked = workers.ask_all("es256")?;
    workers.deliver()?;
    workers.tick()?;
    assert_eq!(workers.statuses(&asked)?, [Some(503)]);
    Ok(())
}

#[test]
fn gauges_show_age_count_failure_and_staleness_of_each_source() -> Outcome {
    let mut workers = alone(&json!({}))?;
    let see = |workers: &mut Workers| -> anyhow::Result<Vec<Option<u64>>> {
        let vm = workers.vm(0)?;
        let names = ["age_seconds", "count", "failing", "stale"];
        let page = include_str!("../../../../../docs/metrics.md");
        assert!(
            names
                .iter()
                .all(|name| page.contains(&format!("`registry_auth_keys_{name}`")))
        );
        Ok(names
            .map(|name| {
                let labels = "source=.=issuer_test;.;plugin=.=registry-auth;.;";
                vm.metric(&format!("registry_auth.{labels}keys_{name}"))
            })
            .to_vec())
    };
    workers.pass(SECOND)?;
    assert_eq!(see(&mut workers)?, [None; 4], "nobody has asked yet");
    workers
        .issuer
        .fault(Endpoint::Keys, Some(Fault::Status(500)));
    ask(&mut workers, "es256")?;
    workers.tick()?;
    assert_eq!(see(&mut workers)?, [None, Some(0), Some(1), Some(0)]);
    workers.issuer.fault(Endpoint::Keys, None);
    workers.issuer.rotate(&["es256", "rs256"])?;
    workers.pass(SECOND)?;
    ask(&mut workers, "es256")?;
    workers.pass(7 * SECOND)?;
    assert_eq!(see(&mut workers)?, [Some(7), Some(2), Some(0), Some(0)]);
    workers
        .issuer
        .fault(Endpoint::Keys, Some(Fault::Status(500)));
    workers.pass(HOUR - 8 * SECOND)?;
    assert_eq!(see(&mut workers)?, [Some(3599), Some(2), Some(1), Some(0)]);
    workers.pass(SECOND)?;
    assert_eq!(see(&mut workers)?, [Some(3600), Some(0), Some(1), Some(1)]);
    Ok(())
}
