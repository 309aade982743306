//! Values of `Authorization`, a line each: read or refused, never ignored, and never shown.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use registry_auth_engine::authn::credential::{Credential, Passwords};
use registry_auth_engine::authn::token::MAX_TOKEN;
use registry_auth_engine::reason::Reason;
use registry_auth_fuzz::{CANARY, work};

fuzz_target!(|input: &[u8]| {
    let values: Vec<&[u8]> = if input.is_empty() {
        Vec::new()
    } else {
        input.split(|byte| *byte == b'\n').collect()
    };
    let read = work::linear(input, |_| Credential::read(&values, Passwords::Tokens));
    assert!(!format!("{read:?}").contains(CANARY));
    match (&read, values.as_slice()) {
        (Ok(Credential::Anonymous), []) | (Err(_), [_]) => {}
        (result, []) => panic!("{result:?} for no credential"),
        (result, [_, _, ..]) => assert_eq!(*result, Err(Reason::SeveralCredentials)),
        (Ok(Credential::Token(token)), [_]) => check(token),
        (Ok(other @ (Credential::Password(_) | Credential::Session(_))), [_]) => {
            panic!("{other:?} where nobody logs in")
        }
        (Ok(Credential::Anonymous), [one]) => {
            assert!(is_nobody(one), "{:?}", String::from_utf8_lossy(one));
        }
    }
});

/// A token is the same however it is presented.
fn check(token: &[u8]) {
    assert!((1..=MAX_TOKEN).contains(&token.len()));
    let basic = STANDARD.encode([b"user:", token].concat());
    let presented = [
        [b"Bearer ", token].concat(),
        [b"bEARER   ", token, b"  "].concat(),
        format!("Basic {basic}").into(),
    ];
    for value in presented {
        // Around a password more is dropped than blanks.
        if !value.starts_with(b"Basic") || token.trim_ascii() == token {
            assert_eq!(
                Credential::read(&[&value], Passwords::Tokens),
                Ok(Credential::Token(token.into()))
            );
        }
    }
}

/// What may stand for no credential: the word, or empty Basic credentials.
fn is_nobody(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value);
    let Some((scheme, rest)) = text.trim_matches(' ').split_once(' ') else {
        return false;
    };
    let rest = rest.trim_matches(' ');
    let bare = rest.trim_end_matches('=');
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => rest == "anonymous",
        "basic" => STANDARD
            .decode(bare.to_owned() + padding(bare.len()))
            .is_ok_and(|pair| is_nobodys(&pair)),
        _ => false,
    }
}

/// User name and password are empty, or the password says so.
fn is_nobodys(pair: &[u8]) -> bool {
    let password = pair.splitn(2, |byte| *byte == b':').nth(1);
    pair == b":" || password.is_some_and(|password| password.trim_ascii() == b"anonymous")
}

const fn padding(length: usize) -> &'static str {
    match length % 4 {
        2 => "==",
        3 => "=",
        _ => "",
    }
}
