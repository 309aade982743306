//! Values of `Authorization`, a line each: read or refused, never ignored, and never shown.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use registry_auth::authn::credential::Credential;
use registry_auth::authn::token::MAX_TOKEN;
use registry_auth::reason::Reason;
use registry_auth_fuzz::work;

fuzz_target!(|input: &[u8]| {
    let values: Vec<&[u8]> = if input.is_empty() { Vec::new() } else { input.split(|byte| *byte == b'\n').collect() };
    let read = work::linear(input, |_| Credential::read(&values));
    match (&read, values.as_slice()) {
        (Ok(Credential::Anonymous), []) | (Err(_), [_]) => {}
        (result, []) => panic!("{result:?} for no credential"),
        (result, [_, _, ..]) => assert_eq!(*result, Err(Reason::SeveralCredentials)),
        (Ok(Credential::Token(token)), [_]) => check(token),
        (Ok(Credential::Anonymous), [one]) => assert!(is_nobody(one), "{:?}", String::from_utf8_lossy(one)),
    }
});

/// A token is the same however it is presented.
fn check(token: &str) {
    assert!((1..=MAX_TOKEN).contains(&token.len()));
    assert!(token.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\,;:".contains(&byte)), "{token:?}");
    let basic = STANDARD.encode(format!("user:{token}"));
    for value in [format!("Bearer {token}"), format!("bEARER   {token}  "), format!("Basic {basic}")] {
        assert_eq!(Credential::read(&[value.as_bytes()]), Ok(Credential::Token(token.into())));
    }
    if token.len() > 16 {
        assert!(!format!("{:?}", Credential::read(&[format!("Bearer {token}").as_bytes()])).contains(token));
    }
}

/// What may stand for no credential: the word, or empty Basic credentials.
fn is_nobody(value: &[u8]) -> bool {
    let text = std::str::from_utf8(value).unwrap_or_default().trim_matches(' ');
    let Some((scheme, rest)) = text.split_once(' ') else { return false };
    let rest = rest.trim_start_matches(' ');
    let pair = STANDARD.decode(rest.trim_end_matches('=').to_owned() + padding(rest.trim_end_matches('=').len()));
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => rest == "anonymous",
        "basic" => pair.is_ok_and(|pair| pair == b":" || is_nobodys(&pair)),
        _ => false,
    }
}

const fn padding(length: usize) -> &'static str {
    match length % 4 {
        2 => "==",
        3 => "=",
        _ => "",
    }
}

/// The password says so; blanks around it are dropped.
fn is_nobodys(pair: &[u8]) -> bool {
    let text = std::str::from_utf8(pair).unwrap_or_default();
    text.split_once(':').is_some_and(|(_, password)| password.trim() == "anonymous")
}
