//! The cost of hostile input in the built module, counted in instructions: at most proportional to
//! its length.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use registry_auth_engine::keys::MAX_KEYS;
use registry_auth_harness::client::Request;
use registry_auth_harness::issuer::Issuer;
use registry_auth_vm::host::CalloutAnswer;
use registry_auth_vm::{Compiled, Setup, Vm};
use serde_json::{Value, json};

use crate::Outcome;

/// Instructions that are there whatever the input: callbacks, host calls, a line of the log.
const ALWAYS: u64 = 300_000;
/// Instructions for a byte. Many of them are those of a check for each member, segment or source;
/// none reads the rest again.
const PER_BYTE: u64 = 1_000;
/// Instructions for a key: a square root, to find out whether its point is on the curve.
const PER_KEY: u64 = 600_000;

/// The name of an input, and the input in a length of about that.
type Row = (&'static str, fn(usize) -> Request);

const REQUESTS: &[Row] = &[
    ("a path of one segment", |size| {
        get(&format!("/v2/{}", "a".repeat(size)))
    }),
    ("a path of many segments", |size| {
        get(&format!("/v2{}/tags/list", "/a".repeat(size / 2)))
    }),
    ("a path of escapes", |size| {
        get(&format!("/v2/a/manifests/{}", "%3A".repeat(size / 3)))
    }),
    ("a path of endpoints", |size| {
        get(&format!("/v2{}", "/blobs/uploads/x".repeat(size / 16)))
    }),
    ("a query of tags", |size| {
        put(&format!("{DIGEST}?{}", "tag=a&".repeat(size / 6)))
    }),
    ("a query of different tags", |size| {
        put(&format!("{DIGEST}?{}", numbered("tag=a", "&", size)))
    }),
    ("a query of escapes", |size| {
        put(&format!("{DIGEST}?{}", "%74%61%67=%61;".repeat(size / 14)))
    }),
    ("a mount of many sources", |size| {
        post(&format!(
            "/v2/team/blobs/uploads/?{}",
            numbered("from=a", "&", size)
        ))
    }),
    ("a catalog query", |size| {
        get(&format!(
            "/v2/_catalog?{}",
            "n=1;last=%41&".repeat(size / 13)
        ))
    }),
    ("a token of one segment", |size| bearer(&"a".repeat(size))),
    ("a token of dots", |size| bearer(&".".repeat(size))),
    ("a token of three segments", |size| {
        bearer(
            &[
                "a".repeat(size / 3),
                "b".repeat(size / 3),
                "c".repeat(size / 3),
            ]
            .join("."),
        )
    }),
    ("a token with a deep header", |size| {
        token(&"[".repeat(size), "{}")
    }),
    ("a token with a deep payload", |size| {
        token(HEADER, &"[".repeat(size))
    }),
    ("a token with many members", |size| {
        token(
            HEADER,
            &format!("{{{}\"z\":1}}", numbered("\"a", "\":1,", size)),
        )
    }),
    ("a token with one member many times", |size| {
        token(
            HEADER,
            &format!("{{{}\"a\":1}}", "\"b\":{\"a\":1},".repeat(size / 12)),
        )
    }),
    ("a token with a long number", |size| {
        token(HEADER, &format!("{{\"exp\":{}}}", "9".repeat(size)))
    }),
    ("a token with many numbers", |size| {
        token(
            HEADER,
            &format!("{{\"a\":[{}1]}}", "1e-300,".repeat(size / 7)),
        )
    }),
    ("a token with many escapes", |size| {
        token(
            HEADER,
            &format!("{{\"a\":\"{}\"}}", "\\ud83d\\ude00".repeat(size / 12)),
        )
    }),
    ("a token with a wrong signature", |size| {
        bearer(&unsigned("http://issuer.test", size / 2))
    }),
    ("Basic credentials", |size| {
        basic(&format!("u:{}", "a".repeat(size)))
    }),
    ("Basic credentials of colons", |size| {
        basic(&":".repeat(size))
    }),
    ("forwarded addresses", |size| {
        get("/v2/team/app/tags/list").header("x-forwarded-for", &"1,".repeat(size / 2))
    }),
    ("header fields", |size| {
        (0..size / 20).fold(get("/v2/team/app/tags/list"), |request, number| {
            request.header(&format!("x-{number}"), "a")
        })
    }),
    ("a form of parameters", |size| {
        form(&"scope=&".repeat(size / 7))
    }),
    ("a form of scopes", |size| {
        form(&format!("scope={}", "repository:a:pull+".repeat(size / 18)))
    }),
    ("a form of actions", |size| {
        form(&format!("scope=repository:a:{}", "pull,".repeat(size / 5)))
    }),
    ("a form of escapes", |size| {
        form(&"%73cope=%20&".repeat(size / 12))
    }),
];

/// Up to what is a token still when it is encoded.
const SIZES: [u64; 4] = [1 << 12, 1 << 13, 1 << 14, 36_000];
const DIGEST: &str = "/v2/team/app/manifests/sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const HEADER: &str = r#"{"alg":"RS256","kid":"rs256"}"#;

#[test]
fn hostile_requests_cost_in_proportion_to_their_length_in_wasmtime() -> Outcome {
    for (name, make) in REQUESTS {
        for size in SIZES {
            let mut vm = serve()?;
            // What is made once is made.
            vm.open(&make(64))?;
            let before = vm.fuel_used();
            vm.open(&make(usize::try_from(size).unwrap_or_default()))?;
            let cost = vm.fuel_used() - before;
            assert!(
                cost < ALWAYS + PER_BYTE * size,
                "{name} of {size} bytes: {cost}"
            );
        }
    }
    Ok(())
}

#[test]
fn hostile_keys_cost_in_proportion_to_their_length_in_wasmtime() -> Outcome {
    // Each of another x, of which half are on the curve.
    let own = |number: usize| json!({"kty": "OKP", "crv": "Ed25519", "x": encode(format!("{number:032}").as_bytes())});
    let curve =
        |_| json!({"kty": "EC", "crv": "P-521", "x": encode(&[1; 66]), "y": encode(&[2; 66])});
    let rsa = |_| json!({"kty": "RSA", "e": "AQAB", "n": encode(&[0xc1; 256])});
    let none = |_| json!({});
    let kinds: [(&str, &dyn Fn(usize) -> Value); 4] = [
        ("Ed25519", &own),
        ("P-521", &curve),
        ("RSA", &rsa),
        ("no", &none),
    ];
    for (name, make) in kinds {
        for size in [1 << 14, 1 << 16, 250_000] {
            let keys: Vec<_> = (0..size / (make(0).to_string().len() + 1))
                .map(make)
                .collect();
            let mut vm = serve()?;
            vm.open(&bearer(&unsigned("http://slow.test", 0)))?;
            let [callout] = &vm.callouts()[..] else {
                panic!("{} callouts", vm.callouts().len())
            };
            let before = vm.fuel_used();
            let headers = vec![(b":status".to_vec(), b"200".to_vec())];
            vm.answer(
                callout.token,
                CalloutAnswer {
                    headers,
                    body: json!({ "keys": keys }).to_string().into_bytes(),
                },
            )?;
            let cost = vm.fuel_used() - before;
            let size = u64::try_from(size).unwrap_or_default();
            let most = ALWAYS
                + PER_BYTE * size
                + PER_KEY * u64::try_from(keys.len().min(MAX_KEYS)).unwrap_or_default();
            assert!(cost < most, "{name} keys of {size} bytes: {cost}");
        }
    }
    Ok(())
}

fn serve() -> anyhow::Result<Vm> {
    let issuer = Issuer::new("http://issuer.test", &["rs256"])?;
    let provider = json!({ "issuer": "http://issuer.test", "audiences": ["registry.test"], "jwks": issuer.jwks() });
    let slow = json!({ "issuer": "http://slow.test", "audiences": ["registry.test"], "cluster": "issuers", "jwksUri": "http://slow.test/keys" });
    let configuration = json!({
        "http": {
            "auth": { "bearer": { "realm": "https://registry.test/token", "service": "registry.test", "oidc": [provider, slow] } },
            "accessControl": { "repositories": { "team/**": {
                "policies": [{ "users": ["x"], "actions": ["read"] }],
                "anonymousPolicy": ["read", "create"],
            } } },
        },
        "proxy": { "readRequestBodies": true },
    });
    Vm::start(
        Compiled::built()?,
        Setup::of_scenarios(configuration.to_string().as_bytes()),
    )
}

fn get(target: &str) -> Request {
    Request::new("GET", target)
}

fn put(target: &str) -> Request {
    Request::new("PUT", target)
}

fn post(target: &str) -> Request {
    Request::new("POST", target)
}

fn bearer(token: &str) -> Request {
    get("/v2/team/app/tags/list").header("authorization", &format!("Bearer {token}"))
}

fn basic(pair: &str) -> Request {
    get("/v2/team/app/tags/list").header(
        "authorization",
        &format!("Basic {}", BASE64_STANDARD.encode(pair)),
    )
}

/// A token of these texts.
fn token(header: &str, payload: &str) -> Request {
    bearer(&format!(
        "{}.{}.{}",
        encode(header.as_bytes()),
        encode(payload.as_bytes()),
        encode(b"signature")
    ))
}

/// A token whose claims are good and whose signature has the right length, but is none.
fn unsigned(issuer: &str, pad: usize) -> String {
    let end = 99_999_999_999_u64;
    let claims = json!({"iss": issuer, "sub": "a", "aud": "registry.test", "exp": end, "iat": 1, "pad": "a".repeat(pad)});
    format!(
        "{}.{}.{}",
        encode(HEADER.as_bytes()),
        encode(claims.to_string().as_bytes()),
        encode(&[1; 256])
    )
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn form(body: &str) -> Request {
    post("/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.as_bytes().to_vec())
}

/// A text with numbers in it, about `size` bytes long.
fn numbered(before: &str, behind: &str, size: usize) -> String {
    let each = before.len() + behind.len() + 5;
    let texts: Vec<_> = (0..size / each)
        .map(|number| format!("{before}{number:05}{behind}"))
        .collect();
    texts.concat()
}
