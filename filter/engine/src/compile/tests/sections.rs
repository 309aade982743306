//! Names of keys: what is zot's is named and ignored, what is nobody's is refused, wherever it
//! stands.

use serde_json::{Value, json};

use super::{diagnose, good, merge, with};

/// A document of zot with everything that zot knows and this filter does not.
fn of_zot() -> Value {
    let mut document = good();
    merge(
        &mut document,
        &json!({
            "distSpecVersion": "1.1.1", "goVersion": "1", "commit": "c", "releaseTag": "v2", "binaryType": "full",
            "storage": { "rootDirectory": "/x" }, "extensions": {}, "scheduler": { "numWorkers": 3 },
            "cluster": { "members": [] },
            "log": { "level": "info", "output": "/x", "audit": "/y" },
        }),
    );
    merge(
        &mut document["http"],
        &json!({
            "address": "0.0.0.0", "port": "8080", "externalUrl": "https://x", "tls": { "cert": "/x" },
            "allowOrigin": "*", "readTimeout": "5s", "writeTimeout": "5s", "ratelimit": { "rate": 1 },
            "compat": ["docker2s2"], "allowReadAccess": true,
        }),
    );
    merge(
        &mut document["http"]["accessControl"],
        &json!({ "metrics": { "users": ["a"] } }),
    );
    merge(
        &mut document["http"]["auth"]["bearer"],
        &json!({ "upstreamTokenEndpoint": {} }),
    );
    document
}

#[test]
fn what_is_zots_and_not_ours_is_named_and_not_refused() {
    let diagnostics = diagnose(&of_zot());
    assert_eq!(diagnostics.errors, []);
    let reported: Vec<_> = diagnostics
        .warnings
        .iter()
        .map(ToString::to_string)
        .collect();
    for line in [
        "ignored, as only zot reads them: distSpecVersion, storage, extensions, scheduler, cluster, goVersion, commit, releaseTag, binaryType",
        "http: ignored, as only zot reads them: http.address, http.port, http.externalUrl, http.tls, http.allowOrigin, http.readTimeout, http.writeTimeout, http.ratelimit, http.compat, http.allowReadAccess",
        "log: ignored, as only zot reads them: log.output, log.audit",
    ] {
        assert!(
            reported.iter().any(|reported| reported == line),
            "{line}: {reported:#?}"
        );
    }
    for word in ["accessControl.metrics", "TokenEndpoint"] {
        assert!(
            reported.iter().any(|line| line.contains(word)),
            "{word}: {reported:#?}"
        );
    }
}

/// The filter has neither files nor a directory: without the native program nobody would get in.
#[test]
fn zots_sections_of_people_are_refused_with_who_reads_them() {
    let sections = [
        ("htpasswd", json!({ "path": "/x" })),
        ("ldap", json!({})),
        ("openid", json!({})),
        ("apiKey", json!(true)),
        ("APIKEY", json!(false)),
        ("sessionKeysFile", json!("/x")),
        ("sessionDriver", json!({})),
        ("secureSession", json!(true)),
        ("htpasswd", json!(null)),
    ];
    for (name, value) in sections {
        let errors = diagnose(&with(&format!("/http/auth/{name}"), json!({ "x": 1 }))).errors;
        assert_eq!(errors.len(), 1, "{errors:?}");
        let mut document = good();
        document["http"]["auth"][name] = value;
        let errors = diagnose(&document).errors;
        assert_eq!(errors.len(), 1, "{errors:?}");
        let path = errors[0].path.to_ascii_lowercase();
        assert_eq!(path, format!("http.auth.{}", name.to_ascii_lowercase()));
        assert!(
            errors[0].message.contains("registry-auth run"),
            "{errors:?}"
        );
    }
}

#[test]
fn a_section_that_has_no_effect_yet_says_so() {
    let section = "lint";
    let diagnostics = diagnose(&with(&format!("/{section}"), json!({})));
    assert_eq!(diagnostics.errors, []);
    let reported: Vec<_> = diagnostics
        .warnings
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        reported,
        [format!(
            "{section}: is ignored: this version knows the section and does not use it yet"
        )]
    );
}

/// Each of these left access control out without a word.
#[test]
fn a_key_that_nobody_knows_is_refused_with_the_nearest_one() {
    let control = good()["http"]["accessControl"].clone();
    // (place of the key, its name, what is suggested)
    let rows = [
        ("/http", "accesControl", "did you mean `accessControl`"),
        ("/http", "accessControls", "did you mean `accessControl`"),
        ("/http", "access_control", "did you mean `accessControl`"),
        ("/http", "access-control", "did you mean `accessControl`"),
        ("/http", "accessControl ", "did you mean `accessControl`"),
        ("/http", "acceſsControl", "did you mean `accessControl`"),
        ("/http", "authn", "did you mean `auth`"),
        (
            "/http",
            "xyz",
            "known here: realm, auth, accessControl, address, port",
        ),
        (
            "/http",
            "repositories",
            "did you mean `http.accessControl.repositories`",
        ),
        (
            "/http",
            "adminPolicy",
            "did you mean `http.accessControl.adminPolicy`",
        ),
        ("/http", "proxy", "did you mean `proxy`"),
        ("", "accessControl", "did you mean `http.accessControl`"),
        ("", "accesscontrol", "did you mean `http.accessControl`"),
        ("", "acessControl", "did you mean `http.accessControl`"),
        ("", "auth", "did you mean `http.auth`"),
        ("", "bearer", "did you mean `http.auth.bearer`"),
        ("", "htttp", "did you mean `http`"),
        ("", "proxi", "did you mean `proxy`"),
        ("", "intakes", "did you mean `intake`"),
        ("", "identityHeader", "did you mean `proxy.identityHeader`"),
        ("", "", "known here: intake, http, proxy, log"),
        (
            "/http/auth",
            "accessControl",
            "did you mean `http.accessControl`",
        ),
        ("/http/auth", "mTLSs", "did you mean `mtls`"),
        ("/http/auth", "oidc", "did you mean `http.auth.bearer.oidc`"),
        (
            "/http/auth/bearer",
            "accessControl",
            "did you mean `http.accessControl`",
        ),
        ("/http/auth/bearer", "audience", "did you mean `audiences`"),
        (
            "/http/auth/bearer/oidc/0",
            "audience",
            "did you mean `audiences`",
        ),
        (
            "/http/auth/bearer/oidc/0",
            "validations",
            "did you mean `http.auth.bearer.oidc[].claimMapping.validations`",
        ),
        (
            "/http/accessControl",
            "team/**",
            "known here: groups, repositories, adminPolicy, metrics",
        ),
        (
            "/http/accessControl",
            "anonymousPolicy",
            "did you mean `http.accessControl.repositories[].anonymousPolicy`",
        ),
        (
            "/http/accessControl/repositories/team~1**",
            "conditions",
            "policies[].conditions`",
        ),
        (
            "/http/accessControl/repositories/team~1**",
            "policy",
            "did you mean `policies`",
        ),
        ("/proxy", "publicPath", "did you mean `publicPaths`"),
        ("/proxy", "client_address", "did you mean `clientAddress`"),
    ];
    for (place, name, message) in rows {
        let mut document = good();
        merge(
            document.pointer_mut(place).unwrap(),
            &json!({ name: control }),
        );
        let found = diagnose(&document).errors;
        let hit = found.iter().any(|error| {
            error.message.starts_with("unknown key") && error.message.contains(message)
        });
        assert!(hit, "{place}/{name} ({message}) is not among {found:#?}");
    }
    let mut document = good();
    document["log"] = json!({ "levle": "debug" });
    assert_eq!(
        diagnose(&document).errors[0].to_string(),
        "log.levle: unknown key; did you mean `level`"
    );
}

/// Viper reads keys in lower case, so that two spellings are one key there.
#[test]
fn two_spellings_of_one_key_are_a_duplicate() {
    let rows = [
        ("/http", "accesscontrol", "accessControl"),
        ("/http", "ACCESSCONTROL", "accessControl"),
        ("/http", "Auth", "auth"),
        ("", "HTTP", "http"),
        ("", "Proxy", "proxy"),
        ("/http/auth", "BEARER", "bearer"),
        ("/http/auth/bearer/oidc/0", "Audiences", "audiences"),
        (
            "/http/accessControl/repositories/team~1**",
            "DefaultPolicy",
            "defaultPolicy",
        ),
    ];
    for (place, name, same) in rows {
        let mut document = good();
        merge(document.pointer_mut(place).unwrap(), &json!({ name: {} }));
        let found = diagnose(&document).errors;
        let message =
            format!("duplicate key: names are compared without case, and `{same}` is there too");
        assert!(
            found.iter().any(|error| error.message == message),
            "{place}/{name}: {found:#?}"
        );
    }
    // One spelling is enough, whichever it is.
    let mut document = good();
    let http = document["http"].as_object_mut().unwrap();
    let control = http.remove("accessControl").unwrap();
    http.insert("accesscontrol".to_owned(), control);
    let (role, _) = super::decode(document.to_string().as_bytes());
    let super::Role::Filter(read) = role else {
        panic!("not a filter")
    };
    assert!(read.access_control.is_some());
    assert_eq!(diagnose(&document), super::Diagnostics::default());
}

#[test]
fn an_intake_has_nothing_beside_it() {
    for (name, value) in [
        ("http", good()["http"].clone()),
        ("storage", json!({})),
        ("xyz", json!(1)),
    ] {
        let mut document = json!({ "intake": { "pushKey": { "env": "KEY" } } });
        merge(&mut document, &json!({ name: value }));
        let found = diagnose(&document).errors;
        assert!(
            found[0]
                .message
                .contains("cannot be combined with `intake`"),
            "{name}: {found:#?}"
        );
    }
}

/// Many wrong keys: each is an error, the later ones without a search for what may be meant.
#[test]
fn many_unknown_keys_are_all_named() {
    let mut document = good();
    let many: serde_json::Map<String, Value> = (0..100)
        .map(|n| (format!("accesControl{n}"), json!(1)))
        .collect();
    merge(&mut document["http"], &Value::Object(many));
    let found = diagnose(&document).errors;
    assert_eq!(found.len(), 100);
    assert_eq!(
        found
            .iter()
            .filter(|error| error.message.contains("did you mean"))
            .count(),
        20
    );
}
