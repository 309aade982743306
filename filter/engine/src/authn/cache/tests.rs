use super::*;
use crate::authn::identity::Identity;
use crate::keys::KeySet;
use crate::keys::source::{Keys, SourceId};

const SOURCE: SourceId = SourceId(0);

fn held(version: u64) -> KeyRing {
    let mut held = KeyRing::of(&[crate::keys::source::Source {
        name: "bearer".into(),
        kind: crate::keys::source::SourceKind::Pushed("bearer".into()),
        max_stale: Duration::ZERO,
    }]);
    held.set(
        SOURCE,
        Some(Keys {
            set: Arc::new(KeySet::default()),
            algorithms: None,
            version,
            ended: None,
        }),
    );
    held
}

fn authenticated(expires: i64) -> Arc<Authenticated> {
    Arc::new(Authenticated {
        identity: Arc::new(Identity::Anonymous),
        access: None,
        keys: Some((SOURCE, 1)),
        expires: UnixTime::from_secs(expires),
        bound_to: None,
        login: None,
        shown: None,
    })
}

#[test]
fn a_proof_ends_with_the_token_and_with_the_keys() {
    let mut cache = IdentityCache::default();
    cache.put(CacheKey::Token(b"a"), authenticated(10));
    let at = UnixTime::from_secs;
    assert!(cache.get(CacheKey::Token(b"a"), &held(1), at(9)).is_some());
    assert!(cache.get(CacheKey::Token(b"a"), &held(1), at(10)).is_none());
    assert!(cache.get(CacheKey::Token(b"a"), &held(2), at(9)).is_none());
    assert!(cache.get(CacheKey::Token(b"b"), &held(1), at(9)).is_none());
    let mut none = held(1);
    none.set(SOURCE, None);
    assert!(cache.get(CacheKey::Token(b"a"), &none, at(9)).is_none());
}

#[test]
fn memory_is_bounded_and_what_is_used_stays() {
    let mut cache = IdentityCache::default();
    let now = UnixTime::from_secs(0);
    cache.put(CacheKey::Token(b"used"), authenticated(10));
    for number in 0..4 * MAX_ENTRIES {
        cache.put(
            CacheKey::Token(number.to_string().as_bytes()),
            authenticated(10),
        );
        assert!(cache.get(CacheKey::Token(b"used"), &held(1), now).is_some());
    }
    assert!(cache.young.entries.len() + cache.old.entries.len() <= 2 * MAX_ENTRIES);
    assert!(cache.get(CacheKey::Token(b"0"), &held(1), now).is_none());
    let long = "x".repeat(MAX_BYTES / 2);
    for number in 0..5 {
        cache.put(
            CacheKey::Token(format!("{long}{number}").as_bytes()),
            authenticated(10),
        );
    }
    assert!(cache.young.bytes <= MAX_BYTES && cache.old.bytes <= MAX_BYTES);
    cache.clear();
    for number in ["1", "2", "3", "4"] {
        cache.put(
            CacheKey::Token(("0".repeat(128) + &number.repeat(73)).as_bytes()),
            authenticated(10),
        );
    }
    assert_eq!(
        cache.young.bytes,
        128 + 4 * 73,
        "a prefix that they share counts once"
    );
    for number in ["5", "6", "7", "8"] {
        cache.put(
            CacheKey::Token(number.repeat(201).as_bytes()),
            authenticated(10),
        );
    }
    assert_eq!(
        cache.young.bytes,
        128 + 4 * 73 + 4 * 201,
        "prefixes of their own count"
    );
}

#[test]
fn a_token_that_differs_anywhere_is_another_token() {
    let token = "0123456789".repeat(20);
    let mut cache = IdentityCache::default();
    let now = UnixTime::from_secs(0);
    cache.put(CacheKey::Token(token.as_bytes()), authenticated(10));
    assert!(
        cache
            .get(CacheKey::Token(token.as_bytes()), &held(1), now)
            .is_some()
    );
    for place in 0..token.len() {
        let mut other = token.clone().into_bytes();
        other[place] = b'x';
        assert!(
            cache.get(CacheKey::Token(&other), &held(1), now).is_none(),
            "{place}"
        );
    }
    let longer = [format!("{token}0"), format!("0{token}")];
    let (_, without_first) = token.as_bytes().split_first().unwrap();
    let (_, without_last) = token.as_bytes().split_last().unwrap();
    for other in [
        without_first,
        without_last,
        longer[0].as_bytes(),
        longer[1].as_bytes(),
        b"",
    ] {
        assert!(
            cache.get(CacheKey::Token(other), &held(1), now).is_none(),
            "{} bytes",
            other.len()
        );
    }
}

#[test]
fn what_takes_the_place_of_another_counts_once() {
    let mut cache = IdentityCache::default();
    let (one, other) = (
        format!("1{}", "s".repeat(96)),
        format!("2{}", "s".repeat(96)),
    );
    for _ in 0..3 {
        cache.put(CacheKey::Token(one.as_bytes()), authenticated(10));
        cache.put(CacheKey::Token(other.as_bytes()), authenticated(10));
    }
    assert_eq!(cache.young.bytes, other.len());
    assert!(
        cache
            .get(
                CacheKey::Token(one.as_bytes()),
                &held(1),
                UnixTime::from_secs(0)
            )
            .is_none()
    );
    assert!(
        cache
            .get(
                CacheKey::Token(other.as_bytes()),
                &held(1),
                UnixTime::from_secs(0)
            )
            .is_some()
    );
}

#[test]
fn a_certificate_that_is_presented_as_a_token_proves_nothing() {
    let mut cache = IdentityCache::default();
    let now = UnixTime::from_secs(0);
    cache.put(
        CacheKey::Certificate(b"-----BEGIN%20CERTIFICATE-----"),
        authenticated(10),
    );
    assert!(
        cache
            .get(
                CacheKey::Certificate(b"-----BEGIN%20CERTIFICATE-----"),
                &held(1),
                now
            )
            .is_some()
    );
    assert!(
        cache
            .get(
                CacheKey::Token(b"-----BEGIN%20CERTIFICATE-----"),
                &held(1),
                now
            )
            .is_none()
    );
    cache.put(CacheKey::Token(b"a.b.c"), authenticated(10));
    assert!(
        cache
            .get(CacheKey::Certificate(b"a.b.c"), &held(1), now)
            .is_none()
    );
}
