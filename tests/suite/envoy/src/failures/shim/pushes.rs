//! What is pushed to the intake, asked of it and written over.

use std::cell::Cell;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::substrate::{PUSH_KEY, now};
use registry_auth_harness::{key, push};
use serde_json::{Value, json};

use super::super::callers::{Tokens, read};
use super::super::foreign;
use super::super::page::Page;
use super::super::proxy::{PATIENCE, comes_to, until};
use super::super::trial::{Case, Hooks, UNNOTICED};
use super::{Fixture, SET};

const HOUR: i64 = 3600;

/// Plays all failures of pushes.
pub(super) fn try_all(fixture: &Fixture, page: &mut Page) -> Result<()> {
    pushes(fixture, page)?;
    strangers(fixture, page)?;
    overwritten(fixture, page)
}

fn with(payload: &Value, member: &str, value: Value) -> Value {
    let mut changed = payload.clone();
    if let Value::Object(changed) = &mut changed {
        changed.insert(member.to_owned(), value);
    }
    changed
}

/// Failure, what is done, what is pushed, what the intake answers.
type Push = (&'static str, &'static str, Request, u16);

/// Sets of a key that must not come in. `held` is what the intake holds.
fn bad_pushes(held: &Value) -> Result<Vec<Push>> {
    let stray = key::jwks(&["stray-eddsa"])?;
    let at = now();
    let good = push::payload(SET, &stray, at);
    let put = |payload: &Value, envelope: &str| push::put(SET, payload, envelope, at);
    let changed = |name: &str, value: Value| {
        let payload = with(&good, name, value);
        put(&payload, &push::seal(&payload, PUSH_KEY))
    };
    let mut oversized = push::seal(&good, PUSH_KEY);
    oversized.push_str(&"A".repeat(2 * 1024 * 1024));
    let ahead = at.millis() + HOUR * 1000;
    Ok(vec![
        (
            "a pushed set is forged",
            "another push key: 401",
            put(&good, &push::seal(&good, &"x".repeat(64))),
            401,
        ),
        (
            "a pushed set is replayed",
            "the envelope that is held: 409",
            put(held, &push::seal(held, PUSH_KEY)),
            409,
        ),
        (
            "a pushed set is older",
            "by an hour: 409",
            changed("gen", json!(at.millis() - HOUR * 1000)),
            409,
        ),
        (
            "a pushed set is of the future",
            "by an hour: 400",
            changed("gen", json!(ahead)),
            400,
        ),
        (
            "a pushed set is past its end",
            "by a second: 410",
            changed("exp", json!(at.secs() - 1)),
            410,
        ),
        (
            "a pushed set would last too long",
            "a year: 400",
            changed("exp", json!(at.secs() + 365 * 24 * HOUR)),
            400,
        ),
        (
            "a pushed set is too large",
            "2 MiB: 413",
            put(&good, &oversized),
            413,
        ),
        (
            "a pushed set has another format",
            "version 1: 400",
            changed("v", json!(1)),
            400,
        ),
        (
            "a pushed set is no envelope",
            "text: 400",
            put(&good, "garbage"),
            400,
        ),
        (
            "a pushed set holds no key",
            "an empty JWKS: 400",
            changed("keys", json!({"keys": []})),
            400,
        ),
    ])
}

fn put(fixture: &Fixture, request: &Request) -> Result<u16> {
    Ok(client::send(fixture.intake, request, PATIENCE)?.status)
}

/// Requests to the intake of somebody without the push key.
fn strangers(fixture: &Fixture, page: &mut Page) -> Result<()> {
    let at = now();
    let says = json!({"v": 2, "set": SET, "nonce": "AAAAAAAAAAAAAAAAAAAAAAAA", "at": at.secs()});
    let rows = [
        (
            "a stranger asks the intake",
            "no push key: 401",
            Request::new("GET", &push::path(SET)),
            401,
        ),
        (
            "another push key asks the intake",
            "401",
            push::proven("GET", SET, &says, &"x".repeat(64)),
            401,
        ),
        (
            "an old request is replayed",
            "an hour old: 401",
            push::proven(
                "GET",
                SET,
                &with(&says, "at", json!(at.secs() - HOUR)),
                PUSH_KEY,
            ),
            401,
        ),
        (
            "a shim of version 1 asks the intake",
            "`/v1/keys/...`: 501",
            Request::new("GET", "/v1/keys/bearer"),
            501,
        ),
    ];
    for (failure, how, request, status) in rows {
        let counts = status == 401;
        let sign = if counts {
            "`registry_auth_intake_refused` counts, log: `requests to the intake are refused`"
        } else {
            "log of the shim: `pushing to an intake failed`"
        };
        let case = Case {
            failure,
            how,
            sign,
            end: "nobody has noticed",
            ..UNNOTICED
        };
        let before = Cell::new(None);
        let hooks = Hooks {
            fail: &mut || {
                before.set(fixture.refused()?);
                let answer = client::send(fixture.intake, &request, PATIENCE)?;
                ensure!(
                    answer.status == status,
                    "the intake answered {} instead of {status}",
                    answer.status
                );
                let said = String::from_utf8_lossy(&answer.body);
                ensure!(
                    said.contains("error") && !said.contains("gen"),
                    "a stranger learns: {said}"
                );
                Ok(())
            },
            look: &mut || {
                until("a count", || {
                    Ok(!counts || fixture.refused()? > before.get())
                })?;
                let says = || {
                    Ok(fixture
                        .proxy
                        .borrow()
                        .envoy()?
                        .log()
                        .contains("requests to the intake are refused: "))
                };
                until("a line of the log", says)
            },
            mend: &mut || Ok(()),
        };
        fixture.play(&case, hooks, page)?;
    }
    Ok(())
}

fn pushes(fixture: &Fixture, page: &mut Page) -> Result<()> {
    let held = push::payload(SET, &key::jwks(&["eddsa"])?, now());
    let good = push::put(SET, &held, &push::seal(&held, PUSH_KEY), now());
    until("a good push", || Ok(put(fixture, &good)? != 401)).context("the intake")?;
    for (failure, how, request, status) in bad_pushes(&held)? {
        let counts = status != 413;
        let sign = if counts {
            "`registry_auth_intake_refused` counts, log: `a pushed key set is refused`"
        } else {
            "nothing"
        };
        let case = Case {
            failure,
            how,
            sign,
            end: "nobody has noticed",
            ..UNNOTICED
        };
        let before = Cell::new(None);
        let hooks = Hooks {
            fail: &mut || {
                before.set(fixture.refused()?);
                let found = put(fixture, &request)?;
                ensure!(
                    found == status,
                    "the intake answered {found} instead of {status}"
                );
                let stray = read(&Tokens::of_server("stray-eddsa").bearer(0)?);
                comes_to(fixture.main, 401, &stray)
            },
            look: &mut || {
                ensure!(
                    !counts || fixture.refused()? > before.get(),
                    "nothing counts"
                );
                let says = fixture
                    .proxy
                    .borrow()
                    .envoy()?
                    .log()
                    .contains("a pushed key set is refused: ");
                ensure!(!counts || says, "the log does not say so");
                Ok(())
            },
            mend: &mut || Ok(()),
        };
        fixture.play(&case, hooks, page)?;
    }
    Ok(())
}

fn overwritten(fixture: &Fixture, page: &mut Page) -> Result<()> {
    if !foreign::is_possible() {
        return Ok(());
    }
    let case = Case {
        failure: "another plugin writes over our shared data",
        how: "over the pushed set, in a store that it shares",
        sign: "`registry_auth_keys_push_refused` and `registry_auth_shim_pushes_total` (`stored`) count",
        end: "nobody has noticed; the shim pushes again",
        ..UNNOTICED
    };
    let refused = || fixture.proxy.borrow().metric(&["keys.push_refused"]);
    let foreign = fixture.proxy.borrow().envoy()?.listener("foreign")?;
    let (before, stored) = (Cell::new(None), Cell::new(0));
    let hooks = Hooks {
        fail: &mut || {
            before.set(refused()?);
            stored.set(fixture.counted("pushes", "stored")?);
            until("a refused set", || {
                client::send(foreign, &Request::new("GET", "/"), PATIENCE)?;
                Ok(refused()? > before.get())
            })
        },
        look: &mut || {
            until("a push", || {
                Ok(fixture.counted("pushes", "stored")? > stored.get())
            })
        },
        mend: &mut || Ok(()),
    };
    fixture.play(&case, hooks, page)
}
