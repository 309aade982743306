//! Keys as passwords.

use LoginError::{TooManyAttempts, WrongPassword};

use super::*;
use crate::Method;
use crate::secret::Secret;
use crate::store::LoginRecord;

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn text_of(made: &Made) -> String {
    String::from_utf8(made.secret.expose().to_vec()).unwrap()
}

fn until(duration: Duration) -> Wanted {
    Wanted {
        expires: Some(later(duration)),
        ..Wanted::default()
    }
}

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn only_the_whole_key_of_its_owner_logs_in() {
    let fixture = Fixture::new();
    let key = fixture.make("ann", "htpasswd", Wanted::default()).await;
    let ends = fixture.make("ann", "htpasswd", until(MINUTE)).await;
    let gone = fixture.make("ann", "htpasswd", Wanted::default()).await;
    let ann = caller("ann", "htpasswd");
    let ended = fixture.keys.delete(&ann, &gone.details.uuid).await.unwrap();
    assert_eq!(ended, Some(format!("k.{}", gone.details.uuid)));

    let text = text_of(&key);
    let digits = text.strip_prefix("zak_").unwrap();
    let mut tested = 0;
    for row in rows() {
        let Some(basic) = row["basic"].as_str() else {
            continue;
        };
        tested += 1;
        let (user, password) = basic.split_once(':').unwrap();
        let user = if user == "owner" { "ann" } else { "ben" };
        let password = match password {
            "key" => text.clone(),
            "key without zak_" => digits.to_owned(),
            "zak_zak_key" => format!("zak_{text}"),
            "expired key" => text_of(&ends),
            "deleted key" => text_of(&gone),
            other => panic!("{other}"),
        };
        let found = fixture
            .keys
            .verify(user, &secret(&password), later(MINUTE))
            .await;
        let status = match found {
            Ok(_) => 200,
            Err(WrongPassword) => 401,
            Err(TooManyAttempts { .. } | LoginError::Unavailable { .. }) => 503,
        };
        assert_eq!(status, row["zot"], "{}", row["id"]);
    }
    assert_eq!(tested, 6);
    for user in ["Ann", "ann ", ""] {
        let found = fixture.keys.verify(user, &secret(&text), NOW).await;
        assert_eq!(found, Err(WrongPassword), "{user:?}");
    }
    // A moment before it ends.
    let before = UnixTime::from_millis(later(MINUTE).millis() - 1);
    let person = fixture.keys.verify("ann", &ends.secret, before).await;
    assert_eq!(person.unwrap().not_after, Some(later(MINUTE)));
}

#[tokio::test]
async fn a_key_says_who_and_what_it_is_narrowed_to() {
    let fixture = Fixture::new();
    let scopes = ["ci", "repository:a/**:pull"].map(str::to_owned);
    let wanted = Wanted {
        scopes: scopes.into(),
        ..Wanted::default()
    };
    let made = fixture.make("ann", "htpasswd", wanted).await;
    assert!(
        made.warning
            .unwrap()
            .starts_with("1 of the scopes are labels")
    );
    let person = fixture.keys.verify("ann", &made.secret, NOW).await.unwrap();
    let expected = Person {
        user: "ann".into(),
        // The file has no groups; those of the configuration are added at use.
        groups: Vec::new(),
        method: Method::ApiKey,
        sid: format!("k.{}", made.details.uuid),
        not_after: None,
        scopes: vec!["repository:a/**:pull".into()],
    };
    assert_eq!(person, expected);
}

#[tokio::test]
async fn a_key_ends_with_what_its_makers_login_stands_for() {
    const HOUR: Duration = Duration::from_hours(1);
    // The method of the maker, what changes then, and the groups that the key still gives.
    type Row = (
        &'static str,
        &'static str,
        fn(&mut Known),
        Option<&'static [&'static str]>,
    );
    let rows: [Row; 10] = [
        ("ann", "htpasswd", |_| (), Some(&[])),
        ("ann", "htpasswd", |known| known.local.clear(), None),
        ("dora", "ldap", |_| (), Some(&["devs"])),
        (
            "dora",
            "ldap",
            |known| known.directory = Some([("dora", vec!["ops"])].into()),
            Some(&["ops"]),
        ),
        (
            "dora",
            "ldap",
            |known| known.directory = Some([].into()),
            None,
        ),
        // Another entry has the name now.
        ("dora", "ldap", |known| known.sid = "l.2".into(), None),
        ("otto", "openid:github", |_| (), Some(&["from-login"])),
        (
            "otto",
            "openid:github",
            |known| known.providers.clear(),
            None,
        ),
        // The name is in the file now (D29).
        (
            "otto",
            "openid:github",
            |known| known.local.push("otto"),
            None,
        ),
        ("otto", "openid:other", |_| (), None),
    ];
    for (user, method, change, expected) in rows {
        let fixture = Fixture::with(None, Some(HOUR));
        let made = fixture.make(user, method, Wanted::default()).await;
        fixture.change(change);
        let found = fixture.keys.verify(user, &made.secret, NOW).await;
        let groups = found.map(|person| person.groups);
        let expected =
            expected.map(|groups| groups.iter().map(|group| (*group).to_owned()).collect());
        assert_eq!(groups, expected.ok_or(WrongPassword), "{user} {method}");
    }
    let fixture = Fixture::new();
    let made = fixture.make("dora", "ldap", Wanted::default()).await;
    fixture.change(|known| known.directory = None);
    let found = fixture.keys.verify("dora", &made.secret, NOW).await;
    assert!(
        matches!(found, Err(LoginError::Unavailable { .. })),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_key_of_a_social_login_needs_another_login_now_and_then() {
    const DAY: Duration = Duration::from_hours(24);
    let fixture = Fixture::with(None, Some(DAY));
    let made = fixture
        .make("otto", "openid:github", Wanted::default())
        .await;
    let verify = async |at| fixture.keys.verify("otto", &made.secret, at).await;
    assert_eq!(verify(later(DAY)).await, Err(WrongPassword));
    let person = verify(later(DAY).before(MINUTE)).await.unwrap();
    assert_eq!(person.not_after, Some(later(DAY)));

    let login = |at: UnixTime, method: &str| LoginRecord {
        method: method.into(),
        user: "otto".into(),
        groups: vec!["new".into()],
        at: at.secs(),
    };
    // Neither one at another provider nor one from before the key.
    fixture
        .store
        .put_login(login(later(DAY), "openid:oidc"))
        .await
        .unwrap();
    fixture
        .store
        .put_login(login(NOW.before(DAY), "openid:github"))
        .await
        .unwrap();
    assert_eq!(verify(later(DAY)).await, Err(WrongPassword));
    assert_eq!(verify(NOW).await.unwrap().groups, ["from-login"]);
    fixture
        .store
        .put_login(login(later(DAY), "openid:github"))
        .await
        .unwrap();
    let person = verify(later(DAY)).await.unwrap();
    assert_eq!(
        (person.groups, person.not_after),
        (vec!["new".into()], Some(later(2 * DAY)))
    );
}

#[tokio::test]
async fn the_greatest_age_holds_for_keys_of_before_too() {
    const HOUR: Duration = Duration::from_hours(1);
    let aged = Fixture::with(Some(HOUR), None);
    for (wanted, expected) in [
        (None, HOUR),
        (Some(2 * HOUR), HOUR),
        (Some(HOUR / 2), HOUR / 2),
    ] {
        let wanted = wanted.map_or_else(Wanted::default, until);
        let made = aged.make("ann", "htpasswd", wanted).await;
        let expires = read_time(&made.details.expiration_date);
        assert_eq!(expires, Some(Some(later(expected))));
    }
    let ageless = Fixture::new();
    let made = ageless.make("ann", "htpasswd", Wanted::default()).await;
    let sources: Arc<dyn Sources> = ageless.sources.clone();
    let keys = ApiKeys::new(Arc::clone(&ageless.store), sources, Some(HOUR), None);
    assert!(
        keys.verify("ann", &made.secret, later(HOUR).before(MINUTE))
            .await
            .is_ok()
    );
    let found = keys.verify("ann", &made.secret, later(HOUR)).await;
    assert_eq!(found, Err(WrongPassword));
    assert!(keys.list("ann", later(HOUR)).await.unwrap()[0].is_expired);
    assert!(!keys.list("ann", NOW).await.unwrap()[0].is_expired);
}

#[tokio::test]
async fn the_last_use_is_noted_once_a_minute() {
    let fixture = Fixture::new();
    let made = fixture.make("ann", "htpasswd", Wanted::default()).await;
    let seconds = Duration::from_secs;
    for (at, noted) in [(0, 0), (30, 0), (59, 0), (60, 60), (90, 60), (300, 300)] {
        fixture
            .keys
            .verify("ann", &made.secret, later(seconds(at)))
            .await
            .unwrap();
        let listed = fixture.keys.list("ann", NOW).await.unwrap();
        let last = read_time(&listed[0].last_used);
        assert_eq!(last, Some(Some(later(seconds(noted)))), "{at}");
    }
}
