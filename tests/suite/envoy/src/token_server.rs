//! An unmodified registry (Distribution) that requires tokens, the filter in front that mints them,
//! and a real client.

mod registry;

use std::cell::Cell;
use std::env;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use registry_auth_engine::keys::SigningKey;
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::envoy::{Bootstrap, Envoy, Listener};
use registry_auth_harness::issuer::Issuer;
use registry_auth_harness::key::TestKey;
use registry_auth_harness::mint::Recipe;
use registry_auth_harness::server::Server;
use registry_auth_harness::substrate::{PUSH_KEY, now};
use registry_auth_harness::{module, push};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use self::registry::{Registry, Trust, start_registry};
use crate::Outcome;

const PATIENCE: Duration = Duration::from_mins(1);
const TOKEN_ISSUER: &str = "token.test";
const SERVICE: &str = "registry.test";
/// `ci` with a token for every tag but `v2`.
const UNTRUSTED: &str = "untrusted";

/// Everything that runs. Dropped in the order of the fields.
struct Fixture {
    envoy: Envoy,
    registry: Registry,
    _issuer: Server,
    clients: SocketAddr,
    folder: TempDir,
    pushes: Cell<usize>,
}

impl Fixture {
    fn set_up(trust: Trust) -> Result<Self> {
        let folder = TempDir::with_prefix("registry-auth-token-server-")?;
        let (name, algorithm) = trust.key();
        let key = TestKey::named(name)?;
        let jwks = SigningKey::jwks_from_pem(key.private_pem(), algorithm, trust.key_id())?;
        let clients = free_address()?;
        let realm = format!("http://{clients}/auth/token");
        let registry = start_registry(folder.path(), trust, &realm, &jwks)?;
        let issuer = Issuer::new("http://issuer.test", &["rs256"])?.serve()?;
        let listener = |name: &str, port, configuration: &Value, cluster: Option<&str>| Listener {
            name: name.to_owned(),
            configuration: configuration.to_string(),
            vm_id: "one".to_owned(),
            port,
            cluster: cluster.map(str::to_owned),
            ..Listener::default()
        };
        let intake = json!({ "intake": { "pushKey": { "env": "REGISTRY_AUTH_PUSH_KEY" } } });
        let envoy = Envoy::start(&Bootstrap {
            module: module::path()?,
            listeners: vec![
                listener(
                    "clients",
                    clients.port(),
                    &configuration(&realm, trust),
                    Some("registry"),
                ),
                listener("intake", 0, &intake, None),
            ],
            clusters: vec![
                ("registry".to_owned(), registry.address),
                ("issuers".to_owned(), issuer.address()),
            ],
            environment: vec![("REGISTRY_AUTH_PUSH_KEY".to_owned(), PUSH_KEY.to_owned())],
        })?;
        let pushed = client::send(
            envoy.listener("intake")?,
            &push::request("mint:us-east-1/mint", &jwks, now()),
            PATIENCE,
        )?;
        ensure!(pushed.status == 200, "the intake answers {}", pushed.status);
        Ok(Self {
            envoy,
            registry,
            _issuer: issuer,
            clients,
            folder,
            pushes: Cell::default(),
        })
    }

    /// Runs crane with a token as password, or none. What it wrote, if it came out as expected.
    fn crane(&self, user: Option<&str>, succeeds: bool, arguments: &[&str]) -> Result<String> {
        let home = self.folder.path().join(user.unwrap_or("nobody"));
        fs::create_dir_all(&home)?;
        let mut auths = Map::new();
        if let Some(user) = user {
            let auth = BASE64_STANDARD.encode(format!("token:{}", credential(user)?));
            auths.insert(self.clients.to_string(), json!({ "auth": auth }));
        }
        fs::write(
            home.join("config.json"),
            json!({ "auths": auths }).to_string(),
        )?;
        let output = Command::new(tool("bin/crane"))
            .args(arguments)
            .env("DOCKER_CONFIG", &home)
            .output();
        let output = output.context("crane cannot be started: run `cargo xtask test`")?;
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        let log = || self.envoy.log_tail();
        ensure!(
            output.status.success() == succeeds,
            "{user:?}: crane {arguments:?} said: {said}\n{}",
            log()
        );
        Ok(said)
    }

    fn push(&self, user: &str, succeeds: bool, image: &str) -> Result<String> {
        // Blocks of zeros are an empty tar archive; another one each time, or crane finds that
        // there is nothing to push.
        let layer = self.folder.path().join("layer.tar");
        let blocks = self.pushes.get() + 2;
        self.pushes.set(blocks);
        fs::write(&layer, vec![0; blocks * 512])?;
        let layer = layer.to_str().context("a folder whose name is no text")?;
        self.crane(
            Some(user),
            succeeds,
            &["append", "--new_layer", layer, "--new_tag", image],
        )
    }

    /// Asks the registry without the filter.
    fn directly(&self, method: &str, target: &str, token: &str) -> Result<u16> {
        let request =
            Request::new(method, target).header("authorization", &format!("Bearer {token}"));
        Ok(client::send(self.registry.address, &request, PATIENCE)?.status)
    }

    fn mint(&self, user: &str, scope: &str) -> Result<String> {
        let request = Request::new(
            "GET",
            &format!("/auth/token?service={SERVICE}&scope={scope}"),
        );
        let request = request.header("authorization", &format!("Bearer {}", credential(user)?));
        let answer = client::send(self.clients, &request, PATIENCE)?;
        ensure!(
            answer.status == 200,
            "{} {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
        let body: Value = serde_json::from_slice(&answer.body)?;
        Ok(body
            .get("token")
            .and_then(Value::as_str)
            .context("no token")?
            .to_owned())
    }
}

fn configuration(realm: &str, trust: Trust) -> Value {
    let mut mint = json!({
        "issuer": TOKEN_ISSUER,
        "algorithm": trust.key().1.name(),
        "awsSecretsManager": { "region": "us-east-1", "secretName": "mint" },
    });
    if let (Some(mint), Some(id)) = (mint.as_object_mut(), trust.key_id()) {
        mint.insert("keyId".to_owned(), id.into());
    }
    json!({
        "http": {
            "auth": { "bearer": {
                "realm": realm,
                "service": SERVICE,
                "oidc": [{
                    "issuer": "http://issuer.test",
                    "audiences": ["registry"],
                    "claimMapping": { "username": "claims.sub" },
                }],
                "mint": mint,
            } },
            "accessControl": {
                "repositories": {
                    "team/**": { "policies": [
                        { "users": ["ci"], "actions": ["read", "create"], "conditions": [
                            { "expression": "!(has(req.claims.untrusted) && req.tag == 'v2')" },
                        ] },
                        { "users": ["reader"], "actions": ["read"] },
                    ] },
                    "public/**": {
                        "policies": [{ "users": ["ci"], "actions": ["read", "create", "update"] }],
                        "anonymousPolicy": ["read"],
                    },
                },
                "adminPolicy": { "users": ["root"], "actions": ["read", "delete"] },
            },
        },
        "proxy": {
            "oidcCluster": "issuers",
            "upstreamCluster": "registry",
            "forwardAuthorization": true,
            "readRequestBodies": true,
            "pushKey": { "env": "REGISTRY_AUTH_PUSH_KEY" },
        },
    })
}

fn credential(user: &str) -> Result<String> {
    let mut claims = json!({ "iss": "http://issuer.test", "aud": "registry", "sub": user, "iat": "-1m", "exp": "+1h" });
    // The restrictions of the token are claims of the minted one, which the registry must accept.
    if user == UNTRUSTED {
        claims = json!({
            "iss": "http://issuer.test", "aud": "registry", "sub": "ci", "iat": "-1m", "exp": "+1h",
            "untrusted": { "pull_request": 17 }, "cnf": { "x5t#S256": "x" },
        });
    }
    let Value::Object(claims) = claims else {
        bail!("claims are an object")
    };
    Recipe::plain("rs256", claims).mint(now())
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn tool(path: &str) -> PathBuf {
    env::var_os("REGISTRY_AUTH_TOOLS")
        .map_or_else(|| module::workspace().join(".tools"), PathBuf::from)
        .join(path)
}

fn play(trust: Trust) -> Result<()> {
    let fixture = Fixture::set_up(trust)?;
    let image = |name: &str| format!("{}/{name}", fixture.clients);
    let (app, public) = (image("team/app:v1"), image("public/app:v1"));

    // A client pushes and pulls; it fetches a token for each scope.
    fixture.push("ci", true, &app)?;
    fixture.push("ci", true, &public)?;
    let pull = |name: &str| ["pull".to_owned(), name.to_owned(), "/dev/null".to_owned()];
    for (user, name, succeeds) in [
        (Some("ci"), &app, true),
        (Some("reader"), &app, true),
        (Some("root"), &app, true),
        (Some("stranger"), &app, false),
        (None, &app, false),
        (None, &public, true),
        (Some("stranger"), &public, true),
    ] {
        let arguments = pull(name);
        fixture.crane(user, succeeds, &arguments.each_ref().map(String::as_str))?;
    }
    fixture.push("reader", false, &app)?;
    // Only the filter distinguishes create from update: it asks the registry if the tag exists.
    fixture.push("ci", false, &app)?;
    fixture.push(UNTRUSTED, true, &image("team/app:untrusted"))?;
    fixture.push(UNTRUSTED, false, &image("team/app:v2"))?;
    fixture.push("ci", true, &image("team/app:v2"))?;
    for (tag, succeeds) in [("untrusted", true), ("v2", false)] {
        let arguments = pull(&image(&format!("team/app:{tag}")));
        fixture.crane(
            Some(UNTRUSTED),
            succeeds,
            &arguments.each_ref().map(String::as_str),
        )?;
    }
    fixture.push("ci", true, &public)?;

    // Names are those that each may read.
    let listed = fixture.crane(
        Some("stranger"),
        true,
        &["catalog", &fixture.clients.to_string()],
    )?;
    ensure!(
        listed.contains("public/app") && !listed.contains("team/app"),
        "{listed}"
    );
    let listed = fixture.crane(
        Some("reader"),
        true,
        &["catalog", &fixture.clients.to_string()],
    )?;
    ensure!(
        listed.contains("public/app") && listed.contains("team/app"),
        "{listed}"
    );

    // The registry itself enforces the scope of a token, and accepts no other token.
    let token = fixture.mint("ci", "repository:team/app:pull")?;
    ensure!(fixture.directly("GET", "/v2/team/app/tags/list", &token)? == 200);
    ensure!(fixture.directly("POST", "/v2/team/app/blobs/uploads/", &token)? == 401);
    ensure!(fixture.directly("GET", "/v2/public/app/tags/list", &token)? == 401);
    ensure!(
        fixture.directly(
            "GET",
            "/v2/team/app/tags/list",
            &fixture.mint("stranger", "repository:team/app:pull")?
        )? == 401
    );
    ensure!(
        fixture.directly(
            "GET",
            "/v2/_catalog",
            &fixture.mint("reader", "registry:catalog:*")?
        )? == 401
    );
    ensure!(
        fixture.directly(
            "GET",
            "/v2/_catalog",
            &fixture.mint("root", "registry:catalog:*")?
        )? == 200
    );
    ensure!(fixture.directly("GET", "/v2/team/app/tags/list", &credential("ci")?)? == 401);

    fixture.crane(Some("ci"), false, &["delete", &app])?;
    let digest = fixture.crane(Some("root"), true, &["digest", &app])?;
    fixture.crane(
        Some("root"),
        true,
        &["delete", &image(&format!("team/app@{}", digest.trim()))],
    )?;
    Ok(())
}

#[test]
fn a_registry_that_trusts_a_certificate_takes_minted_tokens() -> Outcome {
    Ok(play(Trust::Certificate)?)
}

#[test]
fn a_registry_that_trusts_a_key_set_takes_minted_tokens() -> Outcome {
    Ok(play(Trust::Keys)?)
}

#[test]
fn a_registry_of_the_release_before_takes_minted_tokens_through_envoy() -> Outcome {
    if !tool(Trust::OldCertificate.program()).exists() && env::var_os("CI").is_none() {
        eprintln!("SKIPPED: docker-registry is missing: run `cargo xtask tools`");
        return Ok(());
    }
    Ok(play(Trust::OldCertificate)?)
}
