use super::*;
use crate::authn::test_signer::Signer;
use crate::keys::cache::{Cause, Fetcher, Start};
use crate::time::UnixTime;
use crate::url::HttpUrl;

const OWN: &[u8] = b"registry-auth";

fn url(text: &str) -> Option<HttpUrl> {
    HttpUrl::parse(text).ok()
}

fn callout() -> Callout {
    Callout {
        issuer: "https://i.example".to_owned(),
        discovery: url("https://i.example/.well-known/openid-configuration"),
        jwks_uri: None,
        cluster: "issuers".to_owned(),
        jwks_cluster: "issuers".to_owned(),
    }
}

fn pushed(byte: u8) -> ShareKey {
    ShareKey::choose(Some(&PushKey::new(&[byte; 32]).unwrap()), b"").unwrap()
}

fn share() -> Share {
    Share::new(&callout(), pushed(1))
}

fn state() -> FetchState {
    let me = Fetcher { id: 7, term: std::time::Duration::from_secs(3) };
    match FetchState::default().begin(Cause::Missing, &me, UnixTime::from_secs(1)) {
        Start::Begin(state) => state,
        other => panic!("{other:?}"),
    }
}

fn keys(algorithms: Option<&[Algorithm]>) -> FetchedKeys {
    let set = Signer::new(Algorithm::Es256).keys("k");
    let life = ShelfLife::begin(None, 0, UnixTime::from_secs(1));
    FetchedKeys { set, algorithms: algorithms.map(Arc::from), life }
}

fn sealed(share: &Share, keys: &FetchedKeys) -> Vec<u8> {
    share.seal_keys(&keys.set, keys.algorithms.as_deref(), keys.life)
}

#[test]
fn workers_believe_each_other_with_a_push_key_or_in_a_store_of_their_own() {
    let push_key = PushKey::new(&[1; 32]).unwrap();
    let rows: [(Option<&PushKey>, &[u8], bool); 9] = [
        (Some(&push_key), b"", true),
        (Some(&push_key), b"other", true),
        (Some(&push_key), OWN, true),
        (None, OWN, true),
        (None, b"registry-auth-2", true),
        (None, b"", false),
        (None, b"registry", false),
        (None, b"my-registry-auth", false),
        (None, b"\xff", false),
    ];
    for (push_key, vm_id, believed) in rows {
        assert_eq!(ShareKey::choose(push_key, vm_id).is_some(), believed, "{:?}", String::from_utf8_lossy(vm_id));
    }
    // The push key counts wherever there is one: the VM id must not open another way in.
    let keyed = ShareKey::choose(Some(&push_key), OWN).unwrap();
    let value = Share::new(&callout(), ShareKey::choose(None, OWN).unwrap()).seal_state(&state());
    assert_eq!(Share::new(&callout(), keyed).open_state(&value), Err(ShareError::Mac));
    assert_ne!(pushed(1).0, [1; 32], "the push key itself makes MACs of another kind");
}

#[test]
fn what_is_sealed_opens_with_the_same_key() {
    let share = share();
    assert_eq!(share.open_state(&share.seal_state(&state())), Ok(state()));
    let announced: [Option<&[Algorithm]>; 3] = [None, Some(&[]), Some(&[Algorithm::Es256, Algorithm::Ps512])];
    for keys in announced.map(keys) {
        assert_eq!(share.open_keys(&sealed(&share, &keys)), Ok(keys));
    }
    let other = Share { key: pushed(2), ..share.clone() };
    assert_eq!(other.open_state(&share.seal_state(&state())), Err(ShareError::Mac));
    assert_eq!(other.open_keys(&sealed(&share, &keys(None))), Err(ShareError::Mac));
}

#[test]
fn a_value_stands_for_its_own_name_only() {
    let (share, state) = (share(), state());
    let elsewhere = Share { state_name: "elsewhere".to_owned(), ..share.clone() };
    assert_eq!(elsewhere.open_state(&share.seal_state(&state)), Err(ShareError::Mac));
    assert_eq!(share.open_keys(&share.seal_state(&state)), Err(ShareError::Mac));
    assert_eq!(share.open_state(&sealed(&share, &keys(None))), Err(ShareError::Mac));
}

#[test]
fn any_changed_byte_is_noticed() {
    let share = share();
    for value in [share.seal_state(&state()), sealed(&share, &keys(None))] {
        for index in 0..value.len() {
            let mut changed = value.clone();
            changed[index] ^= 1;
            assert_eq!(share.open_state(&changed), Err(ShareError::Mac), "byte {index}");
            assert_eq!(share.open_keys(&changed), Err(ShareError::Mac), "byte {index}");
            assert_eq!(share.open_keys(&value[..index]), Err(ShareError::Mac), "{index} bytes");
        }
    }
    assert_eq!(share.open_state(&vec![0; MAX_VALUE + 1]), Err(ShareError::TooLarge));
}

#[test]
fn a_sealed_value_of_another_form_is_refused() {
    let share = share();
    let good = json!({ "life": { "asked": 0, "fetched": 1, "refresh": 2 }, "algorithms": null, "jwks": keys(None).set.to_jwks() });
    assert!(share.open_keys(&share.seal(&share.keys_name, &good)).is_ok());
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        changed
    };
    let rows = [
        json!([]),
        json!({}),
        with("life", json!({ "asked": 0, "fetched": 1 })),
        with("life", json!({ "fetched": 1, "refresh": 2 })),
        with("life", json!({ "asked": 0, "fetched": "1", "refresh": 2 })),
        with("algorithms", json!("ES256")),
        with("algorithms", json!(["none"])),
        with("algorithms", json!([1])),
        with("jwks", json!({ "keys": [] })),
        with("jwks", Value::Null),
    ];
    for object in rows {
        assert_eq!(share.open_keys(&share.seal(&share.keys_name, &object)), Err(ShareError::Malformed), "{object}");
        assert_eq!(share.open_state(&share.seal(&share.state_name, &object)), Err(ShareError::Malformed), "{object}");
    }
}

#[test]
fn two_ways_to_ask_an_issuer_and_two_keys_have_different_names() {
    let ways = [
        callout(),
        Callout { issuer: "https://i.example/".to_owned(), ..callout() },
        Callout { discovery: None, jwks_uri: callout().discovery, ..callout() },
        Callout { discovery: url("https://i.example/other"), ..callout() },
        Callout { jwks_uri: url("https://i.example/k"), ..callout() },
        Callout { cluster: "other".to_owned(), ..callout() },
        Callout { jwks_cluster: "other".to_owned(), ..callout() },
        Callout { cluster: "a".to_owned(), jwks_cluster: "bc".to_owned(), ..callout() },
        Callout { cluster: "ab".to_owned(), jwks_cluster: "c".to_owned(), ..callout() },
    ];
    let mut shares: Vec<_> = ways.iter().map(|way| Share::new(way, pushed(1))).collect();
    shares.push(Share::new(&callout(), pushed(2)));
    shares.push(Share::new(&callout(), ShareKey::choose(None, OWN).unwrap()));
    let mut names: Vec<_> = shares.iter().flat_map(|share| [share.state_name(), share.keys_name()]).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert_eq!(Share::new(&callout(), pushed(1)).state_name(), share().state_name());
}
