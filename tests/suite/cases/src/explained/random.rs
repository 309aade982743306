//! Random policies, tokens and requests that meet: few names, of which many patterns match several.

use anyhow::Result;
use registry_auth_engine::UnixTime;
use registry_auth_harness::key;
use registry_auth_harness::mint::{Recipe, Tamper};
use registry_auth_harness::registry::RegistryState;
use registry_auth_harness::scenario::Config;
use serde_json::{Map, Value, json};

/// Each thing that can be wrong with a token is wrong in one of this number.
const ODDS: usize = 14;
const ISSUER: &str = "https://issuer.test";
/// The issuer of tokens of the login service, which is not configured.
const LOGIN: &str = "urn:registry-auth:login";
const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const ACTIONS: [&str; 4] = ["read", "create", "update", "delete"];
const NAMES: [&str; 6] = ["t/a", "t/b/c", "t/u", "open/x", "other", "T/bad"];
const TAGS: [&str; 3] = ["v1", "v2", "latest"];
const PATTERNS: [&str; 6] = [
    "**",
    "t/**",
    "t/a",
    "t/${username}/**",
    "open/**",
    "{t,open}/*",
];
const CONDITIONS: [&str; 7] = [
    "req.tag != 'latest'",
    "req.claims.ref == 'main'",
    "req.action == 'read'",
    "req.repository.startsWith('t/')",
    "req.digest == ''",
    "req.claims.missing == 1",
    "req.time > timestamp('2020-01-01T00:00:00Z')",
];

/// Numbers that are the same each time (Knuth's MMIX).
pub(super) struct Random(pub(super) u64);

/// A token.
pub(super) struct Token {
    pub(super) compact: String,
    pub(super) claims: Map<String, Value>,
    /// Its signature is that of the issuer.
    pub(super) is_signed: bool,
}

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % limit.max(1)
    }

    fn one<T: Copy + Default>(&mut self, all: &[T]) -> T {
        all.get(self.below(all.len())).copied().unwrap_or_default()
    }

    /// The first, and one of the others in one of [`ODDS`] cases.
    fn mostly<T: Copy + Default>(&mut self, first: T, others: &[T]) -> T {
        if self.below(ODDS) == 0 {
            self.one(others)
        } else {
            first
        }
    }

    fn some(&mut self, all: &[&str]) -> Vec<String> {
        let all = all.iter().filter(|_| self.below(2) == 0);
        all.map(|text| (*text).to_owned()).collect()
    }

    fn seldom(&mut self, odds: usize, all: &[&str]) -> Vec<String> {
        if self.below(odds) == 0 {
            self.some(all)
        } else {
            Vec::new()
        }
    }

    /// A policy, behind which a registry is asked for tags or is not.
    pub(super) fn config(&mut self) -> Result<Config> {
        let mut plugin = json!({ "http": {
            "auth": { "bearer": { "realm": "https://registry.test/token", "service": "registry", "oidc": [{
                "issuer": ISSUER,
                "audiences": ["registry"],
                "jwks": key::jwks(&["es256"])?,
                "claimMapping": {
                    "variables": [{ "name": "who", "expression": "claims.who" }],
                    "validations": [{ "expression": "claims.owner == '1'", "message": "not ours" }],
                    "username": "vars.who",
                    "groups": "['g/' + claims.ref]",
                },
            }] } },
            "accessControl": self.access_control(),
        } });
        if let Some(entry) = plugin.pointer_mut("/http/auth/bearer/oidc/0")
            && self.below(4) == 0
        {
            merge(entry, "skipIssuerVerification", true.into());
        }
        if let Some(auth) = plugin.pointer_mut("/http/auth")
            && self.below(4) == 0
        {
            merge(auth, "mtls", json!({ "bindTokens": true }));
        }
        if self.below(2) == 0 {
            merge(
                &mut plugin,
                "proxy",
                json!({ "upstreamCluster": "upstream" }),
            );
        }
        let tags = NAMES
            .iter()
            .flat_map(|name| TAGS.map(|tag| format!("{name}:{tag}")));
        let registry = RegistryState {
            tags: tags.filter(|_| self.below(2) == 0).collect(),
            catalog: Some(NAMES.iter().map(|name| (*name).to_owned()).collect()),
            ..RegistryState::default()
        };
        Ok(Config {
            plugin,
            pushed: None,
            minting: None,
            login: None,
            registry,
            holds_bodies: false,
        })
    }

    fn access_control(&mut self) -> Value {
        let mut repositories = Map::new();
        for pattern in self.some(&PATTERNS) {
            let policies: Vec<_> = (0..=self.below(2)).map(|_| self.policy()).collect();
            let group = json!({
                "policies": policies,
                "defaultPolicy": self.seldom(3, &ACTIONS),
                "anonymousPolicy": self.seldom(3, &ACTIONS),
            });
            repositories.insert(pattern, group);
        }
        let mut control = json!({ "repositories": repositories });
        if self.below(3) == 0 {
            let admin = json!({ "users": self.some(&["a"]), "groups": self.some(&["g/x"]), "actions": self.some(&ACTIONS) });
            merge(&mut control, "adminPolicy", admin);
        }
        control
    }

    fn policy(&mut self) -> Value {
        let conditions = self.some(&CONDITIONS).into_iter().take(2);
        let conditions = conditions
            .map(|expression| json!({ "message": format!("not {expression}"), "expression": expression }));
        let conditions: Vec<_> = conditions.collect();
        json!({
            "users": self.some(&["a", "b", "u"]), "groups": self.some(&["g/main", "g/x"]),
            "actions": self.some(&ACTIONS), "conditions": conditions,
        })
    }

    /// A token, mostly a good one; none for an anonymous caller.
    pub(super) fn token(&mut self, now: UnixTime) -> Result<Option<Token>> {
        if self.below(8) == 0 {
            return Ok(None);
        }
        let mut claims = Map::new();
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        set(
            "iss",
            self.mostly(
                ISSUER,
                &["https://issuer.test/", "https://other.test", LOGIN],
            )
            .into(),
        );
        set("sub", "s".into());
        set("aud", self.mostly("registry", &["x"]).into());
        let seconds = now.secs();
        set("iat", seconds.saturating_sub(600).into());
        let expires = self.mostly(600, &[-60]);
        set("exp", seconds.saturating_add(expires).into());
        if self.mostly(false, &[true]) {
            set("nbf", seconds.saturating_add(300).into());
        }
        set("owner", self.mostly("1", &["2"]).into());
        set("ref", self.one(&["main", "x"]).into());
        if self.mostly(true, &[false]) {
            set("who", self.one(&["a", "b", "u", "c"]).into());
        }
        if self.mostly(false, &[true]) {
            set("cnf", json!({ "jkt": "x" }));
        }
        let lacking = self.mostly("", &["iss", "sub", "aud", "iat", "exp"]);
        claims.remove(lacking);
        let tampers = [
            Some(Tamper::Signature),
            Some(Tamper::Payload),
            Some(Tamper::None),
            Some(Tamper::Truncated),
        ];
        let key = self.mostly("es256", &["other-es256"]);
        let mut recipe = Recipe::plain(key, claims.clone());
        recipe.tamper = self.mostly(None, &tampers);
        if self.below(2) == 0 {
            recipe.kid = Some("es256".to_owned());
        }
        Ok(Some(Token {
            compact: recipe.mint(now)?,
            claims,
            is_signed: key == "es256" && recipe.tamper.is_none(),
        }))
    }

    /// Method and path.
    pub(super) fn request(&mut self) -> (String, String) {
        let name = self.one(&NAMES);
        let tag = self.one(&TAGS);
        let (method, path) = match self.below(12) {
            0 => ("GET", format!("/v2/{name}/manifests/{tag}")),
            1..=3 => ("PUT", format!("/v2/{name}/manifests/{tag}")),
            4 => ("PUT", format!("/v2/{name}/manifests/{DIGEST}")),
            5 => ("DELETE", format!("/v2/{name}/manifests/{DIGEST}")),
            6 => ("POST", format!("/v2/{name}/blobs/uploads/")),
            7 => ("GET", format!("/v2/{name}/tags/list")),
            8 => (
                "POST",
                format!("/v2/{name}/blobs/uploads/?mount={DIGEST}&from=t/a"),
            ),
            9 => ("GET", "/v2/".to_owned()),
            10 => ("GET", "/v2/_catalog".to_owned()),
            _ => ("HEAD", format!("/v2/{name}/blobs/{DIGEST}")),
        };
        (method.to_owned(), path)
    }
}

/// Adds a member to an object.
fn merge(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}
