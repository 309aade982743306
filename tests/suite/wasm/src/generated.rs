//! Generated requests: the module forwards only what the native engine grants, and never traps.
//!
//! The seed of a run is printed; `REGISTRY_AUTH_SEED` repeats it.

use std::cell::{Cell, RefCell};
use std::time::SystemTime;

use crate::wasm::Wasm;
use anyhow::{Context as _, Error, ensure};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use registry_auth_harness::client::Request;
use registry_auth_harness::expand::basic;
use registry_auth_harness::expect::Outcome as Became;
use registry_auth_harness::native::Native;
use registry_auth_harness::scenario::Scenarios;
use registry_auth_harness::substrate::{Substrate, now};

use crate::Outcome;

const CASES: u32 = 1_000;
const FIXED: u64 = 1;

/// Tokens that are presented more often than the others.
const GOOD: &[&str] = &["ci", "ann", "ops"];
const METHODS: &[&str] = &[
    "GET",
    "HEAD",
    "PUT",
    "POST",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "get",
    "CONNECT",
    "GET\u{e9}",
];
const NAMES: &[&str] = &[
    "team/app",
    "team/blobs",
    "x/blobs",
    "public/app",
    "public",
    "team",
    "other/app",
];
/// What is asked for, and of which names; `@` stands for a digest.
const ENDPOINTS: &[(&str, &str)] = &[
    ("GET", "tags/list"),
    ("GET", "manifests/v1"),
    ("PUT", "manifests/latest"),
    ("DELETE", "manifests/v2"),
    ("HEAD", "manifests/@"),
    ("PUT", "manifests/@?tag=v1&tag=w"),
    ("GET", "blobs/@"),
    ("POST", "blobs/uploads/"),
    ("POST", "blobs/uploads/?mount=@&from=public/app"),
    ("POST", "blobs/uploads/?mount=@&from=other/app"),
    ("PATCH", "blobs/uploads/session-1?_state=x"),
    ("GET", "referrers/@"),
];
const OTHERS: &[&str] = &[
    "/",
    "/v2/",
    "/v2",
    "/v2/_catalog",
    "/healthz",
    "/health/x",
    "/v2/_zot/ext/search",
    "/auth/token",
];
const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const HOSTILE: &[&str] = &[
    "..",
    "/",
    "//",
    "/../",
    "/./",
    "%2e%2e",
    "%2f",
    "%00",
    "%",
    "%3A",
    ";",
    "\\",
    "?",
    "#",
    "&from=other/app",
    "A",
    "\u{ff}",
    "/v2/",
    "/blobs/",
    "/manifests/",
    " ",
];
/// Header fields that try to change the caller or the target.
const FIELDS: &[(&str, &str)] = &[
    ("x-registry-user", "root"),
    ("X-Registry-User", "ci"),
    ("x-forwarded-for", "127.0.0.1"),
    ("x-original-url", "/v2/public/app/tags/list"),
    ("x-http-method-override", "GET"),
    ("user-agent", "\u{ff}\u{fe}"),
    ("host", "issuer.test"),
    ("proxy-authorization", "Bearer x"),
];

/// The same configurations, with the same numbers, in the engine and in the module.
struct Both {
    native: Native,
    wasm: Wasm,
}

impl Both {
    fn serving(file: &Scenarios) -> Result<Self, Error> {
        let (mut native, mut wasm) = (Native::new()?, Wasm::new()?);
        for (name, config) in &file.configs {
            let numbers = (
                native.serve(config).with_context(|| name.clone())?,
                wasm.serve(config)?,
            );
            ensure!(numbers.0 == numbers.1);
        }
        Ok(Self { native, wasm })
    }

    /// True if the request was forwarded, for both.
    fn forward(&mut self, config: usize, request: &Request) -> Result<bool, Error> {
        let (granted, became) = (
            self.native.send(config, request)?,
            self.wasm.send(config, request)?,
        );
        match (&granted, &became) {
            (Became::Forwarded { seen: granted, .. }, Became::Forwarded { seen, .. }) => {
                ensure!(
                    (&granted.method, &granted.path) == (&seen.method, &seen.path),
                    "{seen:?}, not {granted:?}"
                );
                for name in ["x-registry-user", "authorization"] {
                    ensure!(
                        granted.values(name) == seen.values(name),
                        "{name}: {seen:?}, not {granted:?}"
                    );
                }
                Ok(true)
            }
            (Became::Answered(granted), Became::Answered(answer)) => {
                ensure!(
                    granted.status == answer.status,
                    "{}, not {}",
                    answer.status,
                    granted.status
                );
                Ok(false)
            }
            _ => Err(Error::msg(format!(
                "the module: {became:?}; the engine: {granted:?}"
            ))),
        }
    }
}

/// `text` as bytes, some of them changed.
fn changed(text: String, most: usize) -> impl Strategy<Value = Vec<u8>> {
    let insertion = (any::<Index>(), select(HOSTILE).prop_map(latin1));
    let replacement = (any::<Index>(), sendable().prop_map(|byte| vec![byte]));
    let edit = prop_oneof![
        insertion.prop_map(|edit| (edit, 0)),
        replacement.prop_map(|edit| (edit, 1))
    ];
    vec(edit, 0..=most).prop_map(move |edits| {
        let mut bytes = latin1(&text);
        for ((place, new), removed) in edits {
            let place = place.index(bytes.len() + 1);
            let end = bytes.len().min(place + removed);
            bytes.splice(place..end, new);
        }
        bytes
    })
}

/// A byte that HTTP/1.1 can carry inside a line.
fn sendable() -> impl Strategy<Value = u8> {
    any::<u8>().prop_filter("it ends the line", |byte| {
        !matches!(byte, b'\0' | b'\r' | b'\n')
    })
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars()
        .filter_map(|character| u8::try_from(u32::from(character)).ok())
        .collect()
}

/// Method and target: most that fit, some that do not, some that are no HTTP or no path.
fn line() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let endpoint = (select(NAMES), select(ENDPOINTS)).prop_map(|(name, (method, endpoint))| {
        (
            method,
            format!("/v2/{name}/{}", endpoint.replace('@', DIGEST)),
        )
    });
    let other = select(OTHERS).prop_map(|target| ("GET", target.to_owned()));
    let method = prop_oneof![4 => Just(None), 1 => select(METHODS).prop_map(Some)];
    let edits = prop_oneof![3 => Just(0), 1 => Just(3)];
    (prop_oneof![6 => endpoint, 1 => other], method, edits).prop_flat_map(
        |((fitting, target), method, most)| {
            (Just(method.unwrap_or(fitting)), changed(target, most))
        },
    )
}

fn authorization(tokens: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    let token = select(tokens);
    let bearer = token.clone().prop_map(|token| format!("Bearer {token}"));
    let password = token.clone().prop_map(|token| basic("ci", &token));
    prop_oneof![
        6 => bearer.clone().prop_map(String::into_bytes),
        2 => password.prop_map(String::into_bytes),
        2 => bearer.prop_flat_map(|value| changed(value, 3)),
        1 => token.prop_map(String::into_bytes),
        1 => vec(sendable(), 0..120),
    ]
}

fn request(tokens: Vec<String>) -> impl Strategy<Value = Request> {
    let credentials = prop_oneof![
        2 => Just(0_usize),
        6 => Just(1),
        1 => Just(2),
    ];
    let credentials =
        credentials.prop_flat_map(move |count| vec(authorization(tokens.clone()), count));
    let known = select(FIELDS).prop_map(|(name, value)| (name.to_owned(), latin1(value)));
    let odd = ("[a-zA-Z!#$%&'*+.^_`|~-]{1,12}", vec(sendable(), 0..40));
    let fields = vec(prop_oneof![known, odd], 0..3);
    let body = prop_oneof![Just(None), vec(any::<u8>(), 1..50).prop_map(Some)];
    (line(), credentials, fields, body).prop_map(|((method, target), credentials, fields, body)| {
        let credentials = credentials
            .into_iter()
            .map(|value| ("authorization".to_owned(), value));
        let headers = credentials.chain(fields).collect();
        let request = Request {
            method: method.to_owned(),
            target,
            headers,
            ..Request::default()
        };
        body.into_iter().fold(request, Request::body)
    })
}

/// Runs [`CASES`] requests. How many were forwarded.
fn run(file: &Scenarios, seed: u64) -> Result<u32, Error> {
    eprintln!("REGISTRY_AUTH_SEED={seed}");
    let both = RefCell::new(Both::serving(file)?);
    let forwarded = Cell::new(0);
    let names = file
        .tokens
        .keys()
        .map(String::as_str)
        .chain(GOOD.iter().flat_map(|name| [*name; 4]));
    let tokens = names
        .filter_map(|name| file.tokens.get(name))
        .map(|recipe| recipe.mint(now()));
    let tokens = tokens.collect::<Result<_, _>>()?;
    let asked = (0..file.configs.len(), request(tokens));
    let seed = [seed.to_le_bytes(), [0; 8], [0; 8], [0; 8]].concat();
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let outcome = runner.run(&asked, |(config, request)| {
        match both.borrow_mut().forward(config, &request) {
            Ok(went) => {
                forwarded.set(forwarded.get() + u32::from(went));
                Ok(())
            }
            Err(error) => {
                // A module that has trapped answers nothing right any more, and smaller cases are
                // to be tried on it.
                if let Ok(fresh) = Both::serving(file) {
                    both.replace(fresh);
                }
                Err(TestCaseError::fail(format!("{error:#}")))
            }
        }
    });
    outcome.map_err(|error| Error::msg(error.to_string()))?;
    Ok(forwarded.get())
}

#[test]
fn nothing_generated_is_forwarded_without_a_grant_wasm() -> Outcome {
    let file = Scenarios::parse("generated", include_bytes!("generated.json"))?;
    let forwarded = run(&file, FIXED)?;
    assert!(
        (CASES / 10..CASES / 2).contains(&forwarded),
        "the cases have lost their mixture: {forwarded} forwarded"
    );
    let fresh = match std::env::var("REGISTRY_AUTH_SEED") {
        Ok(seed) => seed.parse().map_err(Error::from)?,
        Err(_) => SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_err(Error::from)?
            .as_secs(),
    };
    run(&file, fresh)?;
    Ok(())
}
