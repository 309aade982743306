//! The intake in an Envoy that hands over no request bodies while headers wait: without
//! `allow_on_headers_stop_iteration`, as Istio's `WasmPlugin` has it.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::envoy::{Bootstrap, Envoy, Listener};
use registry_auth_harness::real::INTAKE;
use registry_auth_harness::substrate::{PUSH_KEY, now};
use registry_auth_harness::{key, module, push};
use serde_json::{Value, json};

use crate::Outcome;

/// The configuration of such an intake.
pub(super) const READS_NO_BODIES: &str =
    r#"{"intake": {"pushKey": {"env": "REGISTRY_AUTH_PUSH_KEY"}, "readRequestBodies": false}}"#;
const SET: &str = "secret:us-east-1/keys";
const PATIENCE: Duration = Duration::from_secs(30);
/// Pieces of the largest envelope here, each of the full size.
const FULL: usize = 8000;

/// Status, and what the answer says.
fn send(envoy: &Envoy, listener: &str, request: &Request) -> Result<(u16, Value)> {
    let answer = client::send(envoy.listener(listener)?, request, PATIENCE)?;
    Ok((answer.status, push::answer(SET, &answer)?))
}

#[test]
fn an_intake_in_envoy_without_bodies_takes_header_fields_whole_or_not_at_all() -> Outcome {
    play()?;
    Ok(())
}

#[expect(clippy::too_many_lines, reason = "a table of test rows")]
fn play() -> Result<()> {
    let listener = |name: &str, configuration: &str| Listener {
        name: name.to_owned(),
        configuration: configuration.to_owned(),
        vm_id: format!("registry-auth-{name}"),
        holds_bodies: true,
        ..Listener::default()
    };
    let envoy = Envoy::start(&Bootstrap {
        module: module::path()?,
        listeners: vec![
            listener("says", READS_NO_BODIES),
            // The operator forgot to say that the host hands over no bodies.
            listener("silent", INTAKE),
        ],
        environment: vec![("REGISTRY_AUTH_PUSH_KEY".to_owned(), PUSH_KEY.to_owned())],
        ..Bootstrap::default()
    })?;
    // A set that needs all the room there is.
    let one = key::jwks(&["es256"])?;
    let one = one.pointer("/keys/0").context("no key")?;
    let keys = |count: usize| {
        let keys = (0..count).map(|number| {
            let mut key = one.as_object().cloned().unwrap_or_default();
            key.insert("kid".to_owned(), json!(format!("key-{number}")));
            key
        });
        json!({"keys": keys.collect::<Vec<_>>()})
    };
    let payload = push::payload(SET, &keys(195), now());
    let envelope = push::seal(&payload, PUSH_KEY);
    ensure!(
        (40_000..=48 * 1024).contains(&envelope.len()),
        "{} bytes",
        envelope.len()
    );
    let good = push::pieces(&envelope, FULL);
    let fields = |pieces: &[String]| push::put_fields(SET, &payload, pieces, now());
    let without = |index: usize| {
        let mut pieces = good.clone();
        pieces.remove(index);
        pieces
    };
    let twice: Vec<_> = good.iter().chain(good.get(1)).cloned().collect();
    let large = push::seal(&push::payload(SET, &keys(230), now()), PUSH_KEY);
    let many = push::pieces(&envelope, envelope.len() / 40);
    let mut mixed = good.clone();
    if let Some(third) = mixed.get_mut(2) {
        *third = third.replacen('3', "4", 1);
    }
    let body = push::put(SET, &payload, &envelope, now());
    // (name, request, status, a part of what the answer says)
    let rows = [
        ("a body", body.clone(), 400, "header fields"),
        (
            "a piece is missing",
            fields(&without(2)),
            400,
            "piece 3 of the envelope is missing",
        ),
        (
            "a piece came twice",
            fields(&twice),
            400,
            "piece 2 of the envelope came twice",
        ),
        (
            "a number came twice, and one is missing",
            fields(&mixed),
            400,
            "piece 4 of the envelope came twice",
        ),
        ("too many pieces", fields(&many), 400, "32 pieces"),
        (
            "too large",
            fields(&push::pieces(&large, FULL)),
            413,
            "48 KiB",
        ),
        (
            "fields and a body",
            fields(&good).body(b"x".to_vec()),
            400,
            "send one of them",
        ),
    ];
    for listener in ["says", "silent"] {
        let (status, said) = send(&envoy, listener, &push::get(SET, now()))?;
        let expected = (listener == "says").then_some(&json!(false)).cloned();
        ensure!(
            status == 200 && said.get("bodies") == expected.as_ref(),
            "{listener}: {said}"
        );
        for (name, request, expected, says) in &rows {
            if listener == "silent" && *name == "a body" {
                continue;
            }
            let (status, said) =
                send(&envoy, listener, request).with_context(|| format!("{listener}: {name}"))?;
            let error = said
                .get("error")
                .and_then(Value::as_str)
                .unwrap_or_default();
            ensure!(
                status == *expected && error.contains(says),
                "{listener}: {name}: {status} {said}"
            );
            let (_, held) = send(&envoy, listener, &push::get(SET, now()))?;
            ensure!(
                held.get("gen") == Some(&json!(0)),
                "{listener}: {name}: {held}"
            );
        }
    }
    // The body never comes; without an answer this would be a timeout.
    let (status, said) = send(&envoy, "silent", &body)?;
    let error = said
        .get("error")
        .and_then(Value::as_str)
        .unwrap_or_default();
    ensure!(
        status == 408 && error.contains("`intake.readRequestBodies`"),
        "{status} {said}"
    );
    let mut reverse = good;
    reverse.reverse();
    for listener in ["says", "silent"] {
        let (status, said) = send(&envoy, listener, &fields(&reverse))?;
        ensure!(status == 200, "{listener}: {status} {said}");
        let (_, held) = send(&envoy, listener, &push::get(SET, now()))?;
        ensure!(held.get("gen") == payload.get("gen"), "{listener}: {held}");
    }
    Ok(())
}
