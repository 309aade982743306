//! Host calls that fail.

use registry_auth_tests::client::Request;
use registry_auth_tests::host::{Fault, Status};
use registry_auth_tests::module::Compiled;
use registry_auth_tests::tls;
use registry_auth_tests::vm::{Progress, Setup, Vm};

use crate::Outcome;

const PRIVATE: &[u8] =
    br#"{"http": {"accessControl": {"repositories": {"public/**": {"anonymousPolicy": ["read"]}}}}}"#;
/// Anyone may read, but not with a certificate that names nobody.
const CERTIFICATES: &[u8] = br#"{"http": {"auth": {"failDelay": 1, "mtls": {}}, "accessControl": {"repositories": {"**": {"anonymousPolicy": ["read"]}}}}}"#;

#[test]
fn no_failing_host_call_lets_a_refused_request_through() -> Outcome {
    let request = Request::new("GET", "/v2/private/app/manifests/v1");
    fail_each(PRIVATE, &request)?;
    fail_each(CERTIFICATES, &Request { certificate: Some(tls::pem("nameless")?), ..request })
}

fn fail_each(configuration: &[u8], request: &Request) -> Outcome {
    let mut failed = 0;
    for after in 0.. {
        let mut vm = Vm::start(Compiled::built()?, Setup::of_scenarios(configuration))?;
        vm.fail(Some(Fault { after, status: Status::InternalFailure }));
        // A trap is fine: Envoy answers it with 5xx.
        if let Ok(id) = vm.open(request) {
            let progress = vm.progress(id)?;
            assert!(!matches!(progress, Progress::Forwarded(_)), "host call {after}: {progress:?}");
        }
        if !vm.has_failed() {
            break;
        }
        failed += 1;
    }
    assert!(failed > 1, "only {failed} host calls were made");
    Ok(())
}
