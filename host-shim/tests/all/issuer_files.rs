//! How long keys of issuers live, and the files that are read for them.

use serde_json::json;

use crate::http::Answer;
use crate::intake::Intake;
use crate::issuer::{Fault, Issuer, certificate};
use crate::issuers::{configuration, start, trusting};
use crate::sample::{FIRST, THIRD, jwk, with};
use crate::shim::{Folder, Launch, Shim, text};

#[tokio::test]
async fn an_issuer_says_how_long_its_keys_may_be_cached() {
    // (Cache-Control, maxStale, seconds to the next fetch)
    let rows = [
        (Some("public, max-age=3600"), "4h", 3600),
        (Some("max-age=3600"), "1h", 1800),
        (Some("max-age=86400"), "4h", 3600),
        (Some("max-age=120"), "1h", 120),
        (Some("max-age=0"), "1h", 60),
        (Some("no-store"), "1h", 300),
        (None, "1h", 300),
    ];
    let folder = Folder::new().unwrap();
    for (cache_control, max_stale, expected) in rows {
        let issuer = Issuer::start().await.unwrap();
        let body = json!({"keys": [jwk("a", FIRST).unwrap()]}).to_string();
        let headers = cache_control
            .iter()
            .map(|value| ("cache-control", (*value).to_owned()))
            .collect();
        issuer.fault(Some(Fault::Keys(Answer {
            status: 200,
            headers,
            body,
            ..Answer::default()
        })));
        let entry = with(&issuer.entry(&trusting()), &json!({"maxStale": max_stale}));
        let socket = format!("unix:{}", folder.path("nowhere.sock").display());
        let launch = Launch {
            configuration: &configuration(&[entry]),
            intakes: &[&socket],
            ..Launch::default()
        };
        let shim = Shim::launch(launch).unwrap();
        shim.says(&["refreshed the keys"]).await.unwrap();
        let log = shim.log().unwrap();
        let next = log
            .iter()
            .find_map(|line| line.get("next_s")?.as_u64())
            .unwrap();
        assert!(
            next <= expected && next >= expected * 9 / 10,
            "{cache_control:?} {max_stale}: {next}"
        );
    }
}

#[tokio::test]
async fn an_outage_ends_the_keys_at_max_stale_and_the_next_success_brings_them_back() {
    let issuer = Issuer::start().await.unwrap();
    issuer.publish(&[("a", FIRST)]).unwrap();
    let entry = with(&issuer.entry(&trusting()), &json!({"maxStale": "2s"}));
    let intake = Intake::tcp().await.unwrap();
    let shim = start(&configuration(&[entry]), &intake).unwrap();
    intake.holds_in(&issuer.set(), &["a"]).await.unwrap();
    issuer.fault(Some(Fault::Both((500, String::new()).into())));
    shim.says(&["the keys are older than maxStale"])
        .await
        .unwrap();
    issuer.publish(&[("c", THIRD)]).unwrap();
    issuer.fault(None);
    intake.holds_in(&issuer.set(), &["c"]).await.unwrap();
}

#[tokio::test]
async fn files_may_be_unreadable_for_a_while_and_a_replaced_ca_is_used_by_the_next_fetch() {
    let issuer = Issuer::start().await.unwrap();
    issuer.publish(&[("a", FIRST)]).unwrap();
    let folder = Folder::new().unwrap();
    let other = std::fs::read_to_string(certificate("ca")).unwrap();
    let ours = std::fs::read_to_string(certificate("issuer-ca")).unwrap();
    let (ca, token) = (
        folder.write("ca", &other).unwrap(),
        folder.write("token", "tops3cret").unwrap(),
    );
    let members = json!({"certificateAuthorityFile": ca, "tokenFile": token});
    let intake = Intake::tcp().await.unwrap();
    let shim = start(&configuration(&[issuer.entry(&members)]), &intake).unwrap();
    shim.says(&["invalid peer certificate"]).await.unwrap();
    std::fs::remove_file(&token).unwrap();
    shim.says(&[
        "`tokenFile` cannot be used: cannot read",
        text(&token).unwrap(),
    ])
    .await
    .unwrap();
    folder.write("ca", &ours).unwrap();
    folder.write("token", "tops3cret").unwrap();
    intake.holds_in(&issuer.set(), &["a"]).await.unwrap();
}
