//! How a worker handles the responses of an issuer, and how long it uses the keys.

use registry_auth_harness::issuer::{DISCOVERY, Endpoint, Fault, KEYS};
use serde_json::{Value, json};

use super::workers::{ISSUER, OWN, Workers, configuration};
use crate::Outcome;

pub(super) const TICK: i64 = 250;
pub(super) const SECOND: i64 = 4 * TICK;
pub(super) const HOUR: i64 = 3_600 * SECOND;
/// The longest that is read of an answer.
const MOST: usize = 256 * 1024;

pub(super) fn alone(more: &Value) -> anyhow::Result<Workers> {
    Workers::start(1, OWN, &configuration(more))
}

/// What the next request gets, answers of the issuer included.
pub(super) fn ask(workers: &mut Workers, key: &str) -> anyhow::Result<Option<u16>> {
    let asked = workers.ask(0, key)?;
    workers.deliver()?;
    workers.status(asked)
}

#[test]
fn nothing_is_asked_before_the_first_token() -> Outcome {
    let mut workers = alone(&json!({}))?;
    workers.pass(HOUR)?;
    assert_eq!(workers.issuer.requests(Endpoint::Discovery), 0);
    Ok(())
}

#[test]
fn what_an_issuer_may_answer_instead_of_keys_is_a_failed_fetch() -> Outcome {
    let other = json!({ "issuer": "http://issuer.test/", "jwks_uri": "http://issuer.test/keys" });
    let huge = |document: Value| [document.to_string().into_bytes(), vec![b' '; MOST]].concat();
    let mut rows = vec![
        (
            Endpoint::Discovery,
            Fault::Body(other.to_string().into_bytes()),
        ),
        (
            Endpoint::Discovery,
            Fault::Body(huge(alone(&json!({}))?.issuer.discovery())),
        ),
        (
            Endpoint::Keys,
            Fault::Body(huge(alone(&json!({}))?.issuer.jwks())),
        ),
        (Endpoint::Keys, Fault::Body(br#"{"keys": []}"#.to_vec())),
        (
            Endpoint::Keys,
            Fault::Body(br#"{"keys": [{"kty": "oct", "k": "AAAA"}]}"#.to_vec()),
        ),
    ];
    for endpoint in [Endpoint::Discovery, Endpoint::Keys] {
        rows.extend(
            [204, 301, 304, 404, 429, 500, 503].map(|status| (endpoint, Fault::Status(status))),
        );
        rows.extend(
            ["", "<html>", "[]", "{}", "\u{0}"].map(|body| (endpoint, Fault::Body(body.into()))),
        );
        rows.extend([(endpoint, Fault::Reset), (endpoint, Fault::Hang)]);
    }
    for (endpoint, fault) in rows {
        let mut workers = alone(&json!({}))?;
        workers.issuer.fault(endpoint, Some(fault.clone()));
        assert_eq!(
            ask(&mut workers, "es256")?,
            Some(503),
            "{endpoint:?} {fault:?}"
        );
        assert_eq!(
            workers.vm(0)?.sum(&["fetches", "outcome=.=failure;.;"]),
            Some(1),
            "{endpoint:?} {fault:?}"
        );
        // It recovers by itself, and the last good keys bridge the next failure.
        workers.issuer.fault(endpoint, None);
        workers.pass(SECOND)?;
        assert_eq!(
            ask(&mut workers, "es256")?,
            Some(200),
            "{endpoint:?} {fault:?}"
        );
        workers.issuer.fault(endpoint, Some(fault.clone()));
        workers.pass(HOUR - 2 * SECOND)?;
        assert_eq!(
            ask(&mut workers, "es256")?,
            Some(200),
            "{endpoint:?} {fault:?}"
        );
    }
    Ok(())
}

#[test]
fn an_entry_that_cannot_be_used_is_skipped_and_counted() -> Outcome {
    let mut workers = alone(&json!({}))?;
    workers
        .issuer
        .publish(json!({ "kty": "oct", "k": "AAAA", "kid": "shared" }));
    workers
        .issuer
        .publish(json!({ "kty": "RSA", "kid": "no numbers" }));
    assert_eq!(ask(&mut workers, "es256")?, Some(200));
    let vm = workers.vm(0)?;
    assert_eq!(vm.metric("registry_auth.keys.skipped"), Some(2));
    assert!(
        vm.log()
            .iter()
            .any(|line| line.starts_with("warn: ") && line.contains("`shared`"))
    );
    Ok(())
}

#[test]
fn of_many_entries_that_cannot_be_used_all_are_counted_and_some_are_named() -> Outcome {
    let mut workers = alone(&json!({}))?;
    for number in 0..30 {
        workers
            .issuer
            .publish(json!({ "kty": "oct", "k": "AAAA", "kid": format!("shared-{number}") }));
    }
    assert_eq!(ask(&mut workers, "es256")?, Some(200));
    let vm = workers.vm(0)?;
    assert_eq!(vm.metric("registry_auth.keys.skipped"), Some(30));
    let warnings = |text: &str| {
        vm.log()
            .iter()
            .filter(|line| line.starts_with("warn: ") && line.contains(text))
            .count()
    };
    assert_eq!(
        (
            warnings("`shared-"),
            warnings("10 more entries are skipped")
        ),
        (20, 1)
    );
    Ok(())
}

#[test]
fn keys_come_through_the_configured_clusters_wherever_the_document_points() -> Outcome {
    let rows = [
        (
            json!({}),
            vec![
                ("issuers", "issuer.test", DISCOVERY),
                ("issuers", "10.0.0.1:6443", "/openid/v1/jwks"),
            ],
        ),
        (
            json!({ "jwksCluster": "upstream" }),
            vec![
                ("issuers", "issuer.test", DISCOVERY),
                ("upstream", "10.0.0.1:6443", "/openid/v1/jwks"),
            ],
        ),
        (
            json!({ "jwksUri": "http://issuer.test/keys" }),
            vec![("issuers", "issuer.test", KEYS)],
        ),
        (
            json!({ "jwksUri": "http://Issuer.test/v1/Keys@x?appid=6731de76&p=/%40" }),
            vec![("issuers", "issuer.test", "/v1/Keys@x?appid=6731de76&p=/%40")],
        ),
    ];
    for (more, wanted) in rows {
        let mut workers = alone(&more)?;
        let document =
            json!({ "issuer": ISSUER, "jwks_uri": "http://10.0.0.1:6443/openid/v1/jwks" });
        workers.issuer.fault(
            Endpoint::Discovery,
            Some(Fault::Body(document.to_string().into_bytes())),
        );
        workers.ask(0, "es256")?;
        for (cluster, authority, path) in wanted {
            let callouts = workers.vm(0)?.callouts();
            let [callout] = &callouts[..] else {
                panic!("{} callouts", callouts.len())
            };
            let header = |name: &str| callout.header(name).unwrap_or_default();
            assert_eq!(
                (
                    callout.cluster.as_str(),
                    header(":authority"),
                    header(":path")
                ),
                (cluster, authority.to_owned(), path.to_owned())
            );
            if path != DISCOVERY {
                break;
            }
            workers.deliver_one()?;
        }
    }
    Ok(())
}

#[test]
fn an_issuer_says_how_long_its_keys_are_good_within_bounds() -> Outcome {
    for (cache_control, seconds) in [
        (None, 300),
        (Some("max-age=120"), 120),
        (Some("max-age=1"), 60),
        (Some("public, max-age=86400"), 3600),
    ] {
        let mut workers = alone(&json!({ "maxStale": "2h" }))?;
        workers.issuer.cache(cache_control);
        workers.warm()?;
        workers.pass((seconds * 4 / 5 - 1) * SECOND)?;
        assert_eq!(workers.fetches(), 1, "{cache_control:?}");
        workers.pass((seconds / 5 + 1) * SECOND)?;
        assert_eq!(workers.fetches(), 2, "{cache_control:?}");
    }
    Ok(())
}

#[test]
fn keys_are_used_for_max_stale_after_the_last_success_and_not_longer() -> Outcome {
    for (more, stale) in [(json!({}), HOUR), (json!({ "maxStale": "10m" }), HOUR / 6)] {
        let mut workers = Workers::start(2, OWN, &configuration(&more))?;
        workers.warm()?;
        workers
            .issuer
            .fault(Endpoint::Discovery, Some(Fault::Reset));
        for part in [stale / 4, stale / 4, stale / 4, stale / 4 - SECOND - TICK] {
            workers.pass(part)?;
            let asked = workers.ask_all("es256")?;
            assert_eq!(workers.statuses(&asked)?, [Some(200)], "{more}");
        }
        workers.pass(SECOND)?;
        // The value in shared data is as old, and a worker that starts does not use it either.
        workers.add_alike()?;
        let asked = workers.ask_all("es256")?;
        workers.deliver()?;
        workers.tick()?;
        assert_eq!(workers.statuses(&asked)?, [Some(503)]);
        workers.issuer.fault(Endpoint::Discovery, None);
        workers.pass(61 * SECOND)?;
        let asked = workers.ask_all("es256")?;
        assert_eq!(
            workers.statuses(&asked)?,
            [Some(200)],
            "it recovers by itself"
        );
    }
    Ok(())
}
