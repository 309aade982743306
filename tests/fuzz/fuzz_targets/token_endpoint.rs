//! A request for a token: query, values of `Authorization`, body, each ending with a line end but
//! the last. A credential that comes out was put in, and scopes are read the same when they are
//! written again.

#![no_main]

use std::cell::LazyCell;
use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use registry_auth_engine::authn::credential::{Credential, Passwords};
use registry_auth_engine::decision::Verdict;
use registry_auth_engine::facts::{Gathered, RequestBody};
use registry_auth_engine::reason::Reason;
use registry_auth_engine::request::RequestHead;
use registry_auth_engine::scope::{MAX_SCOPES, Scope};
use registry_auth_engine::token_endpoint::request::{Form, TokenRequest};
use registry_auth_fuzz::site::Site;
use registry_auth_fuzz::{CANARY, token, work};
use serde_json::{Value, json};

const FORM: &[u8] = b"application/x-www-form-urlencoded";
const FIELDS: [&str; 5] = [
    "password",
    "refresh_token",
    "id_token",
    "access_token",
    "token",
];

thread_local! {
    static SITE: LazyCell<Site> = LazyCell::new(|| Site::new(&json!({
        "http": {
            "auth": { "bearer": {
                "realm": "https://registry.test/token",
                "oidc": [{ "issuer": token::ISSUER, "audiences": [token::AUDIENCE], "jwks": token::jwks() }],
            } },
            "accessControl": { "repositories": { "public/**": { "anonymousPolicy": ["read"] } } },
        },
        "proxy": { "readRequestBodies": true },
    })));
}

fuzz_target!(|input: &[u8]| {
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let (query, value, body) = (lines.next().unwrap_or_default(), lines.next(), lines.next());
    let authorization: Vec<&[u8]> = value
        .filter(|value| !value.is_empty())
        .into_iter()
        .collect();
    let target = [b"/token?", query].concat();
    let form = body.map(|body| Form {
        media_types: &[FORM],
        body,
    });
    if let Ok(ask) = work::linear(input, |_| {
        TokenRequest::read(&target, &authorization, form, Passwords::Tokens)
    }) {
        check(&ask, &authorization, body.unwrap_or_default());
    }
    let head = RequestHead {
        method: if body.is_some() { b"POST" } else { b"GET" },
        path: &target,
        authorization,
        content_types: vec![FORM],
        ..RequestHead::default()
    };
    let gathered = Gathered {
        body: body.map(|body| RequestBody::Whole(body.to_vec())),
        ..Gathered::default()
    };
    match SITE.with(|site| site.decide(&head, &gathered)) {
        Verdict::Reply(answer) => {
            let answer: Value = serde_json::from_slice(&answer.reply.body).expect("JSON");
            assert_eq!(answer["token"], "anonymous", "a token that nobody signed");
        }
        // Odd bytes make it no endpoint at all.
        Verdict::Deny(denied) => assert!(
            denied.asked_for_token || denied.reason == Reason::NotFound,
            "{denied:?}"
        ),
        other => panic!("{other:?}"),
    }
});

/// Scopes with their actions, whatever the order of these: those of one repository come together in
/// any.
fn unordered(list: &str) -> Vec<(&str, BTreeSet<&str>)> {
    list.split(' ')
        .map(|scope| scope.rsplit_once(':').unwrap_or((scope, "")))
        .map(|(name, actions)| (name, actions.split(',').collect()))
        .collect()
}

fn check(ask: &TokenRequest, authorization: &[&[u8]], body: &[u8]) {
    assert!(ask.scopes.len() <= MAX_SCOPES);
    let list = Scope::list(&ask.scopes);
    let mut again = Vec::new();
    // A scope without actions is written without its last colon.
    let all = ask
        .scopes
        .iter()
        .all(|scope| !matches!(scope, Scope::Repository(_, actions) if actions.is_empty()));
    if all {
        assert_eq!(Scope::parse_list(&list, &mut again), Ok(()), "{list}");
        assert_eq!(again.len(), ask.scopes.len(), "{list}");
        assert_eq!(unordered(&Scope::list(&again)), unordered(&list));
    }
    let Credential::Token(found) = &ask.credential else {
        return;
    };
    let presented = Credential::read(authorization, Passwords::Tokens);
    let fields = form_urlencoded::parse(body).filter(|(name, _)| FIELDS.contains(&&**name));
    let named = fields
        .into_iter()
        .any(|(_, value)| value.trim().as_bytes() == &**found);
    assert!(
        named || presented == Ok(Credential::Token((&**found).into())),
        "a credential out of nothing"
    );
    assert!(
        !format!("{ask:?}").contains(CANARY),
        "a credential is shown"
    );
}
