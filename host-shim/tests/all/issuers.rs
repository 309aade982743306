//! `registry-auth serve` with OIDC issuers: discovery, fetch and push.

use std::time::Duration;

use serde_json::{Value, json};

use crate::http::Answer;
use crate::intake::Intake;
use crate::issuer::{ACCOUNT_KEYS, Asked, Fault, Issuer, certificate};
use crate::sample::{FIRST, SECOND, jwk, with};
use crate::shim::{Folder, Launch, Shim};

/// Returns a configuration with these entries of `oidc`.
pub(crate) fn configuration(entries: &[Value]) -> Value {
    json!({
        "http": {
            "auth": {"bearer": {"realm": "registry", "service": "registry.example.com", "oidc": entries}},
            "accessControl": {"repositories": {"**": {"defaultPolicy": ["read"]}}}
        },
        "proxy": {"pushKey": {"env": "REGISTRY_AUTH_PUSH_KEY"}}
    })
}

/// Returns members of an entry that trust the certificate authority of the tests.
pub(crate) fn trusting() -> Value {
    json!({"certificateAuthorityFile": certificate("issuer-ca")})
}

pub(crate) fn start(configuration: &Value, intake: &Intake) -> anyhow::Result<Shim> {
    Shim::launch(Launch {
        configuration,
        intakes: &[intake.url()],
        ..Launch::default()
    })
}

fn asked(path: &str, token: &str) -> Asked {
    Asked {
        path: path.to_owned(),
        authorization: format!("Bearer {token}"),
    }
}

#[tokio::test]
async fn keys_arrive_from_an_issuer_with_a_private_ca_that_wants_a_token_which_changes() {
    let issuer = Issuer::start().await.unwrap();
    issuer.publish(&[("a", FIRST)]).unwrap();
    issuer.want("tops3cret-1");
    let folder = Folder::new().unwrap();
    let token = folder.write("token", "tops3cret-1\n").unwrap();
    let ca = std::fs::read_to_string(certificate("issuer-ca")).unwrap();
    let members = json!({"certificateAuthority": ca, "tokenFile": token});
    let intake = Intake::tcp().await.unwrap();
    let shim = start(&configuration(&[issuer.entry(&members)]), &intake).unwrap();
    intake.holds_in(&issuer.set(), &["a"]).await.unwrap();
    let both = |token| {
        [
            asked("/.well-known/openid-configuration", token),
            asked("/openid/v1/jwks", token),
        ]
    };
    assert_eq!(issuer.asked(), both("tops3cret-1"));

    // The next fetch, which an unknown key causes, sees the new token and the new key.
    issuer.want("tops3cret-2");
    folder.write("token", "tops3cret-2").unwrap();
    issuer.publish(&[("a", FIRST), ("b", SECOND)]).unwrap();
    intake.want_in(&issuer.set());
    intake.holds_in(&issuer.set(), &["a", "b"]).await.unwrap();
    assert_eq!(issuer.asked()[2..], both("tops3cret-2"));
    assert_eq!(intake.refusals(), [0u16; 0]);
    assert_eq!(shim.end("TERM").await.unwrap(), Some(0));
}

#[tokio::test]
async fn jwks_uri_skips_discovery_and_may_see_the_token() {
    let issuer = Issuer::start().await.unwrap();
    issuer.publish(&[("a", FIRST)]).unwrap();
    issuer.want("tops3cret");
    let folder = Folder::new().unwrap();
    let token = folder.write("token", "tops3cret").unwrap();
    let members = json!({"jwksUri": issuer.jwks_uri(), "tokenFile": token});
    let intake = Intake::tcp().await.unwrap();
    let launch = Launch {
        configuration: &configuration(&[issuer.entry(&members)]),
        intakes: &[intake.url()],
        system: Some(&certificate("issuer-ca")),
        ..Launch::default()
    };
    let _shim = Shim::launch(launch).unwrap();
    let set = format!("{} {}", issuer.set(), issuer.jwks_uri());
    intake.holds_in(&set, &["a"]).await.unwrap();
    assert_eq!(issuer.asked(), [asked("/openid/v1/jwks", "tops3cret")]);
}

#[tokio::test]
async fn keys_are_fetched_from_an_address_as_it_is_written() {
    let account = "builder@project.iam.gserviceaccount.com";
    let issuer = Issuer::start().await.unwrap();
    let keys = issuer.account_keys();
    issuer.publish(&[("a", FIRST)]).unwrap();
    issuer.add(with(
        &jwk("b", SECOND).unwrap(),
        &json!({"use": null, "alg": null, "key_ops": null, "x5c": null}),
    ));
    // (members, members of the discovery document, set, number of requests)
    let rows = [
        (
            json!({"issuer": account, "jwksUri": keys}),
            json!({}),
            format!("oidc:{account} {keys}"),
            1,
        ),
        (
            json!({"jwksUri": keys}),
            json!({}),
            format!("{} {keys}", issuer.set()),
            1,
        ),
        (json!({}), json!({"jwks_uri": keys}), issuer.set(), 2),
    ];
    for (members, discovery, set, documents) in rows {
        issuer.fault(Some(Fault::Discovery(discovery)));
        let before = issuer.asked().len();
        let intake = Intake::tcp().await.unwrap();
        let entry = with(&issuer.entry(&trusting()), &members);
        let _shim = start(&configuration(&[entry]), &intake).unwrap();
        intake.holds_in(&set, &["a", "b"]).await.unwrap();
        let asked: Vec<_> = issuer
            .asked()
            .into_iter()
            .skip(before)
            .map(|asked| asked.path)
            .collect();
        assert_eq!(
            (asked.len(), asked.last().map(String::as_str)),
            (documents, Some(ACCOUNT_KEYS)),
            "{members}"
        );
    }
}

#[tokio::test]
async fn a_host_that_a_document_names_sees_the_token_only_if_the_configured_ca_vouches_for_it() {
    let issuer = Issuer::start().await.unwrap();
    issuer.publish(&[("a", FIRST)]).unwrap();
    issuer.want("tops3cret");
    let folder = Folder::new().unwrap();
    let token = folder.write("token", "tops3cret").unwrap();
    let intake = Intake::tcp().await.unwrap();
    let launch = Launch {
        configuration: &configuration(&[issuer.entry(&json!({"tokenFile": token}))]),
        intakes: &[intake.url()],
        system: Some(&certificate("issuer-ca")),
        ..Launch::default()
    };
    let shim = Shim::launch(launch).unwrap();
    shim.says(&["fetching the JWKS failed: status 403; the token was not sent"])
        .await
        .unwrap();
    assert_eq!(
        issuer.asked()[0],
        asked("/.well-known/openid-configuration", "tops3cret")
    );
    assert_eq!(issuer.asked()[1].authorization, "");
}

#[tokio::test]
async fn only_the_configured_authorities_are_trusted_or_else_those_of_the_system() {
    let issuer = Issuer::start().await.unwrap();
    issuer.publish(&[("a", FIRST)]).unwrap();
    let (ours, other) = (certificate("issuer-ca"), certificate("ca"));
    let refused = "connection failed: invalid peer certificate: UnknownIssuer";
    let file = |path| json!({"certificateAuthorityFile": path});
    // (members, the system's authorities, log line if there are no keys)
    let rows = [
        (file(&ours), Some(&other), None),
        (file(&other), Some(&ours), Some(refused)),
        (json!({}), Some(&ours), None),
        (json!({}), Some(&other), Some(refused)),
    ];
    for (members, system, said) in rows {
        let intake = Intake::tcp().await.unwrap();
        let launch = Launch {
            configuration: &configuration(&[issuer.entry(&members)]),
            intakes: &[intake.url()],
            system: system.map(|path| &**path),
            ..Launch::default()
        };
        let shim = Shim::launch(launch).unwrap();
        match said {
            None => intake.holds_in(&issuer.set(), &["a"]).await.unwrap(),
            Some(said) => {
                shim.says(&["refreshing the keys failed", said])
                    .await
                    .unwrap();
                assert_eq!(intake.generation_of(&issuer.set()), 0, "{members}");
            }
        }
    }
}

/// Returns faults of an issuer with the log line for each.
fn faults() -> Vec<(Fault, &'static str)> {
    let both = |status, body: &str| Fault::Both((status, body.to_owned()).into());
    let keys = |body: String| Fault::Keys((200, body).into());
    let huge = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(256 * 1024));
    let redirect = Answer {
        headers: vec![("location", "https://127.0.0.1/".to_owned())],
        ..(302, String::new()).into()
    };
    let slow = Answer {
        after: Duration::from_mins(5),
        ..(200, "{}".to_owned()).into()
    };
    let shared = json!({"keys": [{"kty": "oct", "k": "tops3cret", "kid": "o"}]}).to_string();
    vec![
        (
            both(500, "tops3cret"),
            "fetching the discovery document failed: status 500",
        ),
        (
            both(200, "<html>tops3cret</html>"),
            "the discovery document is not a JSON object",
        ),
        (
            both(200, "{\"issuer\":\"https://other\"}"),
            "the discovery document names another issuer",
        ),
        (
            Fault::Discovery(json!({"issuer": "https://localhost"})),
            "the discovery document names another issuer",
        ),
        (
            Fault::Discovery(json!({"jwks_uri": "http://127.0.0.1/"})),
            "the discovery document has a jwks_uri without https",
        ),
        (
            Fault::Discovery(json!({"jwks_uri": "file:///tops3cret"})),
            "the jwks_uri of the discovery document is not an absolute http or https URL",
        ),
        (
            Fault::Discovery(json!({"jwks_uri": "https://127.0.0.1:1/"})),
            "fetching the JWKS failed: connection failed",
        ),
        (
            Fault::Both(redirect),
            "fetching the discovery document failed: status 302, redirects are not followed",
        ),
        (
            keys("tops3cret".to_owned()),
            "the JWKS of the issuer cannot be used: it is not acceptable JSON",
        ),
        (
            keys("{\"keys\":[]}".to_owned()),
            "the JWKS of the issuer cannot be used: it holds no usable key",
        ),
        (
            keys(shared),
            "it holds no usable key (`o`: it is a shared secret",
        ),
        (
            keys("[]".to_owned()),
            "the JWKS of the issuer cannot be used: it is an array",
        ),
        (
            keys(huge),
            "fetching the JWKS failed: the response is longer than 262144 bytes",
        ),
        (
            Fault::Both(slow),
            "fetching the discovery document failed: timed out",
        ),
    ]
}

#[tokio::test]
async fn issuers_that_fail_do_not_delay_others_keep_their_keys_and_recover() {
    let good = Issuer::start().await.unwrap();
    good.publish(&[("good", FIRST)]).unwrap();
    let mut failing = Vec::new();
    let mut entries = vec![];
    for (fault, said) in faults() {
        let issuer = Issuer::start().await.unwrap();
        issuer.publish(&[("a", FIRST)]).unwrap();
        issuer.fault(Some(fault.clone()));
        entries.push(issuer.entry(&trusting()));
        failing.push((issuer, fault, said));
    }
    entries.push(good.entry(&trusting()));
    let intake = Intake::tcp().await.unwrap();
    let shim = start(&configuration(&entries), &intake).unwrap();

    intake.holds_in(&good.set(), &["good"]).await.unwrap();
    for (issuer, _, said) in &failing {
        shim.says(&["refreshing the keys failed", said, &issuer.set(), "false"])
            .await
            .unwrap();
        assert_eq!(intake.generation_of(&issuer.set()), 0, "{said}");
    }
    for (issuer, ..) in &failing {
        issuer.fault(None);
    }
    for (issuer, fault, _) in &failing {
        intake.holds_in(&issuer.set(), &["a"]).await.unwrap();
        issuer.fault(Some(fault.clone()));
        intake.want_in(&issuer.set());
    }
    for (issuer, _, said) in &failing {
        shim.says(&["refreshing the keys failed", said, &issuer.set(), "true"])
            .await
            .unwrap();
        intake.holds_in(&issuer.set(), &["a"]).await.unwrap();
    }
    assert_eq!(intake.refusals(), [0u16; 0]);
    shim.log().unwrap();
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_skipped_and_named() {
    let issuer = Issuer::start().await.unwrap();
    issuer.publish(&[("a", FIRST), ("b", SECOND)]).unwrap();
    issuer.add(json!({"kty": "oct", "k": "tops3cret", "kid": "shared"}));
    issuer.add(json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "short", "d": "tops3cret"}));
    let intake = Intake::tcp().await.unwrap();
    let shim = start(&configuration(&[issuer.entry(&trusting())]), &intake).unwrap();
    intake.holds_in(&issuer.set(), &["a", "b"]).await.unwrap();
    for part in ["shared", "short"] {
        shim.says(&["skipped an entry", part]).await.unwrap();
    }
}

#[tokio::test]
async fn entries_of_one_issuer_are_fetched_once() {
    let issuer = Issuer::start().await.unwrap();
    issuer.publish(&[("a", FIRST)]).unwrap();
    let second = with(
        &issuer.entry(&trusting()),
        &json!({"audiences": ["another"]}),
    );
    let intake = Intake::tcp().await.unwrap();
    let _shim = start(
        &configuration(&[issuer.entry(&trusting()), second]),
        &intake,
    )
    .unwrap();
    intake.holds_in(&issuer.set(), &["a"]).await.unwrap();
    assert_eq!(issuer.asked().len(), 2);
}
