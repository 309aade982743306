//! What benchmark and budgets run: one policy in several sizes, and the tokens of Kubernetes
//! service accounts.

use anyhow::{Context as _, Result};
use registry_auth_engine::time::UnixTime;
use serde_json::{Map, Value, json};

use crate::client::Request;
use crate::key;
use crate::mint::Recipe;

/// `iss` of all tokens.
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
/// `aud` of all tokens.
pub const AUDIENCE: &str = "registry.example.com";
/// `sub` of the token that is used again and again.
pub const SUBJECT: &str = "system:serviceaccount:team:builder";
/// The repository of the requests that are allowed.
pub const REPOSITORY: &str = "team/app";
/// The pattern that decides for it.
const DECIDES: &str = "team/**";
/// A condition that holds for pulls by tag.
const CONDITION: &str = "req.referenceType == 'tag' && req.tag != 'latest'";

/// Header fields besides `host` and `authorization`: those of containerd for a pull.
pub const HEADERS: [(&str, &str); 2] = [
    ("user-agent", "containerd/2.1.4"),
    (
        "accept",
        "application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json, \
         application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, */*",
    ),
];

/// Algorithms that are compared, and the test keys that sign with them.
pub const ALGORITHMS: [Algorithm; 5] = [
    Algorithm {
        name: "RS256",
        key: "rs256",
    },
    Algorithm {
        name: "ES256",
        key: "es256",
    },
    Algorithm {
        name: "ES384",
        key: "es384",
    },
    Algorithm {
        name: "EdDSA",
        key: "eddsa",
    },
    Algorithm {
        name: "PS256",
        key: "ps256",
    },
];

/// A JWS algorithm (RFC 7518 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithm {
    /// The value of `alg`.
    pub name: &'static str,
    /// The test key, whose name is also its `kid`.
    pub key: &'static str,
}

/// What is special about a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How many repository patterns it has.
    pub patterns: usize,
    /// The deciding rule has a condition on `req`.
    pub condition: bool,
    /// Everybody may read what the deciding pattern matches.
    pub anonymous: bool,
}

impl Policy {
    /// One pattern, nothing else.
    pub const PLAIN: Self = Self {
        patterns: 1,
        condition: false,
        anonymous: false,
    };

    /// This number of patterns.
    #[must_use]
    pub const fn of(patterns: usize) -> Self {
        Self {
            patterns,
            ..Self::PLAIN
        }
    }

    /// The plugin configuration: keys inline, the policy by a group that the token's namespace
    /// gives.
    ///
    /// # Errors
    /// A test key is missing.
    pub fn configuration(self) -> Result<Value> {
        let mapping = json!({"username": "claims.sub", "groups": "['ns:' + claims['kubernetes.io'].namespace]"});
        let issuer = json!({"issuer": ISSUER, "audiences": [AUDIENCE], "jwks": jwks()?, "claimMapping": mapping});
        Ok(json!({
            "http": {
                "auth": {"bearer": {"realm": "registry", "service": AUDIENCE, "oidc": [issuer]}},
                "accessControl": {"repositories": self.repositories()},
            },
        }))
    }

    fn repositories(self) -> Map<String, Value> {
        let mut rule = json!({"groups": ["ns:team"], "actions": ["read", "create"]});
        if let (Value::Object(rule), true) = (&mut rule, self.condition) {
            rule.insert(
                "conditions".to_owned(),
                json!([{"expression": CONDITION, "message": "a tag, not latest"}]),
            );
        }
        let anonymous: &[&str] = if self.anonymous { &["read"] } else { &[] };
        let mut repositories = Map::new();
        repositories.insert(
            DECIDES.to_owned(),
            json!({"policies": [rule], "anonymousPolicy": anonymous}),
        );
        for number in 1..self.patterns {
            let policy = json!({"policies": [{"groups": [format!("ns:org-{number}")], "actions": ["read", "create"]}]});
            repositories.insert(pattern(number), policy);
        }
        repositories
    }
}

/// Patterns as large installations have them: most begin with a name, some end with one.
fn pattern(number: usize) -> String {
    match number % 10 {
        0 => format!("org-{number}/*/release"),
        1 => format!("org-{number}/app"),
        2 => format!("org-{number}/app-*"),
        3 => format!("**/shared-{number}"),
        _ => format!("org-{number}/**"),
    }
}

/// The public keys as a JWK Set.
///
/// # Errors
/// A test key is missing.
pub fn jwks() -> Result<Value> {
    key::jwks(&ALGORITHMS.map(|algorithm| algorithm.key))
}

/// The token of [`SUBJECT`], good for four hours from `now`.
///
/// # Errors
/// The crypto library refuses.
pub fn token(algorithm: Algorithm, now: UnixTime) -> Result<String> {
    mint(algorithm, SUBJECT, "builder", 0, now)
}

/// This number of tokens, each of another service account, none like those of another `batch`.
///
/// # Errors
/// The crypto library refuses.
pub fn tokens(
    algorithm: Algorithm,
    batch: usize,
    count: usize,
    now: UnixTime,
) -> Result<Vec<String>> {
    let token = |number| {
        let name = format!("builder-{batch}-{number}");
        mint(
            algorithm,
            &format!("system:serviceaccount:team:{name}"),
            &name,
            number,
            now,
        )
    };
    (1..=count).map(token).collect()
}

fn mint(
    algorithm: Algorithm,
    subject: &str,
    name: &str,
    number: usize,
    now: UnixTime,
) -> Result<String> {
    let claims = json!({
        "iss": ISSUER,
        "sub": subject,
        "aud": [AUDIENCE],
        "iat": "-1m",
        "nbf": "-1m",
        "exp": "+4h",
        "jti": format!("6f1c2f0e-0d5c-4c55-9a53-{number:012}"),
        "kubernetes.io": {
            "namespace": "team",
            "serviceaccount": {"name": name, "uid": "9d1b42c1-6a63-4ad1-9a3e-0f6f6a0f8f5a"},
        },
    });
    let claims: Map<String, Value> =
        serde_json::from_value(claims).context("claims are an object")?;
    Recipe {
        alg: Some(algorithm.name.to_owned()),
        ..Recipe::plain(algorithm.key, claims)
    }
    .mint(now)
}

/// The pull of a manifest by its tag.
#[must_use]
pub fn pull(repository: &str, token: Option<&str>) -> Request {
    let request = Request::new("GET", &format!("/v2/{repository}/manifests/v1"));
    let request = HEADERS.iter().fold(request, |request, (name, value)| {
        request.header(name, value)
    });
    match token {
        Some(token) => request.header("authorization", &format!("Bearer {token}")),
        None => request,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use registry_auth_engine::compile;
    use registry_auth_engine::config::{self, Role};

    use super::*;

    #[test]
    fn the_configurations_are_good_ones_with_so_many_patterns() {
        for policy in [
            Policy::PLAIN,
            Policy::of(100),
            Policy {
                condition: true,
                anonymous: true,
                ..Policy::PLAIN
            },
        ] {
            let configuration = policy.configuration().unwrap();
            let (Role::Filter(document), mut diagnostics) =
                config::decode(configuration.to_string().as_bytes())
            else {
                panic!("an intake");
            };
            assert!(compile(&document, &mut diagnostics).is_some());
            assert!(diagnostics.errors.is_empty(), "{:?}", diagnostics.errors);
            assert_eq!(
                document.access_control.unwrap().repositories.len(),
                policy.patterns
            );
        }
    }

    #[test]
    fn no_two_tokens_of_two_batches_are_the_same() {
        let now = UnixTime::from_secs(1_000_000);
        let batches = [1, 2]
            .map(|batch| tokens(ALGORITHMS[3], batch, 20, now).unwrap())
            .concat();
        assert_eq!(batches.iter().collect::<BTreeSet<_>>().len(), 40);
    }
}
