//! Envelopes in header fields, for an intake whose host hands over no request bodies while the head
//! waits.

use registry_auth_harness::push;

use super::*;
use crate::Outcome;

const READS_NO_BODIES: &str =
    r#"{"intake": {"pushKey": {"env": "REGISTRY_AUTH_PUSH_KEY"}, "readRequestBodies": false}}"#;
const COUNT: usize = 3;

/// The numbered pieces of an envelope.
fn pieces(envelope: &str) -> Vec<String> {
    let size = envelope.len().div_ceil(COUNT);
    push::pieces(envelope, size)
}

#[test]
fn an_envelope_in_header_fields_is_taken_whole_or_not_at_all_in_the_module() -> Outcome {
    for (document, holds_bodies) in [(INTAKE, false), (READS_NO_BODIES, true)] {
        taken_whole_or_not_at_all(document, holds_bodies)?;
    }
    Ok(())
}

fn taken_whole_or_not_at_all(document: &str, holds_bodies: bool) -> Result<()> {
    let mut proxy = Proxy::with_intake(document, holds_bodies)?;
    let now = proxy.intake.now();
    let first = payload(now, "es256", 0)?;
    let fields = |payload: &Value, pieces: &[String]| push::put_fields(SET, payload, pieces, now);
    let whole = pieces(&push::seal(&first, PUSH_KEY));
    assert_eq!(whole.len(), COUNT);
    assert_eq!(proxy.put(&fields(&first, &whole))?, 200);
    let generation = u64::try_from(now.millis())?;
    assert_eq!(proxy.held()?.0, generation);
    assert_eq!(status(&mut proxy.filter, "es256")?, 200);

    let newer = payload(now, "eddsa", 1)?;
    let envelope = push::seal(&newer, PUSH_KEY);
    let good = pieces(&envelope);
    let [one, two, three] = <[String; COUNT]>::try_from(good.clone()).unwrap_or_default();
    let text = |piece: &str| piece.split_once(':').unwrap_or_default().1.to_owned();
    let exchanged = [
        format!("1/3:{}", text(&two)),
        format!("2/3:{}", text(&one)),
        three.clone(),
    ];
    let other_count = three.replace("3/3:", "3/4:");
    let large = push::pieces(&"a".repeat(7 * 8000), 8000);
    let long = format!("1/1:{}", "a".repeat(8001));
    let forged = pieces(&push::seal(&newer, OTHER_KEY));
    let [_, middle, _] = <[String; COUNT]>::try_from(whole.clone()).unwrap_or_default();
    let many = push::pieces(&envelope, envelope.len() / 40);
    let old = pieces(&push::seal(
        &with(&first, "gen", json!(now.millis() - 1)),
        PUSH_KEY,
    ));
    let put = |pieces: &[&str]| {
        let pieces: Vec<String> = pieces.iter().map(|piece| (*piece).to_owned()).collect();
        fields(&newer, &pieces)
    };
    // (name, request, status, a part of what the answer says)
    let rows = [
        (
            "the first is missing",
            put(&[&two, &three]),
            400,
            "piece 1 ",
        ),
        (
            "one in the middle is missing",
            put(&[&one, &three]),
            400,
            "piece 2 of the envelope is missing",
        ),
        ("the last is missing", put(&[&one, &two]), 400, "piece 3 "),
        (
            "one came twice",
            put(&[&one, &two, &two, &three]),
            400,
            "piece 2 of the envelope came twice",
        ),
        (
            "one came twice, and one is missing",
            put(&[&one, &one, &three]),
            400,
            "came twice",
        ),
        (
            "different counts",
            put(&[&one, &two, &other_count]),
            400,
            "different counts",
        ),
        ("too many pieces", fields(&newer, &many), 400, "32 pieces"),
        (
            "the numbers are exchanged",
            put(&[&exchanged[0], &exchanged[1], &three]),
            401,
            "MAC",
        ),
        (
            "a piece of another envelope",
            put(&[&one, &middle, &three]),
            401,
            "MAC",
        ),
        ("no numbers", put(&[&envelope]), 400, "NUMBER/COUNT:TEXT"),
        ("nothing in the field", put(&[""]), 400, "NUMBER/COUNT:TEXT"),
        ("no text", put(&["1/1:"]), 400, "NUMBER/COUNT:TEXT"),
        (
            "a number above the count",
            put(&["2/1:a"]),
            400,
            "NUMBER/COUNT:TEXT",
        ),
        ("a piece that is too long", put(&[&long]), 400, "8000 bytes"),
        ("too large", fields(&newer, &large), 413, "48 KiB"),
        ("no envelope", put(&["1/1:tops3cret"]), 400, "malformed"),
        ("another push key", fields(&newer, &forged), 401, "MAC"),
        (
            "the same generation",
            fields(&first, &whole),
            409,
            "not newer",
        ),
        (
            "another generation than the request says",
            fields(&newer, &old),
            400,
            "another than the request says",
        ),
        (
            "in fields and a body",
            fields(&newer, &good).body(envelope.clone().into_bytes()),
            400,
            "send one of them",
        ),
        ("neither", put(&[]), 400, "malformed"),
    ];
    for (name, request, expected, says) in rows {
        let answer = proxy.ask(&request)?;
        let response = push::answer(SET, &answer)?;
        let error = response
            .get("error")
            .and_then(Value::as_str)
            .unwrap_or_default();
        assert_eq!(answer.status, expected, "{name}: {error}");
        assert!(error.contains(says), "{name}: {error}");
        assert_eq!(proxy.held()?.0, generation, "{name}");
    }
    let mut unproven = fields(&newer, &good);
    unproven.headers.retain(|(name, _)| name != "authorization");
    assert_eq!(proxy.put(&unproven)?, 401);
    assert_eq!(proxy.held()?.0, generation);
    assert_eq!(
        status(&mut proxy.filter, "eddsa")?,
        503,
        "never half applied"
    );

    // A proxy may change the order, and join fields of one name.
    let joined = format!("{three} , {one}");
    assert_eq!(proxy.put(&put(&[&joined, &two]))?, 200);
    assert_eq!(proxy.held()?.0, generation + 1);
    assert_eq!(status(&mut proxy.filter, "eddsa")?, 200);
    let lines = proxy.intake.log();
    assert!(
        lines
            .iter()
            .all(|line| !line.contains("tops3cret") && !line.contains("eyJ")),
        "{lines:?}"
    );
    Ok(())
}

#[test]
fn an_intake_says_whether_it_reads_bodies_and_refuses_those_that_it_does_not_read_in_the_module()
-> Outcome {
    for (document, holds_bodies, says) in [
        (INTAKE, false, None),
        (READS_NO_BODIES, true, Some(false)),
        (READS_NO_BODIES, false, Some(false)),
    ] {
        let mut proxy = Proxy::with_intake(document, holds_bodies)?;
        let answer = proxy.ask(&push::get(SET, proxy.intake.now()))?;
        let response = push::answer(SET, &answer)?;
        let bodies = response.get("bodies").map(|bodies| bodies == &json!(true));
        assert_eq!(bodies, says, "{response}");
        let pushed = payload(proxy.intake.now(), "es256", 0)?;
        let request = push::put(
            SET,
            &pushed,
            &push::seal(&pushed, PUSH_KEY),
            proxy.intake.now(),
        );
        let answer = proxy.ask(&request)?;
        let response = push::answer(SET, &answer)?;
        let error = response
            .get("error")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if says.is_none() {
            assert_eq!(answer.status, 200, "{error}");
        } else {
            assert_eq!(answer.status, 400, "{error}");
            assert!(error.contains("header fields"), "{error}");
            assert_eq!(proxy.held()?.0, 0);
        }
    }
    Ok(())
}

/// The host holds the body with the head, and the configuration does not say so.
#[test]
fn a_push_whose_body_does_not_come_is_told_why_in_the_module() -> Outcome {
    let mut proxy = Proxy::with_intake(INTAKE, true)?;
    let pushed = payload(proxy.intake.now(), "es256", 0)?;
    let request = push::put(
        SET,
        &pushed,
        &push::seal(&pushed, PUSH_KEY),
        proxy.intake.now(),
    );
    let id = proxy.intake.open(&request)?;
    for _ in 0..3 {
        assert_eq!(proxy.intake.progress(id)?, Progress::Waiting);
        proxy.intake.advance(1_000);
        proxy.intake.tick()?;
    }
    proxy.intake.advance(1_000);
    proxy.intake.tick()?;
    let Progress::Answered(answer) = proxy.intake.progress(id)? else {
        return Err(anyhow::anyhow!("it waits").into());
    };
    let response = push::answer(SET, &answer)?;
    assert_eq!(answer.status, 408);
    let error = response
        .get("error")
        .and_then(Value::as_str)
        .unwrap_or_default();
    assert!(error.contains("`intake.readRequestBodies`"), "{error}");
    assert_eq!(proxy.held()?.0, 0);
    Ok(())
}
