//! Rows of the cookie of a login.

use std::sync::Arc;
use std::time::Duration;

use super::issuer::NOW;
use zeroize::Zeroizing;

use crate::social::sealed::PendingLogin;
use crate::social::spent::MAX_SPENT;
use crate::social::{Sealer, SpentInMemory, SpentInStore, SpentStates};
use crate::store::{Embedded, Store};

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

/// Takes states from one of each kind.
async fn taken_once(spent: &dyn SpentStates) {
    let until = login().until;
    let reason = |result: Result<(), crate::social::SocialError>| result.unwrap_err().reason.id();
    spent.take("7", until, NOW).await.unwrap();
    spent.take("8", until, NOW).await.unwrap();
    assert_eq!(reason(spent.take("7", until, NOW).await), "login_expired");
}

#[tokio::test]
async fn a_state_is_taken_once() {
    taken_once(&SpentInMemory::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(&folder.path().join("store")).unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    taken_once(&SpentInStore(Arc::clone(&store))).await;
    // Another process with the same store.
    let until = login().until;
    let again = SpentInStore(store).take("8", until, NOW).await;
    assert_eq!(again.unwrap_err().reason.id(), "login_expired");
}

#[tokio::test]
async fn states_are_forgotten_when_they_have_ended_and_not_before() {
    let spent = SpentInMemory::default();
    let until = login().until;
    for index in 0..MAX_SPENT {
        spent.take(&index.to_string(), until, NOW).await.unwrap();
    }
    let full = spent.take("one more", until, NOW).await;
    assert_eq!(full.unwrap_err().reason.id(), "busy");
    let later = until.after(Duration::from_mins(10));
    spent.take("one more", later, until).await.unwrap();
    spent.take("7", later, until).await.unwrap();
}
