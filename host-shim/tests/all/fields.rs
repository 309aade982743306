//! Intakes that read no request bodies: the envelope goes in header fields.

use serde_json::json;

use crate::intake::Intake;
use crate::issuer::{Issuer, certificate};
use crate::issuers::configuration;
use crate::sample::FIRST;
use crate::shim::{Launch, Shim};

#[tokio::test]
async fn an_intake_that_reads_no_bodies_gets_its_keys_in_header_fields_if_they_fit() {
    let issuer = Issuer::start().await.unwrap();
    // (number of keys, pieces; none if they do not fit)
    let rows = [(1, Some(1)), (60, Some(2)), (400, None), (2, Some(1))];
    let (with_bodies, without) = (Intake::tcp().await.unwrap(), Intake::tcp().await.unwrap());
    without.reads_no_bodies();
    let names: Vec<String> = (0..400).map(|number| format!("key-{number:03}")).collect();
    let publish = |count: usize| {
        let keys = names.iter().take(count).map(|name| (name.as_str(), FIRST));
        issuer.publish(&keys.collect::<Vec<_>>()).unwrap();
    };
    publish(rows[0].0);
    let members = json!({"certificateAuthorityFile": certificate("issuer-ca")});
    let launch = Launch {
        configuration: &configuration(&[issuer.entry(&members)]),
        intakes: &[with_bodies.url(), without.url()],
        ..Launch::default()
    };
    let shim = Shim::launch(launch).unwrap();
    let mut before: Vec<&str> = Vec::new();
    for (count, pieces) in rows {
        publish(count);
        with_bodies.want_in(&issuer.set());
        let expected: Vec<&str> = names.iter().take(count).map(String::as_str).collect();
        with_bodies
            .holds_in(&issuer.set(), &expected)
            .await
            .unwrap();
        if pieces.is_some() {
            before = expected;
        } else {
            shim.says(&[
                "pushing to an intake failed",
                "the set is too large for header fields",
                without.url(),
            ])
            .await
            .unwrap();
        }
        without.holds_in(&issuer.set(), &before).await.unwrap();
        if let Some(pieces) = pieces {
            assert_eq!(without.pieces(), pieces, "{count} keys");
        }
    }
    assert_eq!(with_bodies.pieces(), 0);
    for intake in [&with_bodies, &without] {
        assert_eq!(intake.refusals(), [0u16; 0]);
    }
    assert_eq!(shim.end("TERM").await.unwrap(), Some(0));
}
