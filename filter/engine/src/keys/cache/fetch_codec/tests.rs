use super::*;
use crate::authn::test_signer::Signer;
use crate::keys::cache::{Cause, Fetcher, Start, refresh_after};
use crate::keys::fetch::{Document, KeyRequest};
use crate::time::UnixTime;
use crate::url::HttpUrl;

const OWN: &[u8] = b"registry-auth";

fn url(text: &str) -> HttpUrl {
    HttpUrl::parse(text).unwrap()
}

fn callout() -> Callout {
    Callout {
        issuer: "https://i.example".to_owned(),
        first: KeyRequest {
            document: Document::Discovery,
            url: url("https://i.example/.well-known/openid-configuration"),
        },
        cluster: "issuers".to_owned(),
        jwks_cluster: "issuers".to_owned(),
    }
}

fn pushed(byte: u8) -> SharedDataKey {
    SharedDataKey::choose(Some(&PushKey::new(&[byte; 32]).unwrap()), b"").unwrap()
}

fn codec() -> FetchCodec {
    FetchCodec::new(&callout(), pushed(1))
}

fn state() -> FetchState {
    let me = Fetcher {
        id: 7,
        lease: std::time::Duration::from_secs(3),
    };
    match FetchState::default().begin(Cause::Missing, &me, UnixTime::from_secs(1)) {
        Start::Begin(state) => state,
        other => panic!("{other:?}"),
    }
}

fn keys(algorithms: Option<&[Algorithm]>) -> FetchedKeys {
    let set = Signer::new(Algorithm::Es256).keys("k");
    let freshness = Freshness::begin(refresh_after(None), 0, UnixTime::from_secs(1));
    FetchedKeys {
        set,
        algorithms: algorithms.map(Arc::from),
        ended: None,
        freshness,
    }
}

fn sealed(codec: &FetchCodec, keys: &FetchedKeys) -> Vec<u8> {
    codec.seal_keys(&keys.set, keys.algorithms.as_deref(), keys.freshness)
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
        assert_eq!(
            SharedDataKey::choose(push_key, vm_id).is_some(),
            believed,
            "{:?}",
            String::from_utf8_lossy(vm_id)
        );
    }
    // The push key counts wherever there is one: the VM id must not open another way in.
    let keyed = SharedDataKey::choose(Some(&push_key), OWN).unwrap();
    let value =
        FetchCodec::new(&callout(), SharedDataKey::choose(None, OWN).unwrap()).seal_state(&state());
    assert_eq!(
        FetchCodec::new(&callout(), keyed).open_state(&value),
        Err(FetchCodecError::Mac)
    );
    assert_ne!(
        pushed(1).0,
        [1; 32],
        "the push key itself makes MACs of another kind"
    );
}

#[test]
fn what_is_sealed_opens_with_the_same_key() {
    let codec = codec();
    assert_eq!(codec.open_state(&codec.seal_state(&state())), Ok(state()));
    let announced: [Option<&[Algorithm]>; 3] =
        [None, Some(&[]), Some(&[Algorithm::Es256, Algorithm::Ps512])];
    for keys in announced.map(keys) {
        assert_eq!(codec.open_keys(&sealed(&codec, &keys)), Ok(keys));
    }
    let other = FetchCodec {
        key: pushed(2),
        ..codec.clone()
    };
    assert_eq!(
        other.open_state(&codec.seal_state(&state())),
        Err(FetchCodecError::Mac)
    );
    assert_eq!(
        other.open_keys(&sealed(&codec, &keys(None))),
        Err(FetchCodecError::Mac)
    );
}

#[test]
fn a_value_stands_for_its_own_name_only() {
    let (codec, state) = (codec(), state());
    let elsewhere = FetchCodec {
        state_name: "elsewhere".to_owned(),
        ..codec.clone()
    };
    assert_eq!(
        elsewhere.open_state(&codec.seal_state(&state)),
        Err(FetchCodecError::Mac)
    );
    assert_eq!(
        codec.open_keys(&codec.seal_state(&state)),
        Err(FetchCodecError::Mac)
    );
    assert_eq!(
        codec.open_state(&sealed(&codec, &keys(None))),
        Err(FetchCodecError::Mac)
    );
}

#[test]
fn any_changed_byte_is_noticed() {
    let codec = codec();
    for value in [codec.seal_state(&state()), sealed(&codec, &keys(None))] {
        for index in 0..value.len() {
            let mut changed = value.clone();
            changed[index] ^= 1;
            assert_eq!(
                codec.open_state(&changed),
                Err(FetchCodecError::Mac),
                "byte {index}"
            );
            assert_eq!(
                codec.open_keys(&changed),
                Err(FetchCodecError::Mac),
                "byte {index}"
            );
            assert_eq!(
                codec.open_keys(&value[..index]),
                Err(FetchCodecError::Mac),
                "{index} bytes"
            );
        }
    }
    assert_eq!(
        codec.open_state(&vec![0; MAX_VALUE + 1]),
        Err(FetchCodecError::TooLarge)
    );
}

#[test]
fn a_sealed_value_of_another_form_is_refused() {
    let codec = codec();
    let good = json!({ "life": { "asked": 0, "fetched": 1, "refresh": 2 }, "algorithms": null, "jwks": keys(None).set.to_jwks() });
    assert!(
        codec
            .open_keys(&codec.seal(&codec.keys_name, &good))
            .is_ok()
    );
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
        assert_eq!(
            codec.open_keys(&codec.seal(&codec.keys_name, &object)),
            Err(FetchCodecError::Malformed),
            "{object}"
        );
        assert_eq!(
            codec.open_state(&codec.seal(&codec.state_name, &object)),
            Err(FetchCodecError::Malformed),
            "{object}"
        );
    }
}

#[test]
fn two_ways_to_ask_an_issuer_and_two_keys_have_different_names() {
    let ways = [
        callout(),
        Callout {
            issuer: "https://i.example/".to_owned(),
            ..callout()
        },
        Callout {
            first: KeyRequest::keys(callout().first.url),
            ..callout()
        },
        Callout {
            first: KeyRequest {
                url: url("https://i.example/other"),
                ..callout().first
            },
            ..callout()
        },
        Callout {
            first: KeyRequest::keys(url("https://i.example/k")),
            ..callout()
        },
        Callout {
            cluster: "other".to_owned(),
            ..callout()
        },
        Callout {
            jwks_cluster: "other".to_owned(),
            ..callout()
        },
        Callout {
            cluster: "a".to_owned(),
            jwks_cluster: "bc".to_owned(),
            ..callout()
        },
        Callout {
            cluster: "ab".to_owned(),
            jwks_cluster: "c".to_owned(),
            ..callout()
        },
    ];
    let mut codecs: Vec<_> = ways
        .iter()
        .map(|way| FetchCodec::new(way, pushed(1)))
        .collect();
    codecs.push(FetchCodec::new(&callout(), pushed(2)));
    codecs.push(FetchCodec::new(
        &callout(),
        SharedDataKey::choose(None, OWN).unwrap(),
    ));
    let mut names: Vec<_> = codecs
        .iter()
        .flat_map(|codec| [codec.state_name(), codec.keys_name()])
        .collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert_eq!(
        FetchCodec::new(&callout(), pushed(1)).state_name(),
        codec().state_name()
    );
}
