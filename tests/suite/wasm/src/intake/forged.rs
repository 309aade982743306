//! What an intake refuses, and that nothing changes then.

use registry_auth_harness::client::Request;
use registry_auth_harness::push;
use registry_auth_harness::substrate::PUSH_KEY;
use registry_auth_vm::Progress;
use serde_json::{Value, json};

use super::{OTHER_KEY, Proxy, SET, STORED, open, payload, status, with};
use crate::Outcome;

#[test]
fn what_is_forged_old_over_or_malformed_is_refused_and_the_old_set_stays_in_the_module() -> Outcome
{
    let mut proxy = Proxy::start()?;
    let now = proxy.intake.now();
    let first = payload(now, "es256", 0)?;
    let generation = u64::try_from(now.millis()).unwrap_or_default();
    assert_eq!(proxy.held()?, (0, false));
    assert_eq!(
        status(&mut proxy.filter, "es256")?,
        503,
        "nothing was pushed"
    );
    assert_eq!(proxy.held()?, (0, true));
    assert_eq!(proxy.push(&first)?, 200);
    assert_eq!(proxy.held()?.0, generation);
    assert_eq!(status(&mut proxy.filter, "es256")?, 200);

    let newer = payload(now, "eddsa", 1)?;
    let put = |payload: &Value, envelope: &str| push::put(SET, payload, envelope, now);
    let changed = |name: &str, value: Value| {
        let payload = with(&newer, name, value);
        put(&payload, &push::seal(&payload, PUSH_KEY))
    };
    let private = with(&newer, "set", json!("mint:us-east-1/mint"));
    let (good, other) = (push::seal(&newer, PUSH_KEY), push::seal(&first, PUSH_KEY));
    let (signed, _) = good.rsplit_once('.').unwrap_or_default();
    let (_, mac) = other.rsplit_once('.').unwrap_or_default();
    let says = |name: &str, value: Value| {
        let says = json!({"v": 2, "set": SET, "nonce": "AAAAAAAAAAAAAAAAAAAAAA", "at": now.secs(), "gen": newer["gen"]});
        push::proven("PUT", SET, &with(&says, name, value), PUSH_KEY)
            .body(good.clone().into_bytes())
    };
    let bare = |path: &str| Request::new("PUT", path).body(good.clone().into_bytes());
    let in_path = |path: &str| {
        let mut request = put(&newer, &good);
        request.target = path.as_bytes().to_vec();
        request
    };
    let rows = [
        (
            "an envelope with another push key",
            put(&newer, &push::seal(&newer, OTHER_KEY)),
            401,
        ),
        (
            "the MAC of another envelope",
            put(&newer, &format!("{signed}.{mac}")),
            401,
        ),
        ("no MAC", put(&newer, &format!("{signed}.")), 401),
        ("no envelope", put(&newer, "tops3cret"), 400),
        ("nothing", put(&newer, ""), 400),
        ("the former version", changed("v", json!(1)), 400),
        ("another version", changed("v", json!(3)), 400),
        (
            "another set than in the path",
            changed("set", json!("secret:us-east-1/keys")),
            400,
        ),
        (
            "a private set under another name",
            put(&newer, &push::seal(&private, PUSH_KEY)),
            400,
        ),
        (
            "another generation than the request says",
            put(&first, &good),
            400,
        ),
        ("no keys", changed("keys", json!({"keys": []})), 400),
        (
            "no usable keys",
            changed("keys", json!({"keys": [{"kty": "oct", "k": "tops3cret"}]})),
            400,
        ),
        ("the same generation", put(&first, &other), 409),
        (
            "an older generation",
            changed("gen", json!(now.millis() - 1)),
            409,
        ),
        (
            "a generation of the future",
            changed("gen", json!(now.millis() + 360_000)),
            400,
        ),
        (
            "the greatest generation",
            changed("gen", json!(u64::MAX)),
            400,
        ),
        ("its end is now", changed("exp", json!(now.secs())), 410),
        (
            "it would last too long",
            changed("exp", json!(now.secs() + 32 * 86_400)),
            400,
        ),
        ("too large", put(&newer, &"a".repeat(1024 * 1024 + 1)), 413),
        (
            "no request that proves anything",
            bare(&push::path(SET)),
            401,
        ),
        (
            "an invalid credential",
            bare(&push::path(SET)).header("authorization", "Bearer tops3cret"),
            401,
        ),
        (
            "a proof of another push key",
            push::proven("PUT", SET, &json!({"v": 2}), OTHER_KEY),
            401,
        ),
        (
            "a proof for another set",
            says("set", json!("secret:us-east-1/keys")),
            401,
        ),
        ("a proof of a question", says("gen", Value::Null), 401),
        ("a proof of the former version", says("v", json!(1)), 401),
        (
            "a proof that is replayed",
            says("at", json!(now.secs() - 360)),
            401,
        ),
        (
            "a proof of the future",
            says("at", json!(now.secs() + 360)),
            401,
        ),
        (
            "a nonce that can be guessed",
            says("nonce", json!("AAAA")),
            401,
        ),
        ("no name", in_path("/keys/v2/"), 404),
        (
            "a name that is too long",
            in_path(&push::path(&"x".repeat(513))),
            404,
        ),
        ("a query", in_path(&format!("{}?x", push::path(SET))), 404),
        ("another path", in_path("/v2/"), 404),
        ("version 1 of the protocol", in_path("/v1/keys/bearer"), 501),
    ];
    let mut refused = 0;
    for (name, request, expected) in rows {
        assert_eq!(proxy.put(&request)?, expected, "{name}");
        assert_eq!(proxy.held()?.0, generation, "{name}");
        refused += u64::from(!matches!(expected, 404 | 413 | 501));
    }
    assert_eq!(
        proxy.ask(&Request::new("POST", &push::path(SET)))?.status,
        405
    );
    assert_eq!(
        proxy.intake.metric("registry_auth.intake.refused"),
        Some(refused)
    );
    assert_eq!(
        proxy.intake.metric("registry_auth.intake.accepted"),
        Some(1)
    );
    assert_eq!(status(&mut proxy.filter, "es256")?, 200);
    assert_eq!(
        status(&mut proxy.filter, "eddsa")?,
        503,
        "nobody has looked it up"
    );
    for vm in [&proxy.intake, &proxy.filter] {
        assert!(
            vm.log()
                .iter()
                .all(|line| !line.contains("tops3cret") && !line.contains(PUSH_KEY)),
            "{:?}",
            vm.log()
        );
    }

    assert_eq!(proxy.push(&newer)?, 200);
    assert_eq!(status(&mut proxy.filter, "eddsa")?, 200);
    let old = open(&mut proxy.filter, "es256")?;
    assert_eq!(
        proxy.filter.progress(old)?,
        Progress::Waiting,
        "the new set replaces the old one"
    );
    Ok(())
}

#[test]
fn whatever_another_plugin_writes_over_a_set_is_not_used_and_the_set_comes_back_in_the_module()
-> Outcome {
    let now = Proxy::start()?.intake.now();
    let old = push::seal(&payload(now, "stray-es256", -1_000)?, PUSH_KEY);
    let good = payload(now, "es256", 0)?;
    let forged = push::seal(&payload(now, "stray-es256", 1_000)?, OTHER_KEY);
    let foreign = push::seal(
        &with(
            &payload(now, "stray-es256", 1_000)?,
            "set",
            json!("secret:us-east-1/keys"),
        ),
        PUSH_KEY,
    );
    // (what is written, whether the MAC gives it away)
    let rows = [
        ("garbage", "tops3cret", true),
        ("nothing", "", false),
        ("a forged set", &forged, true),
        ("another set's envelope", &foreign, true),
        ("an earlier envelope of the set", &old, false),
    ];
    for (name, written, noticed) in rows {
        let mut proxy = Proxy::start()?;
        assert_eq!(proxy.push(&good)?, 200);
        assert_eq!(status(&mut proxy.filter, "es256")?, 200, "{name}");
        proxy
            .setup
            .shared
            .set(STORED, written.as_bytes().to_vec(), 0)
            .map_err(|error| anyhow::anyhow!("{error:?}"))?;
        // What is held stays, and what was written lets nobody in.
        assert_eq!(status(&mut proxy.filter, "es256")?, 200, "{name}");
        assert_eq!(status(&mut proxy.filter, "stray-es256")?, 503, "{name}");
        assert_eq!(
            proxy
                .filter
                .metric("registry_auth.keys.push_refused")
                .is_some(),
            noticed,
            "{name}"
        );
        // The intake says that it holds less, so the shim pushes again what it has.
        assert!(
            proxy.held()?.0 < u64::try_from(now.millis()).unwrap_or_default(),
            "{name}"
        );
        assert_eq!(proxy.push(&good)?, 200, "{name}");
        assert_eq!(
            status(&mut proxy.another_filter()?, "es256")?,
            200,
            "{name}"
        );
        assert_eq!(status(&mut proxy.filter, "es256")?, 200, "{name}");
    }
    Ok(())
}
