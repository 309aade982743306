use serde_json::{Value, json};

use super::super::test_certificate as make;
use crate::authn::cache::IdentityCache;
use crate::authn::verify::PureRust;
use crate::compile;
use crate::config::{self, Role};
use crate::decision::Verdict;
use crate::engine::Engine;
use crate::facts::{Facts, Gathered};
use crate::keys::source::KeyRing;
use crate::reason::Reason;
use crate::request::{CertificateSummary, Connection, RequestHead, SummaryNeeds};
use crate::time::UnixTime;

const NAMED: &str = include_str!("../../../../../tests/fixtures/certificates/named.pem");
const INSIDE: &str = include_str!("../../../../../tests/fixtures/certificates/inside.pem");
const WORKLOAD: &str = include_str!("../../../../../tests/fixtures/certificates/workload.pem");

fn engine(document: &Value) -> Option<Engine> {
    let (role, mut diagnostics) = config::decode(document.to_string().as_bytes());
    let Role::Filter(document) = role else {
        panic!("an intake")
    };
    compile(&document, &mut diagnostics)
        .filter(|_| diagnostics.errors.is_empty())
        .map(|compiled| compiled.engine)
}

/// `users` may read everything, and so may the group `ops`.
fn serving(mtls: &Value, users: &Value) -> Option<Engine> {
    let policies = json!([{ "users": users, "groups": ["ops"], "actions": ["read"] }]);
    engine(&json!({
        "http": {
            "auth": { "mtls": mtls },
            "accessControl": {
                "groups": { "ops": { "users": ["oliver"] } },
                "repositories": {
                    "**": { "policies": policies },
                    "public/**": { "anonymousPolicy": ["read"] }
                }
            }
        }
    }))
}

fn ask(
    engine: &Engine,
    path: &str,
    connection: Connection<'_>,
    cache: &mut IdentityCache,
    now: i64,
) -> Result<String, Reason> {
    let head = RequestHead {
        method: b"GET",
        path: path.as_bytes(),
        connection,
        ..RequestHead::default()
    };
    let keys = KeyRing::of(engine.sources());
    let gathered = Gathered::default();
    let facts = Facts {
        keys: &keys,
        gathered: &gathered,
        now: UnixTime::from_secs(now).into(),
    };
    match engine.decide(&head, &facts, cache, &PureRust) {
        Verdict::Allow(grant) => Ok(grant.identity().username().to_owned()),
        Verdict::Deny(denied) => Err(denied.reason),
        other => panic!("{other:?}"),
    }
}

fn with(pem: &str) -> Connection<'_> {
    Connection {
        mtls: true,
        certificate: pem.as_bytes(),
        ..Connection::default()
    }
}

/// The parts of a certificate as zot's rows have them.
fn made(parts: &Value) -> String {
    let mut subject = Vec::new();
    if let Some(name) = parts["cn"].as_str() {
        subject = make::attribute(&[0x55, 0x04, 0x03], &make::tlv(0x0c, name.as_bytes()));
    }
    let mut names = Vec::new();
    for (part, tag) in [("email", 0x81), ("dns", 0x82), ("uri", 0x86)] {
        names.extend(
            parts[part]
                .as_array()
                .into_iter()
                .flatten()
                .map(|name| (tag, name.as_str().unwrap())),
        );
    }
    let extensions = if names.is_empty() {
        Vec::new()
    } else {
        make::names(&names)
    };
    make::pem(&make::certificate(&subject, &extensions))
}

/// zot's own table. Its last two rows never start here, because their configuration is refused.
#[test]
fn certificates_get_zots_answers() {
    let rows: Vec<Value> = serde_json::from_str(include_str!("../testdata/zot_mtls.json")).unwrap();
    assert_eq!(rows.len(), 26);
    for row in rows {
        let id = row["id"].as_str().unwrap();
        let mtls = if row["mtls"].is_null() {
            json!({})
        } else {
            row["mtls"].clone()
        };
        let subject = format!("CN={}", row["cert"]["cn"].as_str().unwrap_or_default());
        let users: Vec<_> = row["users"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user.as_str().unwrap())
            .collect();
        let users: Vec<_> = users
            .iter()
            .map(|user| {
                if *user == "<subject DN>" {
                    &subject
                } else {
                    *user
                }
            })
            .collect();
        let Some(engine) = serving(&mtls, &json!(users)) else {
            assert!(["mtls-25", "mtls-26"].contains(&id), "{id} is refused");
            continue;
        };
        let certificate = made(&row["cert"]);
        let mut cache = IdentityCache::default();
        for _ in 0..2 {
            let status = match ask(
                &engine,
                "/v2/any/tags/list",
                with(&certificate),
                &mut cache,
                0,
            ) {
                Ok(_) => 404,
                Err(reason) => reason.descriptor().status,
            };
            assert_eq!(json!(status), row["status"], "{id}");
        }
    }
}

#[test]
fn a_certificate_is_an_identity_or_a_refusal_and_never_nobody() {
    let oliver = made(&json!({ "cn": "oliver" }));
    let eve = made(&json!({ "cn": "eve" }));
    let nobody = made(&json!({ "dns": ["a.example"] }));
    let unusable = Err(Reason::UnusableCertificate);
    let engine = serving(&json!({}), &json!(["alice"])).unwrap();
    let untold = Connection {
        mtls: true,
        ..Connection::default()
    };
    let rows = [
        (
            "/v2/any/tags/list",
            Connection::default(),
            Err(Reason::NoCredential),
        ),
        ("/v2/public/a/tags/list", Connection::default(), Ok("")),
        ("/v2/any/tags/list", with(&oliver), Ok("oliver")),
        ("/v2/", with(&eve), Ok("eve")),
        ("/v2/any/tags/list", with(&eve), Err(Reason::PolicyDenied)),
        ("/v2/public/a/tags/list", with(&eve), Ok("eve")),
        ("/v2/public/a/tags/list", with(&nobody), unusable),
        ("/v2/public/a/tags/list", with("garbage"), unusable),
        ("/v2/public/a/tags/list", untold, unusable),
    ];
    for (path, connection, expected) in rows {
        let answer = ask(&engine, path, connection, &mut IdentityCache::default(), 0);
        assert_eq!(answer, expected.map(str::to_owned), "{path} {connection:?}");
    }
}

#[test]
fn without_mtls_a_certificate_is_nothing() {
    let engine =
        engine(&json!({ "http": { "accessControl": { "repositories": { "**": { "anonymousPolicy": ["read"] } } } } }))
            .unwrap();
    assert!(!engine.reads_certificate());
    assert_eq!(
        ask(
            &engine,
            "/v2/a/tags/list",
            with("garbage"),
            &mut IdentityCache::default(),
            0
        ),
        Ok(String::new())
    );
}

#[test]
fn a_certificate_ends_on_an_open_connection_too() {
    const END: i64 = 2_524_607_999;
    let engine = serving(&json!({}), &json!(["alice"])).unwrap();
    let alice = made(&json!({ "cn": "alice" }));
    let mut cache = IdentityCache::default();
    for (now, expected) in [
        (END, Ok("alice".to_owned())),
        (END + 1, Err(Reason::UnusableCertificate)),
    ] {
        assert_eq!(
            ask(&engine, "/v2/any/tags/list", with(&alice), &mut cache, now),
            expected
        );
        assert_eq!(
            ask(
                &engine,
                "/v2/any/tags/list",
                with(&alice),
                &mut IdentityCache::default(),
                now
            ),
            expected
        );
    }
}

#[test]
fn a_pattern_names_from_the_beginning_of_the_uri() {
    let pattern = r"spiffe://example\.org/ns/[^/]+/sa/([^/]+)";
    let uri = |pattern: &str| json!({ "identityAttributes": ["uri"], "uriSanPattern": pattern });
    let rows = [
        (uri(pattern), WORKLOAD, Ok("build")),
        (uri(r"^spiffe://([^/]+)"), WORKLOAD, Ok("example.org")),
        (
            uri(r"example\.org/(.*)"),
            WORKLOAD,
            Err(Reason::UnusableCertificate),
        ),
        (uri(pattern), INSIDE, Err(Reason::UnusableCertificate)),
        (
            uri(r"spiffe://(x*)"),
            WORKLOAD,
            Err(Reason::UnusableCertificate),
        ),
        (
            uri(r"spiffe://(x)?"),
            WORKLOAD,
            Err(Reason::UnusableCertificate),
        ),
        (
            json!({ "identityAttributes": [" Rfc822Name "], "emailSanIndex": 1 }),
            WORKLOAD,
            Ok("second@example.org"),
        ),
        (
            json!({ "identityAttributes": "dn" }),
            WORKLOAD,
            Ok("CN=workload"),
        ),
        (
            json!({ "identityAttributes": ["DNS", "CN"] }),
            NAMED,
            Ok("#Jö \"y\" "),
        ),
    ];
    for (mtls, certificate, expected) in rows {
        let engine = serving(&mtls, &json!(["alice"])).unwrap();
        let answer = ask(
            &engine,
            "/v2/",
            with(certificate),
            &mut IdentityCache::default(),
            0,
        );
        assert_eq!(answer, expected.map(str::to_owned), "{mtls}");
    }
}

#[test]
fn a_uri_that_the_pattern_refuses_leaves_no_other_name() {
    const URI: u8 = 0x86;
    let subject = make::attribute(&[0x55, 0x04, 0x03], &make::tlv(0x0c, b"admin"));
    let certificate =
        |names: &[(u8, &str)]| make::pem(&make::certificate(&subject, &make::names(names)));
    let mtls = json!({ "identityAttributes": ["URI", "CommonName"], "uriSanPattern": r"^spiffe://example\.org/(.+)$" });
    let engine = serving(&mtls, &json!(["alice"])).unwrap();
    let refused = Err(Reason::UnusableCertificate);
    let rows = [
        (
            certificate(&[(URI, "spiffe://example.org/ci")]),
            Ok("ci".to_owned()),
        ),
        (
            certificate(&[(0x82, "example.org")]),
            Ok("admin".to_owned()),
        ),
        (
            certificate(&[(URI, "spiffe://other.org/x")]),
            refused.clone(),
        ),
        (
            certificate(&[(URI, "SPIFFE://example.org/ci")]),
            refused.clone(),
        ),
        (certificate(&[(URI, "")]), refused.clone()),
        (
            certificate(&[
                (URI, "spiffe://other.org/x"),
                (URI, "spiffe://example.org/ci"),
            ]),
            refused.clone(),
        ),
    ];
    for (number, (certificate, expected)) in rows.into_iter().enumerate() {
        let answer = ask(
            &engine,
            "/v2/",
            with(&certificate),
            &mut IdentityCache::default(),
            0,
        );
        assert_eq!(answer, expected, "row {number}");
    }
}

/// What Envoy before 1.38 says of `alice`, `workload` and `nameless`, and what it could say.
#[test]
fn a_summary_gives_the_name_that_the_certificate_gives_or_none() {
    const DIGEST: &[u8] = b"cfbddfa0a95d3363523365c3e1a0afd5aa415092f6339ffa1783986a6cb1078e";
    let summary = |uri: Option<&'static str>, dns: Option<&'static str>, subject: &'static str| {
        CertificateSummary {
            digest: DIGEST,
            uri: uri.map(str::as_bytes),
            dns: dns.map(str::as_bytes),
            subject: subject.as_bytes(),
        }
    };
    let alice = summary(None, None, "CN=alice");
    let workload = summary(
        Some("spiffe://example.org/ns/team/sa/build"),
        Some("build.example.org"),
        "CN=workload",
    );
    let nameless = summary(None, Some("nameless.example.org"), "");
    let digestless = CertificateSummary {
        digest: b"",
        ..alice
    };
    let latin = CertificateSummary {
        dns: Some(b"a\xff"),
        ..alice
    };
    let unreadable = summary(None, Some("a.example.org"), "alice");
    // The certificate of `NAMED`.
    let named = summary(
        None,
        None,
        r#"title=dr,emailAddress=a@b.c,serialNumber=7,CN=\#J\C3\B6 \"y\"\ ,CN=first,OU=two,OU=one,O=Acme\, Inc. \<x\>,postalCode=10115,street=A 1,L=Berlin,ST=BE,C=DE"#,
    );
    let attributes = |attributes: &[&str]| json!({ "identityAttributes": attributes });
    let pattern = json!({ "identityAttributes": ["URI", "CN"], "uriSanPattern": "spiffe://[^/]+/ns/([a-z]+)/" });
    let refused = Err(Reason::UnusableCertificate);
    let rows = [
        (json!({}), alice, Ok("alice")),
        (json!({}), nameless, refused),
        (json!({}), digestless, refused),
        (json!({}), unreadable, refused),
        (json!({}), named, refused),
        (json!({}), CertificateSummary::default(), refused),
        (
            attributes(&["URI", "CN"]),
            workload,
            Ok("spiffe://example.org/ns/team/sa/build"),
        ),
        (attributes(&["URI", "CN"]), alice, Ok("alice")),
        (
            attributes(&["URI", "CN"]),
            summary(Some(""), None, "CN=admin"),
            refused,
        ),
        (attributes(&["URI"]), alice, refused),
        (
            attributes(&["DNS", "CN"]),
            nameless,
            Ok("nameless.example.org"),
        ),
        (attributes(&["DNS", "CN"]), unreadable, Ok("a.example.org")),
        (attributes(&["CN", "DNS"]), unreadable, refused),
        (attributes(&["DNS", "CN"]), latin, refused),
        (pattern.clone(), workload, Ok("team")),
        (pattern.clone(), alice, Ok("alice")),
        (
            pattern,
            summary(Some("https://example.org"), None, "CN=admin"),
            refused,
        ),
        // A summary lacks these.
        (attributes(&["Subject"]), alice, refused),
        (attributes(&["Email", "CN"]), alice, refused),
        (
            json!({ "identityAttributes": ["URI", "CN"], "uriSanIndex": 1 }),
            workload,
            refused,
        ),
        (
            json!({ "identityAttributes": ["DNS", "CN"], "dnsSanIndex": 1 }),
            workload,
            refused,
        ),
    ];
    for (mtls, summary, expected) in rows {
        let engine = serving(&mtls, &json!(["alice"])).unwrap();
        let connection = Connection {
            mtls: true,
            summary: Some(summary),
            ..Connection::default()
        };
        let mut cache = IdentityCache::default();
        for turn in 0..2 {
            let answer = ask(&engine, "/v2/", connection, &mut cache, 0);
            let expected = expected.map(str::to_owned);
            assert_eq!(answer, expected, "{mtls} {summary:?} {turn}");
        }
    }
}

#[test]
fn what_a_summary_lacks_needs_the_certificate() {
    let reads = |uri, dns, subject| Some(SummaryNeeds { uri, dns, subject });
    let rows = [
        (json!({}), None, reads(false, false, true)),
        (
            json!({ "bindTokens": true }),
            None,
            reads(false, false, true),
        ),
        (
            json!({ "identityAttributes": ["URI"], "uriSanPattern": "(.+)" }),
            None,
            reads(true, false, false),
        ),
        (
            json!({ "identityAttributes": ["URI", "DNSName"] }),
            None,
            reads(true, true, false),
        ),
        (
            json!({ "identityAttributes": ["CN", "Subject"] }),
            Some("the attribute `Subject`"),
            None,
        ),
        (
            json!({ "identityAttributes": ["Email"] }),
            Some("the attribute `Email`"),
            None,
        ),
        (
            json!({ "identityAttributes": ["URI"], "uriSanIndex": 1 }),
            Some("`uriSanIndex`"),
            None,
        ),
        (
            json!({ "identityAttributes": ["DNS"], "dnsSanIndex": 2 }),
            Some("`dnsSanIndex`"),
            None,
        ),
    ];
    for (mtls, whole, needs) in rows {
        let engine = serving(&mtls, &json!(["alice"])).unwrap();
        assert_eq!(engine.needs_certificate(), whole, "{mtls}");
        assert_eq!(engine.summary_needs(), needs, "{mtls}");
    }
}

/// A token that is minted must not outlive the certificate, and a summary does not say when that
/// ends.
#[test]
fn who_mints_needs_the_certificate() {
    let document = json!({
        "http": {
            "auth": {
                "mtls": {},
                "bearer": {
                    "realm": "https://registry.example.com/token",
                    "service": "registry.example.com",
                    "oidc": [{ "issuer": "https://issuer.test", "audiences": ["a"], "cluster": "c" }],
                    "mint": {
                        "issuer": "mint",
                        "algorithm": "EdDSA",
                        "awsSecretsManager": { "region": "r", "secretName": "s" },
                    },
                }
            }
        },
        "proxy": { "pushKey": { "env": "KEY" } },
    });
    let Some(engine) = engine(&document) else {
        panic!("it is refused")
    };
    assert_eq!(engine.needs_certificate(), Some("`mint`"));
    assert_eq!(engine.summary_needs(), None);
    let connection = Connection {
        mtls: true,
        summary: Some(CertificateSummary {
            digest: b"cfbddfa0a95d3363523365c3e1a0afd5aa415092f6339ffa1783986a6cb1078e",
            subject: b"CN=alice",
            ..CertificateSummary::default()
        }),
        ..Connection::default()
    };
    assert_eq!(
        ask(
            &engine,
            "/v2/",
            connection,
            &mut IdentityCache::default(),
            0
        ),
        Err(Reason::UnusableCertificate)
    );
}
