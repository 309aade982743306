//! Rows of the cookie of a login.

use std::time::Duration;

use super::issuer::NOW;
use zeroize::Zeroizing;

use crate::social::sealed::PendingLogin;
use crate::social::spent::MAX_SPENT;
use crate::social::{Sealer, SpentInMemory, SpentStates as _};

fn sealer(key: u8) -> Sealer {
    Sealer::new(&Zeroizing::new([key; 32]))
}

fn login() -> PendingLogin {
    PendingLogin {
        provider: "oidc".to_owned(),
        state: "state".to_owned(),
        nonce: "nonce".to_owned(),
        verifier: "verifier".to_owned(),
        callback_ui: "/".to_owned(),
        until: NOW.after(Duration::from_mins(10)),
    }
}

#[test]
fn a_cookie_opens_with_its_own_key_and_in_its_time() {
    let own = sealer(1);
    let replica = sealer(1);
    let other = sealer(2);
    let cookie = own.seal(&login()).unwrap();
    let last = login().until.before(Duration::from_secs(1));
    assert!(replica.open(&cookie, last).unwrap() == login());
    assert!(replica.open(&cookie, login().until).is_err(), "too late");
    assert!(other.open(&cookie, NOW).is_err(), "another key");
    assert!(sealer(3).open(&cookie, NOW).is_err());
    for at in 0..cookie.len() {
        let mut changed = cookie.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(own.open(&changed, NOW).is_err(), "byte {at}");
    }
    assert!(own.open("", NOW).is_err());
    assert_ne!(cookie, own.seal(&login()).unwrap(), "never the same twice");
}

#[test]
fn nothing_of_a_login_is_shown() {
    let shown = format!("{:?} {:?}", login(), sealer(3));
    assert_eq!(shown, "PendingLogin([redacted]) Sealer([redacted])");
}

#[test]
fn a_state_is_taken_once_and_forgotten_when_it_has_ended() {
    let spent = SpentInMemory::default();
    let until = login().until;
    for index in 0..MAX_SPENT {
        spent.take(&index.to_string(), until, NOW).unwrap();
    }
    let reason = |result: Result<(), crate::social::SocialError>| result.unwrap_err().reason.id();
    assert_eq!(reason(spent.take("7", until, NOW)), "login_expired");
    assert_eq!(reason(spent.take("one more", until, NOW)), "busy");
    let later = until.after(Duration::from_mins(10));
    spent.take("one more", later, until).unwrap();
    spent.take("7", later, until).unwrap();
}
