//! What issuers do wrong.

use std::time::Duration;

use registry_auth_harness::issuer::Fault;

use super::{Case, at_start};

/// Failures that an endpoint of an issuer can have.
pub(super) fn faults() -> Vec<(&'static str, Fault, Case)> {
    let row = |url, fault, failure, how| (url, fault, at_start(failure, how));
    let mut huge = br#"{"keys": []}"#.to_vec();
    huge.resize(1024 * 1024, b' ');
    vec![
        row(
            "http://closing.test",
            Fault::Reset,
            "issuer closes connections",
            "from the start",
        ),
        row(
            "http://late.test",
            Fault::Delay(Duration::from_secs(4)),
            "issuer is too slow",
            "4 seconds for each answer",
        ),
        row(
            "http://hanging.test",
            Fault::Hang,
            "issuer hangs",
            "never answers",
        ),
        row(
            "http://broken.test",
            Fault::Status(500),
            "issuer is broken",
            "answers 500",
        ),
        row(
            "http://unmodified.test",
            Fault::Status(304),
            "issuer answers 304",
            "though nothing was asked for by its tag",
        ),
        row(
            "http://huge.test",
            Fault::Body(huge),
            "issuer answers too much",
            "1 MiB",
        ),
        row(
            "http://garbage.test",
            Fault::Body(vec![0xff; 1000]),
            "issuer answers garbage",
            "1,000 bytes that are no text",
        ),
        row(
            "http://html.test",
            Fault::Body(b"<html>".to_vec()),
            "issuer answers HTML",
            "with status 200",
        ),
    ]
}
