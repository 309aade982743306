//! `registry-auth serve` with secrets of AWS Secrets Manager.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::net::TcpListener;

use crate::http::{self, Listener};
use crate::intake::Intake;
use crate::moto::Moto;
use crate::sample::{FIRST, SECOND, THIRD, secret};
use crate::shim::{Folder, Shim, configuration};

#[tokio::test]
#[ignore = "needs moto: run `cargo xtask test --only shim`"]
async fn keys_arrive_and_rotated_ones_follow_without_a_restart() {
    let moto = Moto::shared().unwrap();
    moto.create("rotation", &secret(&[("a", FIRST)]))
        .await
        .unwrap();
    let intake = Intake::tcp().await.unwrap();
    let shim = Shim::start(
        &configuration("rotation", "1s", false),
        &moto.endpoint(),
        intake.url(),
    )
    .unwrap();
    intake.holds(&["a"]).await.unwrap();

    moto.put("rotation", &secret(&[("a", FIRST), ("b", SECOND)]))
        .await
        .unwrap();
    intake.holds(&["a", "b"]).await.unwrap();
    moto.put("rotation", &secret(&[("b", SECOND)]))
        .await
        .unwrap();
    intake.holds(&["b"]).await.unwrap();
    assert_eq!(intake.refusals(), [0u16; 0]);
    assert_eq!(shim.end("TERM").await.unwrap(), Some(0));
}

#[tokio::test]
#[ignore = "needs moto: run `cargo xtask test --only shim`"]
async fn a_signing_key_is_pushed_in_addition_to_verification_keys() {
    let moto = Moto::shared().unwrap();
    let path = |name: &str| {
        format!(
            "{}/../tests/fixtures/keys/{name}.pem",
            env!("CARGO_MANIFEST_DIR")
        )
    };
    let [signs, next] =
        ["stray-es256", "next-es256"].map(|name| std::fs::read_to_string(path(name)).unwrap());
    moto.create("next-to-mint", &secret(&[("a", FIRST)]))
        .await
        .unwrap();
    moto.create("mint", &signs).await.unwrap();
    let mut configuration = configuration("next-to-mint", "1s", false);
    let bearer = &mut configuration["http"]["auth"]["bearer"];
    bearer["realm"] = json!("https://registry.example.com/auth/token");
    bearer["mint"] = json!({
        "issuer": "minted", "keyId": "own",
        "awsSecretsManager": { "region": "us-east-1", "secretName": "mint", "refreshInterval": "1s" }
    });
    let intake = Intake::tcp().await.unwrap();
    let shim = Shim::start(&configuration, &moto.endpoint(), intake.url()).unwrap();
    intake.holds(&["a"]).await.unwrap();
    intake.holds_in("mint", &["own"]).await.unwrap();
    assert_eq!(
        intake.names(),
        ["mint:us-east-1/mint", "secret:us-east-1/next-to-mint"]
    );

    // The next signing key is published after the current one.
    moto.put("mint", &format!("{signs}{next}")).await.unwrap();
    intake.holds_in("mint", &["own", "own"]).await.unwrap();
    moto.put("mint", &secret(&[("a", FIRST)])).await.unwrap();
    shim.says(&[
        "refreshing the keys failed",
        "it holds a PEM block `PUBLIC KEY`",
        "mint",
    ])
    .await
    .unwrap();
    intake.holds_in("mint", &["own", "own"]).await.unwrap();
    assert_eq!(intake.refusals(), [0u16; 0]);
    assert_eq!(shim.end("TERM").await.unwrap(), Some(0));
}

#[tokio::test]
#[ignore = "needs moto: run `cargo xtask test --only shim`"]
async fn an_intake_that_restarts_has_its_keys_again() {
    let moto = Moto::shared().unwrap();
    moto.create("restart", &secret(&[("a", FIRST)]))
        .await
        .unwrap();
    let folder = Folder::new().unwrap();
    let socket = folder.path("intake.sock");
    let intake = Intake::unix(&socket).unwrap();
    // The interval is long: the query each second restores the keys, not a refresh.
    let shim = Shim::start(
        &configuration("restart", "1h", false),
        &moto.endpoint(),
        intake.url(),
    )
    .unwrap();
    intake.holds(&["a"]).await.unwrap();
    let generation = intake.generation();

    drop(intake);
    shim.says(&["pushing to an intake failed"]).await.unwrap();
    let intake = Intake::unix(&socket).unwrap();
    intake.holds(&["a"]).await.unwrap();
    assert_eq!(intake.generation(), generation);
    assert_eq!(shim.count(&["pushing to an intake failed"]).unwrap(), 1);
    assert_eq!(shim.end("INT").await.unwrap(), Some(0));
}

#[tokio::test]
#[ignore = "needs moto: run `cargo xtask test --only shim`"]
async fn a_secret_that_becomes_garbage_leaves_the_last_good_keys() {
    let moto = Moto::shared().unwrap();
    moto.create("garbage", &secret(&[("a", FIRST)]))
        .await
        .unwrap();
    let intake = Intake::tcp().await.unwrap();
    let shim = Shim::start(
        &configuration("garbage", "1s", false),
        &moto.endpoint(),
        intake.url(),
    )
    .unwrap();
    intake.holds(&["a"]).await.unwrap();

    moto.put("garbage", "tops3cret").await.unwrap();
    shim.says(&[
        "refreshing the keys failed",
        "the secret cannot be used",
        "true",
    ])
    .await
    .unwrap();
    intake.holds(&["a"]).await.unwrap();
    intake.hold(0);
    intake.holds(&["a"]).await.unwrap();
    moto.put("garbage", &secret(&[("b", SECOND)]))
        .await
        .unwrap();
    intake.holds(&["b"]).await.unwrap();
    shim.log().unwrap();
}

#[tokio::test]
#[ignore = "needs moto: run `cargo xtask test --only shim`"]
async fn what_is_wrong_with_a_secret_is_named() {
    let moto = Moto::shared().unwrap();
    moto.create_binary("binary", "dG9wczNjcmV0").await.unwrap();
    moto.create("list", r#"["tops3cret"]"#).await.unwrap();
    moto.create("nothing", "{}").await.unwrap();
    let rows = [
        (
            "binary",
            "the secret is stored as SecretBinary, it must be SecretString",
        ),
        ("list", "the secret cannot be used: it is an array"),
        ("nothing", "the secret cannot be used: it is empty"),
        (
            "missing",
            "Secrets Manager returned ResourceNotFoundException",
        ),
    ];
    for (name, message) in rows {
        let intake = Intake::tcp().await.unwrap();
        let shim = Shim::start(
            &configuration(name, "1s", false),
            &moto.endpoint(),
            intake.url(),
        )
        .unwrap();
        shim.says(&[message]).await.unwrap();
        assert_eq!(intake.generation(), 0, "{name}");
    }
}

#[tokio::test]
#[ignore = "needs moto: run `cargo xtask test --only shim`"]
async fn one_bad_entry_is_skipped_and_named() {
    let moto = Moto::shared().unwrap();
    moto.create("skipped", &secret(&[("bad", "tops3cret"), ("good", FIRST)]))
        .await
        .unwrap();
    let intake = Intake::tcp().await.unwrap();
    let shim = Shim::start(
        &configuration("skipped", "1s", false),
        &moto.endpoint(),
        intake.url(),
    )
    .unwrap();
    intake.holds(&["good"]).await.unwrap();
    shim.says(&["skipped an entry", "bad"]).await.unwrap();
    // A second refresh does not log the same entry again.
    let generation = intake.generation();
    crate::intake::eventually(|| (intake.generation() > generation).then_some(()))
        .await
        .unwrap();
    assert_eq!(shim.count(&["skipped an entry"]).unwrap(), 1);
}

#[tokio::test]
#[ignore = "needs moto: run `cargo xtask test --only shim`"]
async fn strict_refuses_the_whole_set_for_one_bad_entry() {
    let moto = Moto::shared().unwrap();
    moto.create("strict", &secret(&[("bad", "tops3cret"), ("good", FIRST)]))
        .await
        .unwrap();
    let intake = Intake::tcp().await.unwrap();
    let shim = Shim::start(
        &configuration("strict", "1s", true),
        &moto.endpoint(),
        intake.url(),
    )
    .unwrap();
    shim.says(&["the secret is refused because `strict` is set: `bad`"])
        .await
        .unwrap();
    assert_eq!(intake.generation(), 0);
    moto.put("strict", &secret(&[("good", FIRST)]))
        .await
        .unwrap();
    intake.holds(&["good"]).await.unwrap();
}

#[tokio::test]
#[ignore = "needs moto: run `cargo xtask test --only shim`"]
async fn aws_may_be_down_at_the_start() {
    let port = {
        let probe = TcpListener::bind("127.0.0.1:0").await.unwrap();
        probe.local_addr().unwrap().port()
    };
    let intake = Intake::tcp().await.unwrap();
    let endpoint = format!("http://127.0.0.1:{port}");
    let shim = Shim::start(&configuration("late", "1s", false), &endpoint, intake.url()).unwrap();
    shim.says(&["cannot reach Secrets Manager", "false"])
        .await
        .unwrap();
    let moto = Moto::start(port).unwrap();
    moto.create("late", &secret(&[("a", FIRST)])).await.unwrap();
    intake.holds(&["a"]).await.unwrap();
}

#[tokio::test]
#[ignore = "needs moto: run `cargo xtask test --only shim`"]
async fn a_wanted_key_is_fetched_before_the_interval_ends() {
    let moto = Moto::shared().unwrap();
    moto.create("wanted", &secret(&[("a", FIRST)]))
        .await
        .unwrap();
    let intake = Intake::tcp().await.unwrap();
    let _shim = Shim::start(
        &configuration("wanted", "1h", false),
        &moto.endpoint(),
        intake.url(),
    )
    .unwrap();
    intake.holds(&["a"]).await.unwrap();
    moto.put("wanted", &secret(&[("a", FIRST), ("c", THIRD)]))
        .await
        .unwrap();
    intake.want();
    intake.holds(&["a", "c"]).await.unwrap();
}

#[tokio::test]
async fn throttling_and_denial_are_named_and_end() {
    let refusal =
        |kind: &str, message: &str| (400, json!({"__type": kind, "message": message}).to_string());
    let answers = Mutex::new(VecDeque::from([
        refusal("ThrottlingException", "Rate exceeded"),
        refusal("AccessDeniedException", "not\nauthorized to perform it"),
        (500, "<html>tops3cret</html>".to_owned()),
    ]));
    let good = json!({"Name": "faulty", "SecretString": secret(&[("a", FIRST)])}).to_string();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let handler = move |_| {
        answers
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or_else(|| (200, good.clone()))
            .into()
    };
    let server = http::serve(Listener::Tcp(listener), Arc::new(handler));

    let intake = Intake::tcp().await.unwrap();
    let shim = Shim::start(
        &configuration("faulty", "1s", false),
        &endpoint,
        intake.url(),
    )
    .unwrap();
    intake.holds(&["a"]).await.unwrap();
    for part in [
        "ThrottlingException: Rate exceeded",
        "AccessDeniedException: not authorized to perform it",
    ] {
        assert_eq!(shim.count(&[part]).unwrap(), 1, "{part}");
    }
    assert_eq!(shim.count(&["refreshing the keys failed"]).unwrap(), 3);
    server.abort();
}
