//! Rows of the whole flow.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::issuer::{Fixture, NOW, Script, parameters, status};
use super::rows;
use crate::social::SocialError;
use crate::social::assertion::AssertionKey;
use crate::social::provider::Credential;
use crate::social::sealed::PendingLogin;

/// What a browser brings back, and with what.
struct Callback<'a> {
    leads_to: &'a str,
    begun_with: &'a str,
    finished_with: &'a str,
    /// `STATE` is the right one.
    query: &'a str,
    has_cookie: bool,
}

const GOOD: Callback<'_> = Callback {
    leads_to: "/home",
    begun_with: "oidc",
    finished_with: "oidc",
    query: "code=c&state=STATE",
    has_cookie: true,
};

async fn run(script: Script, callback: Callback<'_>) -> (u16, Value) {
    let fixture = Fixture::new(script);
    let begun = fixture.begin(callback.begun_with, callback.leads_to).await;
    let (query, cookie) = match begun {
        Ok(begun) => begun,
        Err(error) => return outcome(Err(error)),
    };
    let query = callback.query.replace("STATE", &query["state"]);
    let cookie = callback.has_cookie.then_some(cookie.as_str());
    let finished = fixture
        .social
        .finish(callback.finished_with, &query, cookie, NOW)
        .await;
    outcome(finished.map(|finished| finished.callback_ui))
}

fn outcome(result: Result<String, SocialError>) -> (u16, Value) {
    match result {
        Ok(location) => (302, location.into()),
        Err(error) => (error.reason.status(), Value::Null),
    }
}

#[tokio::test]
async fn a_login_goes_as_the_row_says() {
    let mut done = BTreeSet::new();
    let absolute = "http://localhost:3000/a?b=c";
    let own = "https://reg.example/x";
    let without_userinfo = Script {
        metadata: json!({ "userinfo_endpoint": null }),
        claims: json!({ "email": "a@x" }),
        ..Script::default()
    };
    let failing = Script {
        userinfo: (500, json!({ "secret": "x" })),
        ..Script::default()
    };
    let refusing = Script {
        token: Some((
            400,
            json!({ "error": "invalid_grant", "access_token": "x" }),
        )),
        ..Script::default()
    };
    let error = "error=access_denied&error_description=<b>no</b>&state=STATE";
    let cases = [
        ("07", Script::default(), GOOD),
        (
            "08",
            Script::default(),
            Callback {
                leads_to: "",
                ..GOOD
            },
        ),
        (
            "10",
            Script::default(),
            Callback {
                leads_to: absolute,
                ..GOOD
            },
        ),
        (
            "11",
            Script::default(),
            Callback {
                leads_to: own,
                ..GOOD
            },
        ),
        (
            "12",
            Script::default(),
            Callback {
                query: "code=c&state=another",
                ..GOOD
            },
        ),
        (
            "13",
            Script::default(),
            Callback {
                has_cookie: false,
                ..GOOD
            },
        ),
        (
            "15",
            Script::default(),
            Callback {
                has_cookie: false,
                ..GOOD
            },
        ),
        (
            "16",
            Script::default(),
            Callback {
                begun_with: "gitlab",
                finished_with: "gitlab",
                has_cookie: false,
                ..GOOD
            },
        ),
        (
            "17",
            Script::default(),
            Callback {
                query: error,
                ..GOOD
            },
        ),
        (
            "18",
            Script::default(),
            Callback {
                query: error,
                has_cookie: false,
                ..GOOD
            },
        ),
        (
            "20",
            Script::default(),
            Callback {
                finished_with: "gitlab",
                ..GOOD
            },
        ),
        ("21", without_userinfo, GOOD),
        ("22", failing, GOOD),
        ("23", refusing, GOOD),
    ];
    let rows = rows("openid-flow");
    for (id, script, callback) in cases {
        let id = format!("openid-flow-{id}");
        let row = rows.iter().find(|row| row.id == id).unwrap();
        let callback_ui = callback.leads_to;
        let (status, location) = run(script, callback).await;
        // Row 10 and 11 name the location in words.
        assert_eq!(
            status,
            row.expect["status"]
                .as_u64()
                .map_or(401, |status| u16::try_from(status).unwrap()),
            "{id}"
        );
        if status == 302 {
            let expected = if callback_ui.is_empty() {
                "/"
            } else {
                callback_ui
            };
            assert_eq!(location, expected, "{id}");
        }
        done.insert(id);
    }
    // The others are about the first request: `the_first_request` below, and the pages' tests (06: methods).
    done.extend(["01", "02", "03", "05", "06"].map(|id| format!("openid-flow-{id}")));
    let all: BTreeSet<_> = rows.iter().map(|row| row.id.clone()).collect();
    assert_eq!(done, all);
}

#[tokio::test]
async fn the_first_request() {
    let fixture = Fixture::new(Script::default());
    let names = |query: &std::collections::BTreeMap<String, String>| {
        query
            .keys()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let openid = "client_id code_challenge code_challenge_method nonce redirect_uri response_type scope state";
    for (provider, scope, parameters) in [
        ("oidc", "openid email", openid),
        ("gitlab", "openid read_user profile", openid),
        (
            "github",
            "read:org",
            "client_id code_challenge code_challenge_method redirect_uri response_type scope state",
        ),
    ] {
        let (query, _) = fixture.begin(provider, "/").await.unwrap();
        assert_eq!(query["scope"], scope);
        assert_eq!(names(&query), parameters);
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["code_challenge_method"], "S256");
        assert_eq!(query["client_id"], "registry");
        assert_eq!(
            query["redirect_uri"],
            format!("https://reg.example/zot/auth/callback/{provider}")
        );
        assert!(query["state"].len() >= 22 && query["code_challenge"].len() == 43);
        let (again, _) = fixture.begin(provider, "/").await.unwrap();
        assert_ne!(query["state"], again["state"]);
        assert_ne!(query["code_challenge"], again["code_challenge"]);
    }
    for provider in ["", "unknown", "OIDC"] {
        assert_eq!(
            status(&fixture.begin(provider, "/").await),
            400,
            "{provider}"
        );
    }
}

#[tokio::test]
async fn a_login_is_finished_once() {
    let fixture = Fixture::new(Script::default());
    let (query, cookie) = fixture.begin("oidc", "/").await.unwrap();
    let callback = format!("code=c&state={}", query["state"]);
    let finish = |now| fixture.social.finish("oidc", &callback, Some(&cookie), now);
    let late = finish(NOW.after(Duration::from_mins(10))).await;
    assert_eq!(late.unwrap_err().reason.id(), "login_expired");
    finish(NOW).await.unwrap();
    assert_eq!(finish(NOW).await.unwrap_err().reason.id(), "login_expired");
    let exchanges = fixture.issuer.asked.lock().unwrap();
    let exchanges = exchanges
        .iter()
        .filter(|(_, path, ..)| path.ends_with("/token"));
    assert_eq!(exchanges.count(), 1, "the code is not sent twice");
}

#[tokio::test]
async fn an_answer_names_its_issuer() {
    let announced = || Script {
        metadata: json!({ "authorization_response_iss_parameter_supported": true }),
        ..Script::default()
    };
    let good = "code=c&state=STATE&iss=https%3A%2F%2Fidp.example";
    let evil = "code=c&state=STATE&iss=https%3A%2F%2Fevil.example";
    let rows = [
        ("named", announced(), good, 302),
        (
            "not named although announced",
            announced(),
            "code=c&state=STATE",
            401,
        ),
        ("another", announced(), evil, 401),
        (
            "another, where none is announced",
            Script::default(),
            evil,
            401,
        ),
        (
            "an error of another",
            announced(),
            "error=server_error&state=STATE&iss=x",
            401,
        ),
        (
            "a failure",
            Script::default(),
            "error=temporarily_unavailable&state=STATE",
            502,
        ),
        (
            "neither code nor error",
            Script::default(),
            "state=STATE",
            401,
        ),
        (
            "code twice",
            Script::default(),
            "code=c&code=d&state=STATE",
            401,
        ),
        (
            "state twice",
            Script::default(),
            "code=c&state=STATE&state=STATE",
            401,
        ),
        (
            "code and error",
            Script::default(),
            "code=c&error=access_denied&state=STATE",
            401,
        ),
    ];
    for (name, script, query, expected) in rows {
        let (status, _) = run(script, Callback { query, ..GOOD }).await;
        assert_eq!(status, expected, "{name}");
    }
}

#[tokio::test]
async fn a_client_proves_itself() {
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    let key = || Credential::Key(AssertionKey::from_pem(KEY, Some("k1")).unwrap());
    let secret = || Credential::Secret(crate::Secret::new(b"s:1%".to_vec()));
    let basic = "Basic cmVnaXN0cnk6cyUzQTElMjU=";
    let form_only = Script {
        form_only: true,
        ..Script::default()
    };
    let post = Script {
        metadata: json!({ "token_endpoint_auth_methods_supported": ["client_secret_post"] }),
        ..Script::default()
    };
    let rows = [
        (
            "a secret",
            Script::default(),
            secret(),
            vec![(basic, "code code_verifier grant_type redirect_uri")],
        ),
        (
            "a secret in the form",
            post,
            secret(),
            vec![(
                "",
                "client_id client_secret code code_verifier grant_type redirect_uri",
            )],
        ),
        (
            "a secret, refused in the header field",
            form_only,
            secret(),
            vec![
                (basic, "code code_verifier grant_type redirect_uri"),
                (
                    "",
                    "client_id client_secret code code_verifier grant_type redirect_uri",
                ),
            ],
        ),
        (
            "none",
            Script::default(),
            Credential::None,
            vec![("", "client_id code code_verifier grant_type redirect_uri")],
        ),
        (
            "a key",
            Script::default(),
            key(),
            vec![(
                "",
                "client_assertion client_assertion_type client_id code code_verifier grant_type redirect_uri",
            )],
        ),
    ];
    for (name, script, credential, expected) in rows {
        let fixture = Fixture::with(script, None, credential);
        fixture.login("oidc").await.expect(name);
        let asked = fixture.issuer.asked.lock().unwrap();
        let sent: Vec<_> = asked
            .iter()
            .filter(|(_, path, ..)| path.ends_with("/token"))
            .map(|(_, _, form, authorization)| {
                (
                    authorization.as_str(),
                    form.keys()
                        .map(String::as_str)
                        .collect::<Vec<_>>()
                        .join(" "),
                )
            })
            .collect();
        let sent: Vec<_> = sent
            .iter()
            .map(|(header, form)| (*header, form.as_str()))
            .collect();
        assert_eq!(sent, expected, "{name}");
    }
}

#[tokio::test]
async fn a_refusal_of_the_client_is_not_the_persons() {
    let rows = [
        (401, json!({ "error": "invalid_client" }), "client_refused"),
        (400, json!({ "error": "invalid_grant" }), "code_refused"),
        (
            200,
            json!({ "error": "bad_verification_code" }),
            "code_refused",
        ),
        (
            200,
            json!({ "error": "incorrect_client_credentials" }),
            "client_refused",
        ),
        (200, json!({ "token_type": "bearer" }), "provider_answer"),
        (302, json!({}), "provider_answer"),
        (503, json!({}), "provider_unavailable"),
        (429, json!({}), "provider_unavailable"),
    ];
    for (status, body, expected) in rows {
        let script = Script {
            token: Some((status, body)),
            ..Script::default()
        };
        let error = Fixture::new(script).login("oidc").await.unwrap_err();
        assert_eq!(error.reason.id(), expected, "{status}");
    }
}

#[tokio::test]
async fn no_error_says_what_the_provider_says() {
    let marked = json!({ "error": "MARK", "error_description": "MARK", "access_token": "MARK", "id_token": "MARK.MARK.MARK" });
    let scripts = [
        Script {
            token: Some((400, marked.clone())),
            ..Script::default()
        },
        Script {
            token: Some((
                200,
                json!({ "access_token": "MARK", "id_token": "MARK.MARK.MARK" }),
            )),
            ..Script::default()
        },
        Script {
            userinfo: (400, marked.clone()),
            ..Script::default()
        },
        Script {
            userinfo: (200, json!({ "sub": "MARK" })),
            ..Script::default()
        },
        Script {
            metadata: json!({ "issuer": "MARK" }),
            ..Script::default()
        },
        Script {
            metadata: json!({ "token_endpoint": "MARK" }),
            ..Script::default()
        },
        Script {
            claims: json!({ "nonce": "MARK" }),
            ..Script::default()
        },
    ];
    for script in scripts {
        let error = Fixture::new(script).login("oidc").await.unwrap_err();
        assert!(
            !format!("{error} {error:?} {}", error.reason.text()).contains("MARK"),
            "{error}"
        );
    }
    let marked = "error=MARK&error_description=MARK&state=STATE";
    let fixture = Fixture::new(Script::default());
    let (query, cookie) = fixture.begin("oidc", "/").await.unwrap();
    let marked = marked.replace("STATE", &query["state"]);
    let error = fixture
        .social
        .finish("oidc", &marked, Some(&cookie), NOW)
        .await
        .unwrap_err();
    assert!(!format!("{error} {error:?}").contains("MARK"), "{error}");
}

/// The verifier that is sent is the one that was challenged (RFC 7636).
#[tokio::test]
async fn the_verifier_fits_its_challenge() {
    use base64::Engine as _;
    let fixture = Fixture::new(Script::default());
    let (query, cookie) = fixture.begin("oidc", "/").await.unwrap();
    let callback = format!("code=c&state={}", query["state"]);
    fixture
        .social
        .finish("oidc", &callback, Some(&cookie), NOW)
        .await
        .unwrap();
    let asked = fixture.issuer.asked.lock().unwrap();
    let (.., form, _) = asked
        .iter()
        .find(|(_, path, ..)| path.ends_with("/token"))
        .unwrap();
    let digest =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, form["code_verifier"].as_bytes());
    let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest);
    assert_eq!(challenge, query["code_challenge"]);
    assert_eq!(parameters("a=b+c")["a"], "b c");
    assert!(!PendingLogin::eq(
        &crate::social::authorize::begin(&fixture.social.providers()[0], String::new(), NOW)
            .unwrap(),
        &crate::social::authorize::begin(&fixture.social.providers()[0], String::new(), NOW)
            .unwrap()
    ));
}
