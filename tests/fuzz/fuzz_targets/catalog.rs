//! A page of the upstream's catalog: query, `Link` and body, each ending with a line end but the
//! last. The answer names what may be read and nothing else, and only the upstream's catalog is
//! asked for more.

#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use registry_auth_engine::catalog::{Listing, MAX_ENTRIES, UpstreamPage};
use registry_auth_engine::decision::Verdict;
use registry_auth_engine::facts::{Gathered, Need};
use registry_auth_engine::request::RequestHead;
use registry_auth_fuzz::site::Site;
use registry_auth_fuzz::work;
use serde_json::{Value, json};

thread_local! {
    static SITE: LazyCell<Site> = LazyCell::new(|| Site::new(&json!({
        "http": { "accessControl": { "repositories": { "public/**": { "anonymousPolicy": ["read"] } } } },
        "proxy": { "upstreamCluster": "registry" },
    })));
}

fuzz_target!(|input: &[u8]| {
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let (query, link, body) = (
        lines.next().unwrap_or_default(),
        lines.next(),
        lines.next().unwrap_or_default(),
    );
    let target = [b"/v2/_catalog?", query].concat();
    let page = UpstreamPage {
        status: 200,
        link: link.map(<[u8]>::to_vec),
        body: body.to_vec(),
    };
    SITE.with(|site| {
        let Some(listing) = ask(site, &target, None) else {
            return;
        };
        // The page is copied, read twice, and its names are asked for one by one.
        let most = 256 * 1024 + 2_000 * input.len();
        let Some(next) = work::bounded(most, || ask(site, &target, Some((listing, page.clone()))))
        else {
            return;
        };
        // The link that leads to itself ends it.
        assert_eq!(ask(site, &target, Some((next, page.clone()))), None);
    });
});

/// What to ask the upstream for next, if there is no answer yet.
fn ask(site: &Site, target: &[u8], catalog: Option<(Listing, UpstreamPage)>) -> Option<Listing> {
    let head = RequestHead {
        method: b"GET",
        path: target,
        ..RequestHead::default()
    };
    match site.decide(
        &head,
        &Gathered {
            catalog,
            ..Gathered::default()
        },
    ) {
        Verdict::Need(Need::Catalog(listing)) => {
            let target = listing.target();
            assert!(
                target.starts_with("/v2/_catalog?n=") && target.matches('&').count() <= 1,
                "{target}"
            );
            assert!(
                target
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && byte != b'#'),
                "{target}"
            );
            Some(listing)
        }
        Verdict::Reply(answer) => {
            let body: Value = serde_json::from_slice(&answer.reply.body).expect("JSON");
            let names = body["repositories"].as_array().expect("a list");
            assert!(names.len() <= MAX_ENTRIES);
            assert!(
                names.iter().filter_map(Value::as_str).all(is_open),
                "{names:?}"
            );
            None
        }
        Verdict::Deny(_) => None,
        other => panic!("{other:?}"),
    }
}

/// What everybody may read here.
fn is_open(name: &str) -> bool {
    name == "public" || name.starts_with("public/")
}
