//! The hooks, as Envoy calls them.

use std::ffi::c_void;
use std::ptr;

use registry_auth_filter::embed;

use super::declared::{ADDED, Buffer, Request, SCHEDULERS};
use super::handles::{Config, Stream};
use super::hooks;
use crate::guard;
use crate::host::HOST;
use crate::metrics::{self, Kept};

const POLICY: &str =
    r#"{"http": {"accessControl": {"repositories": {"open/**": {"anonymousPolicy": ["read"]}}}}}"#;
const DELAYED: &str = r#"{"http": {"auth": {"failDelay": 1, "bearer": {"realm": "https://a.test/token", "service": "a", "oidc": [{"issuer": "https://a.test", "audiences": ["a"], "claimMapping": {"username": "claims.sub"}}]}}}, "proxy": {"oidcCluster": "issuers"}}"#;

fn text(text: &str) -> Buffer {
    Buffer {
        place: text.as_ptr(),
        length: text.len(),
    }
}

/// A configuration, until it is dropped.
struct Plugin(*const c_void);

impl Plugin {
    fn new(configuration: &str) -> Option<Self> {
        embed::start(&HOST);
        let shown = hooks::config_new(Config::fake(), text("main/group"), text(configuration));
        (!shown.is_null()).then_some(Self(shown))
    }

    /// Sends a request; gives the status for Envoy, and the request with what came of it.
    fn send(&self, headers: &[(&str, &str)], body: Option<&[u8]>) -> (u32, Box<Request>) {
        let mut request = Box::<Request>::default();
        request.is_routed = true;
        request.headers = headers
            .iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
            .collect();
        let stream = Stream::fake(ptr::from_mut(&mut *request).cast());
        let shown = hooks::filter_new(self.0, stream);
        let mut status = hooks::request_headers(stream, shown, body.is_none());
        if let Some(body) = body {
            let (first, last) = body.split_at(body.len() / 2);
            first.clone_into(&mut request.body);
            status = hooks::request_body(stream, shown, false);
            first.clone_into(&mut request.held);
            last.clone_into(&mut request.body);
            status |= hooks::request_body(stream, shown, true);
        }
        hooks::stream_complete(stream, shown);
        hooks::filter_destroy(shown);
        (status, request)
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        hooks::config_destroy(self.0);
    }
}

const GET: [(&str, &str); 2] = [(":method", "GET"), (":path", "/v2/open/app/tags/list")];

#[test]
fn a_request_is_granted_or_answered_once() {
    let plugin = Plugin::new(POLICY).unwrap();
    let (status, request) = plugin.send(&[GET[0], GET[1], ("x-http-method", "PUT")], None);
    assert_eq!((status, request.status), (0, 0));
    assert!(
        request
            .headers
            .iter()
            .all(|(name, _)| name != b"x-http-method"),
        "it was removed"
    );
    assert!(!request.is_routed, "the route is chosen again");
    let (status, request) = plugin.send(&[GET[0], (":path", "/v2/other/tags/list")], None);
    assert_eq!((status, request.status), (1, 401));
    let (_, request) = plugin.send(&[(":method", "PUT"), GET[1]], Some(b"0123456789"));
    assert_eq!(request.status, 405);
    let (status, request) = plugin.send(&GET, Some(b"0123456789"));
    assert_eq!((status, request.status), (0, 0), "a body goes on");
}

#[test]
fn a_client_of_grpc_is_told_that_it_is_refused() {
    let plugin = Plugin::new(POLICY).unwrap();
    let other = (":path", "/v2/other/tags/list");
    for (content_type, expected) in [("application/grpc", Some("16")), ("text/plain", None)] {
        let request = [GET[0], other, ("content-type", content_type)];
        let (_, request) = plugin.send(&request, None);
        let named = |(name, _): &&(Vec<u8>, Vec<u8>)| name == b"grpc-status";
        let status = request.reply_headers.iter().find(named);
        let expected = expected.map(str::as_bytes);
        assert_eq!(
            status.map(|(_, value)| &**value),
            expected,
            "{content_type}"
        );
    }
    let panics = [
        GET[0],
        GET[1],
        ("x-registry-auth-panic", "1"),
        ("content-type", "application/grpc"),
    ];
    let (_, request) = plugin.send(&panics, None);
    assert!(
        request
            .reply_headers
            .contains(&(b"grpc-status".into(), b"2".into()))
    );
}

#[test]
fn a_panic_is_answered_and_counted() {
    let plugin = Plugin::new(POLICY).unwrap();
    guard::take_panics();
    let (status, request) = plugin.send(&[GET[0], GET[1], ("x-registry-auth-panic", "1")], None);
    assert_eq!((status, request.status), (1, 500));
    assert!(guard::take_panics() > 0);
    assert_eq!(plugin.send(&GET, None).1.status, 0, "the next is served");
}

#[test]
fn a_request_that_waits_can_be_reached_until_it_ends() {
    let plugin = Plugin::new(DELAYED).unwrap();
    let held = SCHEDULERS.get();
    let (status, request) = plugin.send(&[GET[0], GET[1], ("authorization", "Bearer x")], None);
    assert_eq!((status, request.status), (4, 0), "it waits for its delay");
    assert_eq!(SCHEDULERS.get(), held, "its scheduler was deleted");
}

#[test]
fn a_counter_is_kept_by_each_configuration_and_counted_once() {
    const COUNTER: u32 = 0;
    let number = metrics::define(COUNTER, b"registry_auth.logins.failed").unwrap();
    let numbers = metrics::define_all(Config::fake());
    let kept = [Kept::default(), Kept::default()];
    let passed_on = |kept| {
        ADDED.take();
        metrics::pass_on(Config::fake(), &numbers, kept);
        ADDED.take()
    };
    let [first, second] = &kept;
    assert!(!passed_on(first).contains(&7), "nothing was counted");
    metrics::add(number, 7);
    assert!(passed_on(first).contains(&7));
    let others = passed_on(second);
    assert!(others.contains(&0) && !others.contains(&7), "{others:?}");
    assert!(!passed_on(second).contains(&0), "it has it");
}

#[test]
fn a_wrong_configuration_is_refused() {
    for wrong in [
        "",
        "{",
        "null",
        r#"{"http": {"auth": {"mtls": {"identityAttributes": ["Email"]}}}}"#,
    ] {
        assert!(Plugin::new(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn a_request_that_could_not_be_made_is_answered() {
    let mut request = Box::<Request>::default();
    let stream = Stream::fake(ptr::from_mut(&mut *request).cast());
    assert_eq!(hooks::request_headers(stream, ptr::null(), true), 1);
    assert_eq!(request.status, 500);
    assert_eq!(hooks::request_body(stream, ptr::null(), true), 1);
    hooks::stream_complete(stream, ptr::null());
    hooks::filter_destroy(ptr::null());
}
