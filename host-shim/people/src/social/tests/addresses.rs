//! Rows of the addresses that browsers are sent to.

use super::rows;
use crate::social::end_session;
use crate::social::{AllowedOrigins, External};

#[test]
fn a_browser_returns_only_where_it_may() {
    for row in rows("callback-ui") {
        let origins = row.input["allowOrigins"].as_array().unwrap();
        let origins = AllowedOrigins::new(origins.iter().map(|origin| origin.as_str().unwrap()));
        let result = origins.checked(row.input["callback_ui"].as_str().unwrap());
        assert_eq!(result, row.expect["result"], "{}", row.id);
    }
}

#[test]
fn encoded_dots_and_bytes_are_no_way_out() {
    let origins = AllowedOrigins::new(["https://example.com"]);
    for (callback_ui, expected) in [
        ("/%2e%2e//evil.example", "/"),
        ("/a/%2E./b", "/"),
        ("/%ff", "/"),
        ("https://example.com/../x", "/"),
        ("https://example.com//x", "/"),
        ("https://example.com/x?y=..", "https://example.com/x?y=.."),
        ("/a..b/c.", "/a..b/c."),
    ] {
        assert_eq!(origins.checked(callback_ui), expected, "{callback_ui}");
    }
}

#[test]
fn the_callback_is_the_registered_one() {
    for row in rows("openid-redirect") {
        let text = |name: &str| row.input[name].as_str().unwrap();
        let external = match row.input.get("externalUrl") {
            Some(_) => External::new(text("externalUrl")),
            None => External::of_listener(text("address"), text("port"), false),
        };
        let redirect_uri = external.unwrap().redirect_uri("oidc");
        assert_eq!(redirect_uri, row.expect["redirect_uri"], "{}", row.id);
    }
    let external = External::of_listener("::1", "5000", true).unwrap();
    assert_eq!(
        external.redirect_uri("gitlab"),
        "https://[::1]:5000/zot/auth/callback/gitlab"
    );
    assert_eq!(external.shown(Some("reg.example:8080")), "reg.example:8080");
    assert_eq!(external.shown(None), "[::1]:5000");
    let external = External::new("https://reg.example/sub/").unwrap();
    assert_eq!(external.shown(Some("other.example")), "reg.example");
    assert_eq!(external.prefix(), "/sub");
}

#[test]
fn a_browser_ends_its_session_at_the_provider() {
    for row in rows("openid-logout") {
        let text = |name: &str| row.input[name].as_str().unwrap();
        let external = External::new(text("externalUrl")).unwrap();
        let url = end_session::url(
            Some(text("end_session_endpoint")),
            text("client_id"),
            &external.after_logout(),
        );
        assert_eq!(url.unwrap_or_default(), row.expect["url"], "{}", row.id);
    }
}
