//! Requests with an unknown key id: how many may wait and for what, and that none is refused before
//! the keys were fetched.

use registry_auth_harness::issuer::{DISCOVERY, Endpoint, Fault};
use registry_auth_harness::key::TestKey;
use registry_auth_harness::mint::Recipe;
use registry_auth_vm::Progress;
use serde_json::{Value, json};

use super::workers::{Asked, ISSUER, OWN, Workers, configuration};
use crate::Outcome;

const TICK: i64 = 250;
const SECOND: i64 = 4 * TICK;
/// Unknown key ids cause at most one fetch in this time.
const LIMIT: i64 = 5 * SECOND;
/// How many requests of one worker may wait for a fetch that may not begin yet.
const MOST: usize = 256;

/// Workers that hold the keys of the issuer, which may be asked again.
fn warm(count: usize) -> anyhow::Result<Workers> {
    let mut workers = Workers::start(count, OWN, &configuration(&json!({})))?;
    workers.warm()?;
    workers.pass(LIMIT)?;
    Ok(workers)
}

/// A request with an invented key id causes a fetch.
fn make_up(workers: &mut Workers, kid: &str) -> anyhow::Result<()> {
    let token = workers.token_of(kid)?;
    let asked = workers.present(0, &token)?;
    workers.deliver()?;
    assert_eq!(
        workers.status(asked)?,
        Some(401),
        "it was looked up since the request came"
    );
    workers.tick()
}

/// The issuer has another key from now on.
fn rotate(workers: &Workers) -> anyhow::Result<()> {
    workers.issuer.rotate(&["next-es256"])
}

#[test]
fn a_rotation_right_after_made_up_ids_refuses_nobody() -> Outcome {
    for count in [1, 2] {
        let mut workers = warm(count)?;
        make_up(&mut workers, "made-up")?;
        rotate(&workers)?;
        let asked = workers.ask_all("next-es256")?;
        let before = workers.fetches();
        assert_eq!(workers.statuses(&asked)?, [None], "{count} workers");
        workers.pass(LIMIT)?;
        workers.tick()?;
        assert_eq!(workers.statuses(&asked)?, [Some(200)], "{count} workers");
        assert_eq!(workers.fetches(), before + 1, "{count} workers");
    }
    Ok(())
}

#[test]
fn a_next_id_that_was_asked_for_beforehand_comes_as_soon_as_any_other() -> Outcome {
    let mut workers = warm(2)?;
    let guessed = Recipe {
        kid: Some("next-es256".to_owned()),
        ..recipe("es256")?
    }
    .mint(workers.now)?;
    for _ in 0..60 {
        workers.present(0, &guessed)?;
        workers.deliver()?;
        workers.pass(SECOND)?;
    }
    workers.tick()?;
    rotate(&workers)?;
    let asked = workers.ask_all("next-es256")?;
    workers.pass(LIMIT)?;
    workers.tick()?;
    assert_eq!(workers.statuses(&asked)?, [Some(200)]);
    Ok(())
}

#[test]
fn a_fetch_that_was_under_way_before_the_request_came_proves_nothing() -> Outcome {
    for count in [1, 2] {
        let mut workers = warm(count)?;
        let made_up = workers.token_of("made-up")?;
        let first = workers.present(0, &made_up)?;
        // The keys are asked for, and the issuer answers with those of now.
        workers.deliver_one()?;
        let callouts = workers.vm(0)?.callouts();
        assert!(
            matches!(&callouts[..], [callout] if callout.header(":path").as_deref() != Some(DISCOVERY))
        );
        let old = workers.issuer.jwks();
        workers.tick()?;
        rotate(&workers)?;
        let asked = workers.ask_all("next-es256")?;
        workers.issuer.fault(
            Endpoint::Keys,
            Some(Fault::Body(old.to_string().into_bytes())),
        );
        workers.deliver()?;
        workers.tick()?;
        assert_eq!(
            (workers.status(first)?, workers.statuses(&asked)?),
            (Some(401), vec![None]),
            "{count} workers"
        );
        workers.issuer.fault(Endpoint::Keys, None);
        workers.pass(LIMIT)?;
        workers.tick()?;
        assert_eq!(workers.statuses(&asked)?, [Some(200)], "{count} workers");
    }
    Ok(())
}

#[test]
fn what_another_worker_looked_up_since_the_request_came_counts() -> Outcome {
    let mut workers = warm(2)?;
    make_up(&mut workers, "made-up")?;
    let unknown = workers.token_of("unknown")?;
    let waits = workers.present(0, &unknown)?;
    assert_eq!(workers.status(waits)?, None);
    // The other worker is the first to fetch.
    workers.vms.swap(0, 1);
    let waits = Asked { worker: 1, ..waits };
    let before = workers.fetches();
    workers.pass(LIMIT)?;
    workers.tick()?;
    assert_eq!(
        (workers.status(waits)?, workers.fetches()),
        (Some(401), before + 1)
    );
    Ok(())
}

#[test]
fn a_look_up_that_fails_calls_nobody_bad() -> Outcome {
    for fault in [Fault::Status(500), Fault::Reset, Fault::Hang] {
        let mut workers = warm(2)?;
        workers.issuer.fault(Endpoint::Keys, Some(fault.clone()));
        let asked = workers.ask_all("next-es256")?;
        workers.deliver()?;
        workers.tick()?;
        assert_eq!(workers.statuses(&asked)?, [Some(503)], "{fault:?}");
        // While the issuer is not asked, either.
        let mut asked = Vec::new();
        for _ in 0..20 {
            workers.pass(SECOND)?;
            asked.extend(workers.ask_all("next-es256")?);
            workers.deliver()?;
        }
        workers.pass(10 * SECOND)?;
        assert_eq!(workers.statuses(&asked)?, [Some(503)], "{fault:?}");
        let known = workers.ask_all("es256")?;
        assert_eq!(
            workers.statuses(&known)?,
            [Some(200)],
            "{fault:?}: the keys that are held stay"
        );
        workers.issuer.fault(Endpoint::Keys, None);
        rotate(&workers)?;
        workers.pass(60 * SECOND)?;
        let asked = workers.ask_all("next-es256")?;
        workers.pass(LIMIT)?;
        workers.tick()?;
        assert_eq!(
            workers.statuses(&asked)?,
            [Some(200)],
            "{fault:?}: it recovers by itself"
        );
    }
    Ok(())
}

#[test]
fn no_look_up_holds_a_request_longer_than_ten_seconds() -> Outcome {
    for jump in [10 * SECOND, -SECOND] {
        let mut workers = warm(1)?;
        make_up(&mut workers, "made-up")?;
        let unknown = workers.token_of("unknown")?;
        let next = workers.present(0, &unknown)?;
        workers.pass(LIMIT - SECOND)?;
        let joins = workers.present(0, &unknown)?;
        assert_eq!(workers.statuses(&[next, joins])?, [None]);
        // Nobody answers.
        let vm = workers.vm(0)?;
        vm.advance(jump);
        vm.tick()?;
        if jump > 0 {
            assert_eq!(workers.statuses(&[next, joins])?, [Some(503)], "{jump}");
        } else {
            let vm = workers.vm(0)?;
            vm.advance(-LIMIT);
            vm.tick()?;
            assert_eq!(workers.statuses(&[next, joins])?, [Some(503)], "{jump}");
        }
    }
    Ok(())
}

#[test]
fn only_so_many_wait_for_the_next_fetch_and_nobody_else_notices() -> Outcome {
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
    workers.warm()?;
    workers.pass(LIMIT)?;
    make_up(&mut workers, "made-up")?;
    let tokens = (0..300)
        .map(|number| workers.token_of(&format!("k{number}")))
        .collect::<Result<Vec<_>, _>>()?;
    let asked = tokens
        .iter()
        .map(|token| workers.present(0, token))
        .collect::<Result<Vec<_>, _>>()?;
    let (wait, refused) = asked.split_at(MOST);
    assert_eq!(
        (workers.statuses(wait)?, workers.statuses(refused)?),
        (vec![None], vec![Some(503)])
    );
    for one in refused {
        let Progress::Answered(answer) = workers.progress(*one)? else {
            panic!("it waits")
        };
        assert!(answer.header("retry-after").is_some());
    }
    // Who is known is served, and who waits for another issuer waits for that.
    let known = workers.ask(0, "es256")?;
    let claims = json!({ "iss": "http://other.test", "sub": "ci", "aud": "registry", "exp": "+1h", "iat": "-1m" });
    let claims = serde_json::from_value(claims).map_err(anyhow::Error::from)?;
    let elsewhere = Recipe::plain("other-es256", claims).mint(workers.now)?;
    let elsewhere = workers.present(0, &elsewhere)?;
    assert_eq!(
        (workers.status(known)?, workers.status(elsewhere)?),
        (Some(200), None)
    );
    // Who goes away makes room within a tick.
    let Some(first) = wait.first() else {
        panic!("nobody waits")
    };
    workers.close(*first)?;
    workers.tick()?;
    let again = workers.present(0, tokens.last().map_or("", String::as_str))?;
    assert_eq!(workers.status(again)?, None);
    let before = workers.fetches();
    workers.issuer.publish(TestKey::named("next-es256")?.jwk()?);
    workers.pass(LIMIT)?;
    let rest = wait.get(1..).unwrap_or_default();
    assert_eq!(
        (workers.statuses(rest)?, workers.fetches()),
        (vec![Some(401)], before + 1)
    );
    Ok(())
}

#[test]
fn a_thousand_requests_with_keys_that_nobody_has_cause_one_fetch_and_all_are_answered() -> Outcome {
    let mut workers = warm(2)?;
    let before = workers.fetches();
    let tokens = (0..10)
        .map(|number| workers.token_of(&format!("k{number}")))
        .collect::<Result<Vec<_>, _>>()?;
    let mut asked = Vec::new();
    for (number, token) in tokens.iter().cycle().take(1_000).enumerate() {
        asked.push(workers.present(number % 2, token)?);
    }
    workers.deliver()?;
    workers.tick()?;
    assert_eq!(
        (workers.statuses(&asked)?, workers.fetches()),
        (vec![Some(401)], before + 1)
    );
    Ok(())
}

fn recipe(key: &str) -> anyhow::Result<Recipe> {
    let claims =
        json!({ "iss": ISSUER, "sub": "ci", "aud": "registry", "exp": "+9h", "iat": "-1m" });
    Ok(Recipe::plain(key, serde_json::from_value(claims)?))
}
