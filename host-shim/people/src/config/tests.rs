use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::cases;

const CERTIFICATE: &str = include_str!("../../../../tests/fixtures/certificates/directory-ca.pem");

/// What a row becomes: a document, and the files that it names.
struct Given {
    document: Value,
    files: BTreeMap<&'static str, String>,
}

fn auth(sections: impl Into<Option<Value>>) -> Given {
    let auth = sections.into();
    let files = [
        ("users", "a:x".to_owned()),
        ("ca.pem", CERTIFICATE.to_owned()),
    ];
    Given {
        document: json!({ "http": { "auth": auth } }),
        files: files.into(),
    }
}

impl Given {
    fn with(mut self, file: &'static str, content: &Value) -> Self {
        self.files.insert(file, content.to_string());
        self
    }

    /// The errors of reading and loading.
    fn outcome(&self) -> Result<Option<(PeopleConfig, Loaded)>, Vec<ConfigError>> {
        let Some(config) = read(&self.document)? else {
            return Ok(None);
        };
        let reader = |path: &Path| {
            let text = self.files.get(path.to_str().unwrap());
            text.map(|text| text.clone().into_bytes())
                .ok_or_else(|| "not found".to_owned())
        };
        let loaded = load(&config, &reader)?;
        Ok(Some((config, loaded)))
    }
}

fn ldap(change: &Value) -> Value {
    let mut ldap = json!({ "address": "a", "port": 636, "baseDN": "dc=x", "userAttribute": "uid" });
    for (key, value) in change.as_object().unwrap() {
        if value.is_null() {
            ldap.as_object_mut().unwrap().remove(key);
        } else {
            ldap[key] = value.clone();
        }
    }
    json!({ "ldap": ldap })
}

fn oidc(change: &Value) -> Value {
    let mut oidc =
        json!({ "clientid": "c", "issuer": "https://issuer.example.com", "scopes": ["openid"] });
    for (key, value) in change.as_object().unwrap() {
        oidc[key] = value.clone();
    }
    if oidc["credentialsFile"].is_string() {
        oidc.as_object_mut().unwrap().remove("clientid");
    }
    json!({ "openid": { "providers": { "oidc": oidc } } })
}

fn session(change: &Value) -> Value {
    let mut auth = json!({ "htpasswd": { "path": "users" } });
    for (key, value) in change.as_object().unwrap() {
        auth[key] = value.clone();
    }
    auth
}

/// (row, what is configured, the path and the text of its error)
type Case = (&'static str, Given, Option<(&'static str, &'static str)>);

fn table() -> Vec<Case> {
    let account = |content: Value| {
        auth(ldap(&json!({ "credentialsFile": "account" }))).with("account", &content)
    };
    let keys = |content: Value| {
        auth(session(&json!({ "sessionKeysFile": "keys" }))).with("keys", &content)
    };
    vec![
        ("01", auth(ldap(&json!({ "port": 389 }))), None),
        (
            "02",
            auth(ldap(&json!({ "port": null }))),
            Some((
                "http.auth.ldap.port",
                "636 is usual for this connection, 389 for the other",
            )),
        ),
        (
            "03",
            auth(ldap(&json!({ "address": null }))),
            Some((
                "http.auth.ldap.address",
                "must be given, such as `ldap.example.com`",
            )),
        ),
        (
            "05",
            auth(ldap(&json!({ "userAttribute": null }))),
            Some((
                "http.auth.ldap.userAttribute",
                "must be given, such as `uid`",
            )),
        ),
        ("06", auth(ldap(&json!({ "port": "389" }))), None),
        (
            "07",
            auth(ldap(&json!({ "bindDN": "x" }))),
            Some((
                "http.auth.ldap.bindDN",
                "belongs into the file that `credentialsFile` names",
            )),
        ),
        (
            "08",
            auth(json!({ "ldap": {} })),
            Some((
                "http.auth.ldap",
                "is empty, which zot takes as no authentication at all (D17)",
            )),
        ),
        (
            "10",
            account(json!({ "bindDN": "cn=x", "bindPassword": "p", "x": 1 })),
            Some((
                "http.auth.ldap.credentialsFile",
                "the file `account` is wrong: `x` unknown key",
            )),
        ),
        (
            "11",
            account(json!({ "binddn": "cn=x", "BINDPASSWORD": "p" })),
            None,
        ),
        (
            "12",
            account(json!({ "bindDN": "", "bindPassword": "" })),
            None,
        ),
        (
            "13",
            auth(ldap(&json!({ "caCert": "users" }))),
            Some((
                "http.auth.ldap.caCert",
                "the file `users` is not the PEM text of certificates",
            )),
        ),
        ("15", auth(json!({ "HTPASSWD": { "PATH": "users" } })), None),
        (
            "16",
            auth(json!({ "htpasswd": { "path": "users", "x": 1 } })),
            Some(("http.auth.htpasswd.x", "unknown key; known here: path")),
        ),
        (
            "17",
            auth(json!({ "openid": {} })),
            Some((
                "http.auth.openid",
                "names no provider, which zot takes as no authentication at all (D17)",
            )),
        ),
        (
            "18",
            auth(json!({ "openid": { "providers": {} } })),
            Some(("http.auth.openid.providers", "(D17)")),
        ),
        (
            "20",
            auth(oidc(&json!({ "credentialsFile": "client" })))
                .with("client", &json!({ "clientid": "a", "clientsecret": "" })),
            None,
        ),
        (
            "21",
            auth(oidc(&json!({ "keypath": "missing" }))),
            Some((
                "http.auth.openid.providers.oidc.keypath",
                "the file `missing` cannot be read: not found",
            )),
        ),
        (
            "22",
            auth(oidc(&json!({ "issuer": "https://down.example.com" }))),
            None,
        ),
        (
            "23",
            auth(oidc(&json!({ "issuer": "https://issuer.example.com/" }))),
            None,
        ),
        ("25", auth(oidc(&json!({ "scopes": "openid" }))), None),
        (
            "26",
            auth(oidc(&json!({ "claimMapping": { "user": "x" } }))),
            Some((
                "http.auth.openid.providers.oidc.claimMapping.user",
                "unknown key; did you mean `username`",
            )),
        ),
        (
            "27",
            auth(json!({ "openid": { "providers": { "azure": {} } } })),
            Some((
                "http.auth.openid.providers.azure",
                "is no provider that is known: google, gitlab, oidc or github",
            )),
        ),
        (
            "28",
            auth(
                json!({ "openid": { "providers": { "GitHub": { "clientid": "c", "scopes": ["x"] } } } }),
            ),
            None,
        ),
        (
            "30",
            keys(json!({ "hashKey": "0123456789abcdef0123456789abcdef", "other": 1 })),
            Some((
                "http.auth.sessionKeysFile",
                "the file `keys` is wrong: `other` unknown key",
            )),
        ),
        (
            "31",
            auth(session(&json!({ "sessionKeysFile": "missing" }))),
            Some((
                "http.auth.sessionKeysFile",
                "the file `missing` cannot be read: not found",
            )),
        ),
        (
            "32",
            keys(json!({ "encryptKey": "0123456789abcdef" })),
            Some((
                "http.auth.sessionKeysFile",
                "needs `hashKey` with 32 bytes or more (D34)",
            )),
        ),
        (
            "33",
            auth(session(&json!({ "sessionDriver": { "name": "local" } }))),
            None,
        ),
        (
            "35",
            auth(session(
                &json!({ "sessionDriver": { "name": "memcached" } }),
            )),
            Some(("http.auth.sessionDriver.name", "must be `local` or `redis`")),
        ),
        ("36", auth(session(&json!({ "sessionDriver": {} }))), None),
        (
            "37",
            keys(json!({ "hashKey": "0123456789abcdef0123456789abcdef" })).and(
                "sessionDriver",
                json!({ "name": "redis", "url": "redis://r:6379" }),
            ),
            None,
        ),
        (
            "38",
            auth(session(
                &json!({ "sessionDriver": { "name": "redis", "url": "redis://unreachable.invalid" } }),
            )),
            None,
        ),
        ("40", auth(session(&json!({ "apikey": "true" }))), None),
        (
            "41",
            auth(session(&json!({ "secureSession": "yes" }))),
            Some(("http.auth.secureSession", "must be true or false")),
        ),
        ("42", auth(session(&json!({ "failDelay": "2" }))), None),
    ]
}

impl Given {
    fn and(mut self, key: &str, value: Value) -> Self {
        self.document["http"]["auth"][key] = value;
        self
    }
}

#[test]
fn rows_of_the_configuration() {
    let rows = cases::rows("config-identity");
    let mut table = table();
    for row in &rows {
        let position = table
            .iter()
            .position(|(id, ..)| format!("config-identity-{id}") == row.id)
            .unwrap_or_else(|| panic!("{} is not tested", row.id));
        let (_, given, error) = table.remove(position);
        // What the row says in words, and what the table says of it, have to be the same.
        let result = row.expect["result"].as_str().unwrap();
        let is_refused = result.contains("refused");
        assert!(
            is_refused || result.contains("starts") || result.contains("accepted"),
            "{}",
            row.id
        );
        assert_eq!(is_refused, error.is_some(), "{}", row.id);
        match (given.outcome(), error) {
            (Ok(config), None) => assert!(config.is_some(), "{}", row.id),
            (Err(errors), Some((path, message))) => assert!(
                errors
                    .iter()
                    .any(|found| found.path == path && found.message.contains(message)),
                "{}: {errors:?}",
                row.id
            ),
            (outcome, _) => panic!("{}: {outcome:?}", row.id),
        }
    }
    assert!(table.is_empty());
    assert_eq!(rows.len(), 34);
}

#[test]
fn values_are_read_in_each_form_that_zot_takes() {
    let given = auth(json!({
        "LDAP": {
            "Address": "ldap.example.com", "PORT": "389", "insecure": "true", "starttls": 1, "basedn": "dc=x",
            "userattribute": "uid", "usergroupattribute": "memberOf", "userFilter": "!(a=b)", "subtreesearch": "T",
            "cacert": "ca.pem", "credentialsfile": "account",
        },
        "apiKey": "1", "apiKeyMaxAge": "24h", "sessionMaxAge": "12h", "secureSession": "0",
        "sessionDriver": { "name": "redis", "url": "rediss://u:pw@r:1/2" },
    }))
    .with("account", &json!({ "bindDN": "cn=s,dc=x", "bindPassword": "pw" }));
    let (config, loaded) = given.outcome().unwrap().unwrap();
    let ldap = config.ldap.as_ref().unwrap();
    assert_eq!(
        (ldap.port, ldap.security, ldap.scope),
        (389, Security::StartTls, SearchScope::Subtree)
    );
    assert_eq!(ldap.user_filter.as_ref().unwrap().as_str(), "(!(a=b))");
    assert_eq!(ldap.group_attribute.as_deref(), Some("memberOf"));
    assert_eq!(config.methods(), ["ldap", "apiKey"]);
    let hours = |hours: u64| Some(std::time::Duration::from_secs(hours * 3600));
    assert_eq!(config.api_keys.as_ref().unwrap().max_age, hours(24));
    assert_eq!(config.sessions.max_age, hours(12));
    assert_eq!(config.sessions.secure, Some(false));
    let Driver::Redis { url, key_prefix } = &config.sessions.driver else {
        panic!("{config:?}");
    };
    assert_eq!(
        (url.expose(), key_prefix.as_str()),
        (&b"rediss://u:pw@r:1/2"[..], "zotsession")
    );
    assert_eq!(
        loaded
            .service_account
            .as_ref()
            .unwrap()
            .bind_password
            .expose(),
        b"pw"
    );
    assert_eq!(loaded.ldap_authorities.as_ref().unwrap().len(), 1);
    let shown = format!("{config:?} {loaded:?}");
    assert!(!shown.contains("pw"), "{shown}");
}

#[test]
fn a_document_without_people_is_none() {
    for document in [
        json!({}),
        json!({ "http": {} }),
        json!({ "http": { "auth": { "bearer": {}, "failDelay": 2, "mtls": {} } } }),
        json!({ "http": { "auth": { "apiKey": false, "sessionDriver": { "name": "local" } } } }),
        json!({ "http": "x" }),
        json!([]),
    ] {
        assert!(read(&document).unwrap().is_none(), "{document}");
    }
}

#[test]
fn mistakes_are_named_with_their_place() {
    let oidc_with = |change: Value| oidc(&change);
    let rows = [
        (json!({ "htpasswd": {} }), "http.auth.htpasswd", "(D17)"),
        (
            json!({ "htpasswd": "users" }),
            "http.auth.htpasswd",
            "must be an object, not a string",
        ),
        (json!({ "htpasswd": null }), "http.auth.htpasswd", "is null"),
        (
            json!({ "htpasswd": { "path": "" } }),
            "http.auth.htpasswd.path",
            "must be given",
        ),
        (
            json!({ "htpasswd": { "path": ["a"] } }),
            "http.auth.htpasswd.path",
            "must be a string, not an array",
        ),
        (
            json!({ "htpasswd": { "path": "a", "Path": "b" } }),
            "http.auth.htpasswd.Path",
            "duplicate key",
        ),
        (
            json!({ "apiKey": true }),
            "http.auth.apiKey",
            "needs a method to log in with",
        ),
        (
            json!({ "apiKeyMaxAge": "1d", "htpasswd": { "path": "a" } }),
            "http.auth.apiKeyMaxAge",
            "must be a duration",
        ),
        (
            ldap(&json!({ "port": 0 })),
            "http.auth.ldap.port",
            "must be given",
        ),
        (
            ldap(&json!({ "port": 65536 })),
            "http.auth.ldap.port",
            "from 1 to 65535",
        ),
        (
            ldap(&json!({ "port": "ldap" })),
            "http.auth.ldap.port",
            "from 1 to 65535",
        ),
        (
            ldap(&json!({ "port": -1 })),
            "http.auth.ldap.port",
            "from 1 to 65535",
        ),
        (
            ldap(&json!({ "address": "ldap://a" })),
            "http.auth.ldap.address",
            "without scheme and port",
        ),
        (
            ldap(&json!({ "address": "a:389" })),
            "http.auth.ldap.address",
            "without scheme and port",
        ),
        (
            ldap(&json!({ "address": "::1" })),
            "http.auth.ldap.address",
            "an IPv6 address cannot be verified",
        ),
        (
            ldap(&json!({ "baseDN": "not a dn" })),
            "http.auth.ldap.baseDN",
            "must be a distinguished name",
        ),
        (
            ldap(&json!({ "userAttribute": "*" })),
            "http.auth.ldap.userAttribute",
            "must be the name of one attribute",
        ),
        (
            ldap(&json!({ "userGroupAttribute": "*" })),
            "http.auth.ldap.userGroupAttribute",
            "(D26)",
        ),
        (
            ldap(&json!({ "userGroupAttribute": "+" })),
            "http.auth.ldap.userGroupAttribute",
            "(D26)",
        ),
        (
            ldap(&json!({ "userFilter": "a=b)(c=d" })),
            "http.auth.ldap.userFilter",
            "(D27)",
        ),
        (
            ldap(&json!({ "insecure": "maybe" })),
            "http.auth.ldap.insecure",
            "must be true or false",
        ),
        (
            ldap(&json!({ "bindPassword": "pw" })),
            "http.auth.ldap.bindPassword",
            "belongs into the file",
        ),
        (
            ldap(&json!({ "useFilter": "(a=b)" })),
            "http.auth.ldap.useFilter",
            "did you mean `userFilter`",
        ),
        (
            oidc_with(json!({ "scopes": [] })),
            "http.auth.openid.providers.oidc.scopes",
            "must be given",
        ),
        (
            oidc_with(json!({ "issuer": "" })),
            "http.auth.openid.providers.oidc.issuer",
            "must be given",
        ),
        (
            oidc_with(json!({ "issuer": "issuer" })),
            "http.auth.openid.providers.oidc.issuer",
            "",
        ),
        (
            oidc_with(json!({ "clientid": "" })),
            "http.auth.openid.providers.oidc.clientid",
            "must be given",
        ),
        (
            oidc_with(json!({ "tokenurl": "https://a" })),
            "http.auth.openid.providers.oidc.tokenurl",
            "GitHub Enterprise only",
        ),
        (
            json!({ "openid": { "providers": { "github": { "clientid": "c", "scopes": "x", "authurl": "https://a" } } } }),
            "http.auth.openid.providers.github.tokenurl",
            "belong together",
        ),
        (
            json!({ "openid": { "providers": { "oidc": { "clientid": "c", "scopes": "x", "issuer": "https://a" }, "OIDC": { "clientid": "c", "scopes": "x", "issuer": "https://a" } } } }),
            "http.auth.openid.providers",
            "has `oidc` twice",
        ),
        (
            json!({ "openid": { "callbackAllowOrigins": ["x"], "providers": {} } }),
            "http.auth.openid.callbackAllowOrigins",
            "",
        ),
        (
            session(&json!({ "sessionDriver": { "name": "redis" } })),
            "http.auth.sessionDriver.url",
            "must be given",
        ),
        (
            session(&json!({ "sessionDriver": { "name": "redis", "url": "http://u:pw@r" } })),
            "http.auth.sessionDriver.url",
            "must begin with `redis://`",
        ),
        (
            session(
                &json!({ "sessionDriver": { "name": "redis", "addr": "r:1", "url": "redis://r" } }),
            ),
            "http.auth.sessionDriver.addr",
            "unknown key",
        ),
        (
            session(&json!({ "sessionDriver": { "url": "redis://r" } })),
            "http.auth.sessionDriver.url",
            "is for `name` = `redis` only",
        ),
    ];
    for (sections, path, message) in rows {
        let shown = sections.to_string();
        let errors = auth(sections)
            .outcome()
            .err()
            .unwrap_or_else(|| panic!("{shown}"));
        assert!(
            errors
                .iter()
                .any(|found| found.path == path && found.message.contains(message)),
            "{shown}: {errors:?}"
        );
        assert!(!format!("{errors:?}").contains("pw"), "{errors:?}");
    }
}

#[test]
fn all_mistakes_are_named_at_once() {
    let errors = auth(
        json!({ "htpasswd": {}, "ldap": { "port": "x" }, "openid": {}, "secureSession": "yes" }),
    )
    .outcome()
    .unwrap_err();
    let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "http.auth.htpasswd",
            "http.auth.ldap.address",
            "http.auth.ldap.port",
            "http.auth.ldap.baseDN",
            "http.auth.ldap.userAttribute",
            "http.auth.openid",
            "http.auth.secureSession",
        ]
    );
}

#[test]
fn findings_say_what_an_operator_ought_to_know() {
    let mut oidc_and_ldap = oidc(&json!({}));
    oidc_and_ldap["ldap"] = ldap(&json!({}))["ldap"].clone();
    let plain = ldap(&json!({ "insecure": true, "port": 636, "caCert": "ca.pem" }));
    let rows = [
        (
            plain.clone(),
            "http.auth.ldap.insecure",
            "unencrypted (D24)",
        ),
        (plain.clone(), "http.auth.ldap.caCert", "is not used"),
        (plain, "http.auth.ldap.port", "not the usual port"),
        (
            ldap(&json!({ "skipVerify": true })),
            "http.auth.ldap.skipVerify",
            "not verified (D24)",
        ),
        (
            ldap(&json!({ "startTLS": true })),
            "http.auth.ldap.startTLS",
            "is not used",
        ),
        (session(&ldap(&json!({}))), "http.auth.ldap", "(D29)"),
        (oidc_and_ldap, "http.auth.openid", "(D29)"),
        (
            oidc(&json!({ "claimMapping": { "username": "preferred_username" } })),
            "http.auth.openid.providers.oidc.claimMapping",
            "(D29)",
        ),
        (
            oidc(&json!({ "issuer": "http://localhost:1" })),
            "http.auth.openid.providers.oidc.issuer",
            "is not encrypted",
        ),
        (oidc(&json!({})), "http.externalUrl", "is not given"),
    ];
    for (sections, path, message) in rows {
        let shown = sections.to_string();
        let (config, _) = auth(sections).outcome().unwrap().unwrap();
        assert!(
            config
                .findings
                .iter()
                .any(|found| found.path == path && found.message.contains(message)),
            "{shown}: {:?}",
            config.findings
        );
    }
    let (config, _) = auth(ldap(&json!({}))).outcome().unwrap().unwrap();
    assert_eq!(config.findings, []);
    let both = auth(ldap(&json!({ "startTLS": true })));
    let (config, _) = both.outcome().unwrap().unwrap();
    assert_eq!(config.ldap.unwrap().security, Security::Ldaps);
}

#[test]
fn files_are_read_and_their_mistakes_named_without_their_content() {
    let key = json!({ "type": "application", "keyId": "7", "key": "-----BEGIN PRIVATE KEY-----\npw\n-----END PRIVATE KEY-----", "clientId": "c" });
    let given = auth(oidc(
        &json!({ "keypath": "key", "credentialsFile": "client" }),
    ))
    .with("key", &key)
    .with("client", &json!({ "clientID": "id", "ClientSecret": "pw" }));
    let (_, loaded) = given.outcome().unwrap().unwrap();
    let client = &loaded.clients[&ProviderKey::Oidc];
    assert_eq!(client.id, "id");
    assert_eq!(client.secret.as_ref().unwrap().expose(), b"pw");
    assert_eq!(client.key.as_ref().unwrap().key_id, "7");
    let keys =
        |content: Value| auth(session(&json!({ "sessionKeysFile": "f" }))).with("f", &content);
    let hash = "0123456789abcdef0123456789abcdef";
    let rows = [
        (keys(json!({})), "needs `hashKey`"),
        (keys(json!({ "hashKey": "pw" })), "needs `hashKey`"),
        (
            keys(json!({ "hashKey": hash, "encryptKey": "pw" })),
            "not 16, 24 or 32 bytes",
        ),
        (keys(json!("pw")), "has to hold one JSON object"),
        (keys(json!(["pw"])), "has to hold one JSON object"),
        (
            auth(ldap(&json!({ "credentialsFile": "f" }))).with("f", &json!({ "bindDN": "pw" })),
            "`bindPassword` must be given",
        ),
        (
            auth(ldap(&json!({ "credentialsFile": "f" })))
                .with("f", &json!({ "bindDN": "x", "bindPassword": ["pw"] })),
            "`bindPassword` must be a string",
        ),
        (
            auth(oidc(&json!({ "keypath": "f" }))).with("f", &json!({ "keyId": "1", "key": "pw" })),
            "needs `keyId`, and `key`",
        ),
        (
            auth(json!({ "htpasswd": { "path": "missing" } })),
            "the file `missing` cannot be read",
        ),
    ];
    for (given, message) in rows {
        let errors = given.outcome().unwrap_err();
        assert_eq!(errors.len(), 1, "{message}: {errors:?}");
        assert!(errors[0].message.contains(message), "{message}: {errors:?}");
        assert!(!format!("{errors:?}").contains("pw"), "{errors:?}");
    }
}
