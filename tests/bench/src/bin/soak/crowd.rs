//! The tokens of the requests: a hundred thousand, signed by one key after another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use registry_auth_harness::client::Request;
use registry_auth_harness::load::{ExpectedStatuses, Kind, LENGTH};
use registry_auth_harness::mint::{Recipe, Tamper};
use registry_auth_harness::substrate::now;
use serde_json::{Map, json};

/// The signing keys, used one after another. There are more than an issuer publishes at a time, so
/// that each is new when it is used.
pub(crate) const KEYS: [&str; 4] = ["es256", "next-es256", "other-es256", "stray-es256"];
/// Tokens of each key.
const TOKENS: usize = 25_000;
const BODY: usize = 10_000;
const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// All tokens, and the current signing key.
pub(crate) struct Crowd {
    tokens: Vec<Vec<String>>,
    /// A token of each key whose signature is wrong. An unknown key id would cause a fetch, and so
    /// delay the fetch of a new key.
    forged: Vec<String>,
    key: AtomicUsize,
}

impl Crowd {
    /// Signs all tokens of `issuer`.
    pub(crate) fn gather(issuer: &str) -> Result<Arc<Self>> {
        let mint = |key: &str, number: usize, tamper: Option<Tamper>| {
            let claims = json!({"iss": issuer, "sub": "ci", "aud": "registry", "iat": "-1m", "exp": "+12h", "jti": number});
            let claims: Map<_, _> = serde_json::from_value(claims)?;
            Ok::<_, anyhow::Error>(format!(
                "Bearer {}",
                Recipe {
                    tamper,
                    ..Recipe::plain(key, claims)
                }
                .mint(now())?
            ))
        };
        let of = |key: &'static str| {
            (0..TOKENS)
                .map(|number| mint(key, number, None))
                .collect::<Result<Vec<_>>>()
        };
        let tokens = thread::scope(|scope| {
            let threads = KEYS.map(|key| scope.spawn(move || of(key)));
            let joined = threads
                .into_iter()
                .map(|thread| thread.join().map_err(|_| anyhow!("minting failed"))?);
            joined.collect::<Result<Vec<_>>>()
        })?;
        let forged = KEYS
            .map(|key| mint(key, 0, Some(Tamper::Signature)))
            .into_iter()
            .collect::<Result<_>>()?;
        Ok(Arc::new(Self {
            tokens,
            forged,
            key: AtomicUsize::new(0),
        }))
    }

    /// Returns the number of tokens.
    pub(crate) fn size(&self) -> usize {
        self.tokens.iter().map(Vec::len).sum()
    }

    /// Switches to the next signing key; returns the previous one and the new one.
    pub(crate) fn rotate(&self) -> Result<[&'static str; 2]> {
        let [before, now] = self.next()?;
        self.key.store(
            KEYS.iter().position(|key| *key == now).unwrap_or_default(),
            Ordering::Relaxed,
        );
        Ok([before, now])
    }

    /// Returns the current key and the next one.
    pub(crate) fn next(&self) -> Result<[&'static str; 2]> {
        let present = self.key.load(Ordering::Relaxed);
        let key = |number: usize| {
            KEYS.get(number % KEYS.len())
                .copied()
                .context("no such key")
        };
        Ok([key(present)?, key(present + 1)?])
    }

    fn bearer(&self, number: usize) -> Result<&str> {
        let tokens = self
            .tokens
            .get(self.key.load(Ordering::Relaxed))
            .context("no tokens")?;
        tokens
            .get(number % TOKENS)
            .map(String::as_str)
            .context("no token")
    }

    /// Returns the kinds of requests with their expected statuses.
    pub(crate) fn kinds(self: &Arc<Self>) -> (Vec<Kind>, ExpectedStatuses) {
        let read = |path: &'static str| {
            let crowd = Arc::clone(self);
            move |number| {
                Ok(Request::new("GET", path).header("authorization", crowd.bearer(number)?))
            }
        };
        let crowd = Arc::clone(self);
        let upload = move |number| {
            let upload = Request::new(
                "PUT",
                &format!("/v2/team/app/blobs/uploads/s?digest={DIGEST}"),
            );
            let upload = upload
                .header("authorization", crowd.bearer(number)?)
                .header(LENGTH, &BODY.to_string());
            Ok(upload.body(vec![b'x'; BODY]))
        };
        // A few tokens are used many times, like those of builds.
        let crowd = Arc::clone(self);
        let again = move |number| {
            Ok(Request::new("GET", "/v2/team/app/tags/list")
                .header("authorization", crowd.bearer(number % 50)?))
        };
        let crowd = Arc::clone(self);
        let forged = move |_| {
            let bearer = crowd
                .forged
                .get(crowd.key.load(Ordering::Relaxed))
                .context("no token")?;
            Ok(Request::new("GET", "/v2/team/app/tags/list").header("authorization", bearer))
        };
        let anonymous = Request::new("GET", "/v2/open/app/tags/list");
        let kinds = vec![
            Kind {
                name: "any token",
                make: Box::new(read("/v2/team/app/tags/list")),
            },
            Kind {
                name: "a few tokens",
                make: Box::new(again),
            },
            Kind {
                name: "push with body",
                make: Box::new(upload),
            },
            Kind {
                name: "refused by policy",
                make: Box::new(read("/v2/closed/app/tags/list")),
            },
            Kind {
                name: "no token",
                make: Box::new(move |_| Ok(anonymous.clone())),
            },
            Kind {
                name: "forged token",
                make: Box::new(forged),
            },
        ];
        // Anonymous pull is allowed by one of both policies.
        let expected = vec![
            vec![200],
            vec![200],
            vec![200],
            vec![403],
            vec![200, 401],
            vec![401],
        ];
        (kinds, expected)
    }
}
