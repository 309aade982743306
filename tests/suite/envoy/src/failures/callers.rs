//! Who sends requests while something fails: the kinds of requests, which are the columns of the
//! page.

use anyhow::Result;
use registry_auth_harness::client::Request;
use registry_auth_harness::load::{Kind, LENGTH};
use registry_auth_harness::mint::Recipe;
use registry_auth_harness::substrate::now;
use serde_json::{Value, json};

/// The names of the kinds.
pub(super) const KINDS: [&str; 6] = [
    "token seen before",
    "new tokens",
    "push with body",
    "token of another issuer",
    "no token",
    "refused by policy",
];
/// What every kind gets while nothing fails.
pub(super) const NORMAL: KindStatuses = [&[200], &[200], &[200], &[200], &[200], &[403]];
/// The keys of the issuer cannot be fetched, and nothing else is affected.
pub(super) const NO_KEYS: KindStatuses = [&[503], &[503], &[503], &[200], &[200], &[403]];

/// The statuses that are right, by kind.
pub(super) type KindStatuses = [&'static [u16]; 6];

const BODY: usize = 10_000;
const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Tokens of one issuer.
#[derive(Clone)]
pub(super) struct Tokens {
    key: &'static str,
    claims: Value,
}

impl Tokens {
    /// Those of an OIDC issuer, signed by this test key.
    pub(super) fn of(issuer: &str, key: &'static str) -> Self {
        let claims =
            json!({"iss": issuer, "sub": "ci", "aud": "registry", "iat": "-1m", "exp": "+1h"});
        Self { key, claims }
    }

    /// Those of a token server, whose keys the shim pushes.
    pub(super) fn of_server(key: &'static str) -> Self {
        let access =
            json!([{"type": "repository", "name": "team/app", "actions": ["pull", "push"]}]);
        Self {
            key,
            claims: json!({"sub": "ci", "access": access, "exp": "+1h"}),
        }
    }

    /// The value of `authorization` with token number `number`; all numbers are different tokens.
    pub(super) fn bearer(&self, number: usize) -> Result<String> {
        let mut recipe = Recipe::plain(self.key, serde_json::from_value(self.claims.clone())?);
        recipe.claims.insert("jti".to_owned(), number.into());
        Ok(format!("Bearer {}", recipe.mint(now())?))
    }
}

/// A request that is answered with 200 if the token is accepted.
pub(super) fn read(bearer: &str) -> Request {
    Request::new("GET", "/v2/team/app/tags/list").header("authorization", bearer)
}

/// All kinds, in the order of [`KINDS`]. `old` are the tokens seen before, `new` those that come
/// now.
pub(super) fn kinds(old: &Tokens, new: &Tokens, other: &Tokens) -> Result<Vec<Kind>> {
    let [seen, pushing, others] = [old.bearer(0)?, new.bearer(0)?, other.bearer(0)?];
    let new = new.clone();
    let upload = Request::new(
        "PUT",
        &format!("/v2/team/app/blobs/uploads/s?digest={DIGEST}"),
    )
    .header("authorization", &pushing)
    .header(LENGTH, &BODY.to_string())
    .body(vec![b'x'; BODY]);
    let closed = Request::new("GET", "/v2/closed/app/tags/list").header("authorization", &others);
    let open = Request::new("GET", "/v2/open/app/tags/list");
    let [first, second, third, fourth, fifth, sixth] = KINDS;
    Ok(vec![
        always(first, read(&seen)),
        Kind {
            name: second,
            make: Box::new(move |number| Ok(read(&new.bearer(number + 1)?))),
        },
        always(third, upload),
        always(fourth, read(&others)),
        always(fifth, open),
        always(sixth, closed),
    ])
}

fn always(name: &'static str, request: Request) -> Kind {
    Kind {
        name,
        make: Box::new(move |_| Ok(request.clone())),
    }
}

/// Who may do what, whoever they are.
pub(super) fn access_control() -> Value {
    json!({"repositories": {
        "team/**": {"policies": [{"users": ["ci"], "actions": ["read", "create"]}]},
        "open/**": {"anonymousPolicy": ["read"]},
        "closed/**": {"policies": [{"users": ["nobody"], "actions": ["read"]}]},
    }})
}

/// The entry of an issuer in the configuration.
pub(super) fn entry(issuer: &str, cluster: &str) -> Value {
    let mapping = json!({"username": "claims.sub"});
    json!({"issuer": issuer, "audiences": ["registry"], "cluster": cluster, "claimMapping": mapping})
}

/// The kind `push with body`, as a push of a tag that does not exist.
pub(super) fn push_tag(bearer: &str) -> Kind {
    let [_, _, name, ..] = KINDS;
    let push = Request::new("PUT", "/v2/team/app/manifests/v1").header("authorization", bearer);
    always(
        name,
        push.header(LENGTH, &BODY.to_string())
            .body(vec![b'x'; BODY]),
    )
}
