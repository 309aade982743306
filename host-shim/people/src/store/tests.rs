//! The same rows for both stores.

mod file;
mod server;

use super::*;

const fn at(seconds: i64) -> UnixTime {
    UnixTime::from_secs(seconds)
}

fn key(user: &str, number: u8) -> KeyRecord {
    KeyRecord {
        hash: hash_of(&number.to_string()),
        user: user.into(),
        source: Source {
            method: "ldap".into(),
            ids: vec!["l.1".into()],
            groups: vec!["admins".into()],
            at: 5,
        },
        details: KeyDetails {
            created_at: format!("2026-01-0{number}T00:00:00Z"),
            expiration_date: "0001-01-01T00:00:00Z".into(),
            is_expired: false,
            creator_ua: "curl/8".into(),
            generated_by: "manual".into(),
            last_used: "0001-01-01T00:00:00Z".into(),
            label: "ci".into(),
            scopes: vec!["a".into()],
            uuid: format!("u{number}"),
        },
    }
}

/// What every store does.
async fn keeps_what_it_is_given(store: &dyn Store) {
    // Keys.
    assert_eq!(store.key("x").await, Ok(None));
    let keys = [key("ann", 1), key("ann", 2), key("anna", 3), key("ben", 4)];
    for key in keys.iter().rev() {
        store.put_key(key.clone()).await.unwrap();
        store.put_key(key.clone()).await.unwrap();
    }
    assert_eq!(store.keys(None).await.unwrap(), keys);
    assert_eq!(store.keys(Some("ann")).await.unwrap(), keys[..2]);
    assert_eq!(store.keys(Some("an")).await, Ok(Vec::new()));
    assert_eq!(store.key(&keys[2].hash).await, Ok(Some(keys[2].clone())));

    store
        .key_used(&keys[0].hash, at(1_800_000_000))
        .await
        .unwrap();
    let used = store.key(&keys[0].hash).await.unwrap().unwrap();
    assert_eq!(used.details.last_used, "2027-01-15T08:00:00Z");
    assert_eq!(store.keys(Some("ann")).await.unwrap()[0], used);

    let given_away = KeyRecord {
        user: "ben".into(),
        ..keys[1].clone()
    };
    store.put_key(given_away.clone()).await.unwrap();
    assert_eq!(store.keys(Some("ann")).await.unwrap(), [used]);
    assert_eq!(store.keys(Some("ben")).await.unwrap()[0], given_away);

    assert_eq!(store.delete_key(&keys[0].hash).await, Ok(true));
    assert_eq!(store.delete_key(&keys[0].hash).await, Ok(false));
    store.key_used(&keys[0].hash, at(7)).await.unwrap();
    assert_eq!(store.key(&keys[0].hash).await, Ok(None));
    assert_eq!(store.keys(Some("ann")).await, Ok(Vec::new()));

    // Logins.
    let login = |method: &str, groups: &[&str]| LoginRecord {
        method: method.into(),
        user: "ann".into(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        at: 9,
    };
    for login in [
        login("openid:a", &["x"]),
        login("openid:b", &[]),
        login("openid:a", &["y"]),
    ] {
        store.put_login(login).await.unwrap();
    }
    assert_eq!(
        store.login("openid:a", "ann").await,
        Ok(Some(login("openid:a", &["y"])))
    );
    assert_eq!(store.login("openid:a", "ben").await, Ok(None));

    // What has ended.
    assert_eq!(store.ended(at(0)).await, Ok(EndedRecord::default()));
    store
        .end(&["s.1".into(), "s.2".into()], at(100))
        .await
        .unwrap();
    store.end(&["s.2".into()], at(50)).await.unwrap();
    store.end(&["s.3".into()], at(200)).await.unwrap();
    store.end(&[], at(300)).await.unwrap();
    let ids = |ids: &[(&str, i64)]| EndedRecord {
        ids: ids
            .iter()
            .map(|(id, end)| ((*id).to_owned(), at(*end)))
            .collect(),
        issued_after: None,
    };
    let all = ids(&[("s.1", 100), ("s.2", 100), ("s.3", 200)]);
    assert_eq!(store.ended(at(99)).await, Ok(all));
    assert_eq!(store.ended(at(100)).await, Ok(ids(&[("s.3", 200)])));
    // They are forgotten.
    assert_eq!(store.ended(at(0)).await, Ok(ids(&[("s.3", 200)])));
    store.end_all(at(77)).await.unwrap();
    let none = EndedRecord {
        issued_after: Some(at(77)),
        ..EndedRecord::default()
    };
    assert_eq!(store.ended(at(0)).await, Ok(none));

    // Texts that are taken once.
    assert_eq!(store.take_once("state", at(100), at(0)).await, Ok(true));
    assert_eq!(store.take_once("state", at(100), at(0)).await, Ok(false));
    assert_eq!(store.take_once("other", at(100), at(0)).await, Ok(true));
}

#[test]
fn the_hash_of_a_key_is_that_of_zot() {
    assert_eq!(
        hash_of("8397d3bc1c6c4cc0b11f8ad5e1294f26"),
        "ae23b5902d484da35e6d8fd7013adcc9ed1927618e907dc6e9dbd5de2410c535"
    );
}
