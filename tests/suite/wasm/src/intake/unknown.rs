//! Tokens with a key that no set has: the filter requests a newer set, and refuses the token only
//! when that has arrived.

use super::*;
use crate::Outcome;

#[test]
fn an_unknown_key_is_wanted_until_a_newer_set_comes_in_the_module() -> Outcome {
    const MINUTE: i64 = 60_000;
    // Also of a shim whose clock is ahead.
    [-1, 4 * MINUTE]
        .into_iter()
        .try_for_each(wanted_until_it_comes)
}

fn wanted_until_it_comes(ahead: i64) -> Outcome {
    let mut proxy = Proxy::start()?;
    let now = proxy.intake.now();
    assert_eq!(proxy.push(&payload(now, "es256", ahead)?)?, 200);
    assert_eq!(status(&mut proxy.filter, "es256")?, 200);
    assert!(!proxy.held()?.1);
    assert_eq!(
        status(&mut proxy.filter, "next-es256")?,
        503,
        "nobody has looked it up"
    );
    assert!(proxy.held()?.1, "the filter wants a set with the key");
    let next = payload(proxy.filter.now(), "next-es256", ahead + 1)?;
    assert_eq!(proxy.push(&next)?, 200);
    assert!(!proxy.held()?.1);
    assert_eq!(status(&mut proxy.filter, "next-es256")?, 200);
    Ok(())
}

#[test]
fn an_unknown_key_is_called_bad_only_by_a_set_that_was_asked_for_after_its_request_came_in_the_module()
-> Outcome {
    for (key, wanted) in [("es256", 401), ("next-es256", 200)] {
        let mut proxy = Proxy::start()?;
        let now = proxy.intake.now();
        assert_eq!(proxy.push(&payload(now, "es256", -60_000)?)?, 200);
        assert_eq!(status(&mut proxy.filter, "es256")?, 200);
        let id = open(&mut proxy.filter, "next-es256")?;
        assert!(proxy.held()?.1, "{key}");
        // A refresh that the shim started before the request came.
        assert_eq!(proxy.push(&payload(now, "es256", -30_000)?)?, 200);
        proxy.filter.tick()?;
        assert_eq!(
            (proxy.filter.progress(id)?, proxy.held()?.1),
            (Progress::Waiting, false),
            "{key}"
        );
        proxy.filter.advance(LIMIT);
        proxy.filter.tick()?;
        assert_eq!(
            (proxy.filter.progress(id)?, proxy.held()?.1),
            (Progress::Waiting, true),
            "{key}: it is wanted again"
        );
        // One that was begun since.
        let later = payload(proxy.filter.now(), key, 0)?;
        assert_eq!(proxy.push(&later)?, 200);
        proxy.filter.tick()?;
        let status = match proxy.filter.progress(id)? {
            Progress::Answered(answer) => answer.status,
            Progress::Forwarded(_) => 200,
            Progress::Waiting => 0,
        };
        assert_eq!(status, wanted, "{key}");
    }
    Ok(())
}
