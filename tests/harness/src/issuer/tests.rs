use crate::client::{self, Request as Get};

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn an_issuer_on_loopback_serves_its_documents_and_counts() {
    let (issuer, server) = Issuer::on_loopback(&["es256"]).unwrap();
    let response = client::send(server.address(), &Get::new("GET", DISCOVERY), PATIENCE).unwrap();
    let document: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(document["issuer"], issuer.url());
    let keys = document["jwks_uri"]
        .as_str()
        .unwrap()
        .strip_prefix(issuer.url())
        .unwrap();
    issuer.rotate(&["next-es256"]).unwrap();
    issuer.cache(Some("max-age=60"));
    let response = client::send(server.address(), &Get::new("GET", keys), PATIENCE).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&response.body).unwrap(),
        issuer.jwks()
    );
    assert_eq!(issuer.jwks()["keys"][0]["kid"], "next-es256");
    assert_eq!(response.header("cache-control"), Some("max-age=60".into()));
    assert_eq!(
        (
            issuer.requests(Endpoint::Discovery),
            issuer.requests(Endpoint::Keys)
        ),
        (1, 1)
    );
}

#[test]
fn faults_happen_at_their_endpoint_until_they_are_mended() {
    let (issuer, server) = Issuer::on_loopback(&["es256"]).unwrap();
    let get = |path| client::send(server.address(), &Get::new("GET", path), PATIENCE);
    issuer.fault(Endpoint::Keys, Some(Fault::Status(500)));
    assert_eq!(get(KEYS).unwrap().status, 500);
    assert_eq!(get(DISCOVERY).unwrap().status, 200);
    issuer.fault(Endpoint::Keys, Some(Fault::Body(b"<html>".to_vec())));
    assert_eq!(get(KEYS).unwrap().body, b"<html>");
    issuer.fault(Endpoint::Keys, Some(Fault::Reset));
    assert!(get(KEYS).is_err());
    issuer.fault(Endpoint::Keys, Some(Fault::Hang));
    let impatient = client::send(
        server.address(),
        &Get::new("GET", KEYS),
        Duration::from_millis(100),
    );
    assert!(impatient.is_err());
    issuer.fault(Endpoint::Keys, None);
    assert_eq!(get(KEYS).unwrap().status, 200);
}

#[test]
fn issuers_are_told_apart_by_host() {
    let issuers = Issuers::of_scenarios().unwrap();
    let server = issuers.clone().serve(Port::bind().unwrap()).unwrap();
    let get = |host: &str| {
        client::send(
            server.address(),
            &Get::new("GET", KEYS).header("host", host),
            PATIENCE,
        )
        .map(|answer| answer.body)
    };
    for host in ["issuer.test", "other.test"] {
        assert_eq!(
            serde_json::from_slice::<Value>(&get(host).unwrap()).unwrap(),
            issuers.at(host).unwrap().jwks()
        );
    }
    assert!(get("down.test").is_err());
}
