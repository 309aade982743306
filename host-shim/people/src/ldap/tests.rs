use std::collections::HashSet;
use std::net::TcpListener;
use std::path::Path;

use ldap3::Mod;
use serde_json::{Value, json};

use super::slapd::Slapd;
use super::stub::{self, Reply, StubEntry};
use super::*;
use crate::cases::{self, Row};
use crate::config::{self, ConfigError};
use crate::ldap_syntax::filter::{UserFilter, escape, of_user};
use crate::programs::fixture;

const SHORT: Limits = Limits {
    turn: Duration::from_millis(50),
    connect: Duration::from_millis(300),
    operation: Duration::from_millis(300),
    login: Duration::from_millis(900),
};

/// A directory of the configuration of the rows with some changes; null removes.
pub(crate) fn configured(slapd: &Slapd, change: &Value) -> Result<Directory, Vec<ConfigError>> {
    let mut ldap = cases::all()["ldapBase"].clone();
    let members = ldap.as_object_mut().unwrap();
    let account = members
        .insert("credentialsFile".to_owned(), json!("account"))
        .unwrap();
    members.insert("port".to_owned(), json!(slapd.port));
    let mut account = account.to_string();
    for (name, value) in change.as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            ("credentialsFile", Value::String(_)) => account = account.replace("searchpw", "wrong"),
            ("port", Value::String(_)) => _ = members.insert(name.clone(), json!(slapd.tls_port)),
            ("htpasswd" | "apiKey", _) => {}
            (_, Value::Null) => _ = members.remove(name),
            _ => _ = members.insert(name.clone(), value.clone()),
        }
    }
    let document = json!({ "http": { "auth": { "ldap": ldap } } });
    let config = config::read(&document)?.unwrap();
    let read = |path: &Path| match path.to_str().unwrap() {
        "account" => Ok(account.clone().into_bytes()),
        "ca.pem" => Ok(std::fs::read(fixture("certificates/directory-ca.pem")).unwrap()),
        other => Err(format!("{other} is no file of the rows")),
    };
    let loaded = config::load(&config, &read)?;
    let authorities = loaded.ldap_authorities.as_deref();
    Ok(Directory::new(config.ldap.unwrap(), loaded.service_account, authorities).unwrap())
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn texts(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap())
        .collect()
}

const OUTAGE: Result<Option<Person>, LoginError> = Err(LoginError::Unavailable {
    reason: Unavailable::Directory,
    retry_after: OPEN,
});

#[test]
fn rows_of_escapes() {
    let rows = cases::rows("ldap-escape");
    for row in &rows {
        let user = match row.input["user"].as_str() {
            Some(user) => user.as_bytes(),
            None => b"\xff\xfe",
        };
        assert_eq!(
            escape(user),
            row.expect["escaped"].as_str().unwrap(),
            "{}",
            row.id
        );
    }
    assert_eq!(rows.len(), 17);
}

#[test]
fn rows_of_filters() {
    let rows = cases::rows("ldap-filter");
    for row in &rows {
        let [attribute, user, text] =
            ["userAttribute", "user", "userFilter"].map(|name| row.input[name].as_str().unwrap());
        let narrowed = if text.is_empty() {
            Ok(None)
        } else {
            UserFilter::parse(text).map(Some)
        };
        if let Some(result) = row.expect["result"].as_str() {
            assert!(result.starts_with("refused at start"), "{}", row.id);
            assert!(narrowed.is_err(), "{}: {narrowed:?}", row.id);
        } else {
            let filter = of_user(attribute, user.as_bytes(), narrowed.unwrap().as_ref());
            assert_eq!(filter, row.expect["filter"].as_str().unwrap(), "{}", row.id);
            assert!(ldap3::parse_filter(&filter).is_ok(), "{}", row.id);
        }
    }
    assert_eq!(rows.len(), 18);
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn rows_of_logins() {
    let slapd = Slapd::start();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let rows = cases::rows("ldap-login");
    for row in &rows {
        let mut change = row.input["change"].clone();
        let is_silent = change["port"]
            .as_str()
            .is_some_and(|port| port.contains("never writes"));
        if is_silent {
            change["port"] = json!(silent.local_addr().unwrap().port());
        }
        let directory = configured(&slapd, &change);
        if row.expect["result"]
            .as_str()
            .is_some_and(|result| result == "refused at start")
        {
            assert!(directory.is_err(), "{}", row.id);
            continue;
        }
        let mut directory = directory.unwrap_or_else(|errors| panic!("{}: {errors:?}", row.id));
        if is_silent {
            directory.limits = SHORT;
        }
        row_of_login(row, &directory).await;
    }
    assert_eq!(rows.len(), 40);
}

async fn row_of_login(row: &Row, directory: &Directory) {
    let [user, password] = ["user", "password"].map(|name| row.input[name].as_str().unwrap());
    // These are rows of the order of methods; the directory itself knows neither password.
    let other_method = ["ldap-login-48", "ldap-login-50"].contains(&row.id.as_str());
    let status = if other_method {
        401
    } else {
        row.expect["status"].as_u64().unwrap()
    };
    let person = directory.authenticate(user, &secret(password)).await;
    match status {
        200 => {
            let person = person.unwrap().unwrap_or_else(|| panic!("{}", row.id));
            assert_eq!(
                person.user,
                row.expect["user"].as_str().unwrap_or("ann"),
                "{}",
                row.id
            );
            assert_eq!(person.method, Method::Ldap);
            if row.expect["ldapGroups"].is_array() {
                let [groups, expected] = [
                    person.groups.iter().map(String::as_str).collect(),
                    texts(&row.expect["ldapGroups"]),
                ]
                .map(HashSet::<&str>::from_iter);
                assert_eq!(groups, expected, "{}", row.id);
            }
        }
        401 => assert_eq!(person, Ok(None), "{}", row.id),
        503 => assert_eq!(person, OUTAGE, "{}", row.id),
        other => panic!("{}: {other}", row.id),
    }
    if user.is_empty() || password.is_empty() {
        assert_eq!(directory.asked(), Asked::default(), "{}", row.id);
    }
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn an_outage_is_no_wrong_password_and_ends_with_the_server_s_return() {
    let mut slapd = Slapd::start();
    let directory = configured(&slapd, &json!({})).unwrap();
    let right = secret("annpw");
    let ann = directory.authenticate("ann", &right).await.unwrap();
    assert_eq!(ann.as_ref().unwrap().user, "ann");
    assert_eq!(directory.authenticate("ann", &right).await, Ok(ann.clone()));
    assert_eq!(directory.asked().connections, 1);
    // The idle connection has ended: a new one is opened.
    slapd.stop();
    slapd.resume();
    assert_eq!(directory.authenticate("ann", &right).await, Ok(ann.clone()));
    assert_eq!(directory.asked().connections, 2);
    slapd.stop();
    assert_eq!(directory.authenticate("ann", &right).await, OUTAGE);
    let asked = directory.asked();
    assert_eq!((asked.connections, asked.is_open), (4, true));
    // Nothing is sent while the circuit is open, not even when the server is back.
    let until = Instant::now() + Duration::from_hours(1);
    directory.state().circuit = Circuit::Open { until };
    slapd.resume();
    for _ in 0..3 {
        let skipped = directory.authenticate("ann", &right).await;
        assert!(matches!(
            skipped,
            Err(LoginError::Unavailable {
                reason: Unavailable::Directory,
                ..
            })
        ));
    }
    let asked = directory.asked();
    assert_eq!(
        (
            asked.answered,
            asked.outages,
            asked.skipped,
            asked.connections
        ),
        (3, 1, 3, 4)
    );
    assert!(asked.is_open);
    directory.state().circuit = Circuit::Open {
        until: Instant::now(),
    };
    assert_eq!(directory.authenticate("ann", &right).await, Ok(ann));
    assert!(!directory.asked().is_open);
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn a_wrong_service_password_is_sent_once() {
    let slapd = Slapd::start();
    let directory = configured(&slapd, &json!({ "credentialsFile": "wrong password" })).unwrap();
    assert_eq!(
        directory.authenticate("ann", &secret("annpw")).await,
        OUTAGE
    );
    let log = slapd.log();
    let bind = "BIND dn=\"cn=searcher,dc=example,dc=org\" method=128";
    let refused = log.lines().filter(|line| line.contains(bind)).count();
    assert_eq!(
        (
            refused,
            directory.asked().connections,
            slapd.binds_of_people()
        ),
        (1, 1, 0)
    );
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn many_logins_share_four_connections() {
    let slapd = Slapd::start();
    let directory = Arc::new(configured(&slapd, &json!({})).unwrap());
    let logins = (0..40).map(|number| {
        let directory = Arc::clone(&directory);
        tokio::spawn(async move {
            // Each connection is bound as somebody else in turn.
            let [user, other] = if number % 2 == 0 {
                ["ann", "ben"]
            } else {
                ["ben", "ann"]
            };
            let right = secret(&format!("{user}pw"));
            let person = directory.authenticate(user, &right).await.unwrap().unwrap();
            let wrong = directory.authenticate(other, &right).await;
            (user, person.user, wrong)
        })
    });
    for login in logins.collect::<Vec<_>>() {
        let (user, found, wrong) = login.await.unwrap();
        assert_eq!((found.as_str(), wrong), (user, Ok(None)));
    }
    let asked = directory.asked();
    assert_eq!((asked.answered, asked.outages), (80, 0));
    assert!((1..=4).contains(&asked.connections), "{asked:?}");
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn without_an_account_the_search_is_anonymous() {
    let slapd = Slapd::start();
    let directory = configured(&slapd, &json!({ "credentialsFile": null })).unwrap();
    let ann = directory
        .authenticate("ann", &secret("annpw"))
        .await
        .unwrap();
    assert_eq!(ann.unwrap().user, "ann");
    assert!(
        slapd.log().contains("BIND dn=\"\" method=128"),
        "{}",
        slapd.log()
    );
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn the_server_s_name_is_verified() {
    let slapd = Slapd::start();
    // The certificate is for 127.0.0.1.
    let rows = [
        (
            json!({ "insecure": true, "startTLS": true, "caCert": "ca.pem" }),
            true,
        ),
        (
            json!({ "insecure": true, "startTLS": true, "caCert": "ca.pem", "address": "localhost" }),
            false,
        ),
        (
            json!({ "insecure": true, "startTLS": true, "skipVerify": true, "address": "localhost" }),
            true,
        ),
        (
            json!({ "insecure": false, "port": "ldaps", "caCert": "ca.pem", "address": "localhost" }),
            false,
        ),
        (
            json!({ "insecure": false, "port": "ldaps", "skipVerify": true, "address": "localhost" }),
            true,
        ),
        // The port of StartTLS speaks no TLS at first.
        (json!({ "insecure": false, "caCert": "ca.pem" }), false),
    ];
    for (change, is_right) in rows {
        let directory = configured(&slapd, &change).unwrap();
        let result = directory.authenticate("ann", &secret("annpw")).await;
        if is_right {
            assert_eq!(result.unwrap().unwrap().user, "ann", "{change}");
        } else {
            assert_eq!(result, OUTAGE, "{change}");
        }
    }
}

#[tokio::test]
async fn a_silent_server_is_an_outage_after_two_tries() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let document = json!({ "http": { "auth": { "ldap": {
        "address": "127.0.0.1", "insecure": true, "port": silent.local_addr().unwrap().port(), "baseDN": "dc=x", "userAttribute": "uid",
    } } } });
    let server = config::read(&document).unwrap().unwrap().ldap.unwrap();
    let mut directory = Directory::new(server, None, None).unwrap();
    directory.limits = SHORT;
    let accepting = tokio::spawn(async move {
        let mut held = Vec::new();
        while held.len() < 2 {
            held.push(silent.accept().await.unwrap());
        }
        (silent, held)
    });
    assert_eq!(
        directory.authenticate("ann", &secret("annpw")).await,
        OUTAGE
    );
    let asked = directory.asked();
    assert_eq!((asked.outages, asked.connections), (1, 2));
    accepting.await.unwrap();
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn people_are_found_again_without_their_password() {
    let slapd = Slapd::start();
    let directory = configured(
        &slapd,
        &json!({ "userGroupAttribute": "employeeType", "userFilter": "(objectClass=person)" }),
    )
    .unwrap();
    let ann = directory
        .authenticate("ann", &secret("annpw"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(directory.lookup("ann").await.unwrap().unwrap(), ann);
    let binds = slapd.binds_of_people();
    let dn = "uid=ann,ou=Users,dc=example,dc=org";
    let mut administrator = slapd.administrator().await;
    let changed = administrator
        .modify(
            dn,
            vec![Mod::Replace("employeeType", HashSet::from(["team-c"]))],
        )
        .await;
    changed.unwrap().success().unwrap();
    let found = directory.lookup("ann").await.unwrap().unwrap();
    assert_eq!(
        (found.groups.as_slice(), &found.sid),
        (&["team-c".to_owned()][..], &ann.sid)
    );
    administrator.delete(dn).await.unwrap().success().unwrap();
    assert_eq!(directory.lookup("ann").await, Ok(None));
    assert_eq!(directory.lookup("").await, Ok(None));
    assert_eq!(slapd.binds_of_people(), binds);
    // Somebody else of the same name is somebody else.
    let ben = directory.lookup("ben").await.unwrap().unwrap();
    assert_ne!(ben.sid, ann.sid);
}

#[tokio::test]
async fn that_others_take_long_is_no_outage() {
    let (port, requests) = stub::serve(vec![Reply {
        code: 0,
        entries: vec![],
    }])
    .await;
    let mut directory = at(port);
    directory.limits = SHORT;
    let busy = Err(LoginError::Unavailable {
        reason: Unavailable::Busy,
        retry_after: BUSY,
    });
    let password = secret("pw");
    let turns = directory.turns.acquire_many(4).await.unwrap();
    assert_eq!(directory.authenticate("ann", &password).await, busy);
    drop(turns);
    let places = directory.places.acquire_many(104).await.unwrap();
    assert_eq!(directory.authenticate("ann", &password).await, busy);
    drop(places);
    assert_eq!(requests.lock().unwrap().len(), 0);
    assert_eq!(directory.authenticate("ann", &password).await, Ok(None));
    let asked = directory.asked();
    assert_eq!(
        (asked.answered, asked.outages, asked.is_open),
        (1, 0, false)
    );
}

/// A directory at a port, without TLS and anonymous, with groups.
fn at(port: u16) -> Directory {
    let document = json!({ "http": { "auth": { "ldap": {
        "address": "127.0.0.1", "insecure": true, "port": port, "baseDN": "dc=x", "userAttribute": "uid", "userGroupAttribute": "memberOf",
    } } } });
    let server = config::read(&document).unwrap().unwrap().ldap.unwrap();
    Directory::new(server, None, None).unwrap()
}

#[tokio::test]
async fn answers_of_unusual_servers() {
    let found = |dn: &'static str, attributes: &[(&'static str, &[&'static str])]| {
        let attributes = attributes
            .iter()
            .map(|(name, values)| (*name, values.to_vec()));
        (dn, attributes.collect::<Vec<_>>())
    };
    let reply = |code, entries: &[StubEntry]| Reply {
        code,
        entries: entries.to_vec(),
    };
    let ann = |groups: &[(&'static str, &[&'static str])]| {
        let attributes = [&[("uid", &["ann"][..])], groups].concat();
        reply(0, &[found("uid=ann,dc=x", &attributes)])
    };
    let part = |name, values| reply(0, &[found("uid=ann,dc=x", &[(name, values)])]);
    let first = ann(&[("memberOf;range=0-1", &["a", "b"])]);
    let groups = |groups: &[&str]| {
        Ok(Some(
            groups
                .iter()
                .map(|group| (*group).to_owned())
                .collect::<Vec<_>>(),
        ))
    };
    let outage = || Err(OUTAGE.unwrap_err());
    // (answers to searches, groups or why not, binds with the password)
    let rows = [
        (vec![ann(&[("memberOf", &["a"])])], groups(&["a"]), 1),
        (
            vec![
                first.clone(),
                part("memberOf;range=2-3", &["c", "d"]),
                part("memberOf;range=4-*", &["e"]),
            ],
            groups(&["a", "b", "c", "d", "e"]),
            1,
        ),
        // Parts that do not end, or do not come.
        (vec![first.clone()], outage(), 0),
        (vec![first.clone(), reply(0, &[])], outage(), 0),
        (vec![first, part("memberOf;range=2-*", &[])], outage(), 0),
        // More entries than were given: the one is not the only one.
        (
            vec![reply(4, &[found("uid=ann,dc=x", &[("uid", &["ann"])])])],
            Ok(None),
            0,
        ),
        // A bind without a name succeeds, whatever the password is.
        (
            vec![reply(0, &[found("", &[("uid", &["ann"])])])],
            Ok(None),
            0,
        ),
        (vec![reply(0, &[found("uid=ann,dc=x", &[])])], Ok(None), 0),
        (vec![reply(32, &[])], Ok(None), 0),
        (vec![reply(50, &[])], outage(), 0),
        (vec![reply(51, &[])], outage(), 0),
    ];
    for (index, (replies, expected, binds)) in rows.into_iter().enumerate() {
        let (at_port, requests) = stub::serve(replies).await;
        let person = at(at_port)
            .authenticate("ann", &secret("the password"))
            .await;
        assert_eq!(
            person.map(|person| person.map(|person| person.groups)),
            expected,
            "row {index}"
        );
        let requests = requests.lock().unwrap();
        let with_password = requests
            .iter()
            .filter(|request| request.windows(12).any(|window| window == b"the password"));
        assert_eq!(with_password.count(), binds, "row {index}");
        let asked = requests
            .iter()
            .filter(|request| request.windows(8).any(|window| window == b";range=2"));
        assert_eq!(
            asked.count(),
            usize::from((1..5).contains(&index)),
            "row {index}"
        );
    }
}
