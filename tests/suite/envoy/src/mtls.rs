//! Client certificates, as far as scenarios cannot express it.

use std::time::Duration;

use registry_auth_cases::Outcome;
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::envoy::{Bootstrap, Envoy, Listener};
use registry_auth_harness::upstream::Upstream;
use registry_auth_harness::{module, tls};

const OPEN: &str = r#"{"http": {"auth": {"mtls": {}}, "accessControl": {"repositories": {"**": {"anonymousPolicy": ["read"], "policies": [{"users": ["alice"], "actions": ["read"]}]}}}}}"#;
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_certificate_of_a_stranger_does_not_get_through_envoys_handshake() -> Outcome {
    let upstream = Upstream::start()?;
    let envoy = Envoy::start(&Bootstrap {
        module: module::path()?,
        listeners: vec![Listener {
            name: "tls".to_owned(),
            configuration: OPEN.to_owned(),
            vm_id: "tls".to_owned(),
            secured: true,
            cluster: Some("upstream".to_owned()),
            ..Listener::default()
        }],
        clusters: vec![("upstream".to_owned(), upstream.address())],
        environment: Vec::new(),
    })?;
    let request = |name| {
        anyhow::Ok(Request {
            certificate: Some(tls::pem(name)?),
            ..Request::new("GET", "/v2/a/tags/list")
        })
    };
    let address = envoy.listener("tls")?;
    assert!(client::send_over_tls(address, &request("stray")?, PATIENCE).is_err());
    assert_eq!(upstream.requests(), 0);
    assert_eq!(
        client::send_over_tls(address, &request("alice")?, PATIENCE)?.status,
        200
    );
    Ok(())
}
