//! Who is ahead of whom: several shims, an intake with another key, one that does not answer.

use tokio::net::TcpListener;

use crate::intake::{Intake, generation_in};
use crate::moto::Moto;
use crate::sample::{FIRST, SECOND, secret};
use crate::shim::{Folder, Launch, NOWHERE, Shim, configuration};

#[tokio::test]
#[ignore = "needs moto: run `cargo xtask test --only shim`"]
async fn another_shims_newer_set_is_overtaken_by_the_next_refresh() {
    let moto = Moto::shared().unwrap();
    moto.create("overtaken", &secret(&[("a", FIRST)]))
        .await
        .unwrap();
    let intake = Intake::tcp().await.unwrap();
    let theirs = generation_in(60_000);
    intake.hold(theirs);
    let _shim = Shim::start(
        &configuration("overtaken", "1s", false),
        &moto.endpoint(),
        intake.url(),
    )
    .unwrap();
    intake.holds(&["a"]).await.unwrap();
    assert!(intake.generation() > theirs);
}

#[tokio::test]
#[ignore = "needs moto: run `cargo xtask test --only shim`"]
async fn a_set_that_came_between_question_and_push_is_no_failure() {
    let moto = Moto::shared().unwrap();
    moto.create("raced", &secret(&[("a", FIRST)]))
        .await
        .unwrap();
    let intake = Intake::tcp().await.unwrap();
    intake.hold(generation_in(60_000));
    intake.lags(true);
    let shim = Shim::start(
        &configuration("raced", "1s", false),
        &moto.endpoint(),
        intake.url(),
    )
    .unwrap();
    crate::intake::eventually(|| intake.refusals().contains(&409).then_some(()))
        .await
        .unwrap();
    intake.lags(false);
    intake.holds(&["a"]).await.unwrap();
    assert_eq!(shim.count(&["pushing to an intake failed"]).unwrap(), 0);
}

#[tokio::test]
#[ignore = "needs moto: run `cargo xtask test --only shim`"]
async fn an_intake_with_another_push_key_is_logged_once() {
    let moto = Moto::shared().unwrap();
    moto.create("forged", &secret(&[("a", FIRST)]))
        .await
        .unwrap();
    let intake = Intake::tcp().await.unwrap();
    let launch = Launch {
        configuration: &configuration("forged", "1h", false),
        endpoint: &moto.endpoint(),
        intakes: &[intake.url()],
        push_key: "another-push-key-0123456789abcdef",
        ..Launch::default()
    };
    let shim = Shim::launch(launch).unwrap();
    crate::intake::eventually(|| (intake.refusals().len() > 2).then_some(()))
        .await
        .unwrap();
    assert_eq!(
        shim.count(&["status 401: the push keys differ"]).unwrap(),
        1
    );
    assert_eq!(intake.generation(), 0);
}

#[tokio::test]
#[ignore = "needs moto: run `cargo xtask test --only shim`"]
async fn an_envoy_that_hangs_or_is_not_there_holds_up_no_other() {
    let moto = Moto::shared().unwrap();
    moto.create("several", &secret(&[("a", FIRST)]))
        .await
        .unwrap();
    let folder = Folder::new().unwrap();
    let socket = folder.path("intake.sock");
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hanging = format!("http://{}", silent.local_addr().unwrap());
    let (tcp, unix) = (Intake::tcp().await.unwrap(), Intake::unix(&socket).unwrap());
    let launch = Launch {
        configuration: &configuration("several", "1s", false),
        endpoint: &moto.endpoint(),
        intakes: &[&hanging, NOWHERE, tcp.url(), unix.url()],
        ..Launch::default()
    };
    let shim = Shim::launch(launch).unwrap();
    for intake in [&tcp, &unix] {
        intake.holds(&["a"]).await.unwrap();
    }
    shim.says(&["pushing to an intake failed", "timed out", &hanging])
        .await
        .unwrap();
    shim.says(&["pushing to an intake failed", "connection failed", NOWHERE])
        .await
        .unwrap();
    moto.put("several", &secret(&[("b", SECOND)]))
        .await
        .unwrap();
    for intake in [&tcp, &unix] {
        intake.holds(&["b"]).await.unwrap();
    }
}
