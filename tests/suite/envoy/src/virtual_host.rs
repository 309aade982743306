//! A registry with its own virtual host, behind a route that rewrites the host: whatever host the
//! client names, existing tags are found and others may be created.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::client::{self, Request, Response};
use registry_auth_harness::envoy::{Bootstrap, Envoy, Listener};
use registry_auth_harness::mint::Recipe;
use registry_auth_harness::program::{Program, free_address};
use registry_auth_harness::substrate::now;
use registry_auth_harness::{distribution, key, module};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Outcome;

const PATIENCE: Duration = Duration::from_secs(20);
/// The only host name of the registry.
const NAME: &str = "registry.internal";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Distribution, a virtual host for it, and the filter in front. Dropped in the order of the
/// fields.
struct Fixture {
    envoy: Envoy,
    registry: Program,
    token: String,
    _folder: TempDir,
}

/// The filter's configuration: `ci` may create tags, and never overwrite one.
fn plugin(proxy: &Value) -> Result<Value> {
    Ok(json!({
        "http": {
            "auth": {"bearer": {"oidc": [{
                "issuer": "http://issuer.test",
                "audiences": ["registry"],
                "jwks": key::jwks(&["es256"])?,
                "claimMapping": {"username": "claims.sub"},
            }]}},
            "accessControl": {"repositories": {"app": {"policies": [
                {"users": ["ci"], "actions": ["read", "create"]},
            ]}}},
        },
        "proxy": proxy,
    }))
}

/// A listener that is a web server with one virtual host: the registry.
fn virtual_host(address: SocketAddr) -> Value {
    let all = |action: Value| {
        let mut route = json!({"match": {"prefix": "/"}});
        if let (Value::Object(route), Value::Object(action)) = (&mut route, action) {
            route.extend(action);
        }
        json!([route])
    };
    let hosts = json!([
        {"name": "registry", "domains": [NAME], "routes": all(json!({"route": {"cluster": "distribution"}}))},
        {"name": "others", "domains": ["*"], "routes": all(json!({"direct_response": {"status": 404}}))},
    ]);
    json!({
        "name": "virtual-host",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": address.port()}},
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                "stat_prefix": "virtual-host",
                "route_config": {"virtual_hosts": hosts},
                "http_filters": [{
                    "name": "envoy.filters.http.router",
                    "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
                }],
            },
        }]}],
    })
}

impl Fixture {
    /// Starts everything; `cluster` is Envoy's name for the registry.
    fn start(cluster: &str, proxy: &Value) -> Result<Self> {
        let folder = TempDir::with_prefix("registry-auth-host-")?;
        let (registry, distribution) = distribution::start(folder.path())?;
        let address = free_address()?;
        let bootstrap = Bootstrap {
            module: module::path()?,
            listeners: vec![Listener {
                name: "clients".to_owned(),
                configuration: plugin(proxy)?.to_string(),
                vm_id: "registry-auth".to_owned(),
                cluster: Some(cluster.to_owned()),
                ..Listener::default()
            }],
            clusters: vec![
                (cluster.to_owned(), address),
                ("distribution".to_owned(), distribution),
            ],
            environment: Vec::new(),
        };
        let mut configuration = bootstrap.to_json()?;
        let route = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes/0/route";
        let route = configuration
            .pointer_mut(route)
            .and_then(Value::as_object_mut)
            .context("no route")?;
        route.insert("host_rewrite_literal".to_owned(), json!(NAME));
        let listeners = configuration
            .pointer_mut("/static_resources/listeners")
            .and_then(Value::as_array_mut);
        listeners
            .context("no listeners")?
            .push(virtual_host(address));
        let envoy = Envoy::launch(&configuration, 2, &[])?;
        let claims = json!({"iss": "http://issuer.test", "sub": "ci", "aud": "registry", "exp": "+1h", "iat": "-1m"});
        let recipe: Recipe = serde_json::from_value(json!({"key": "es256", "claims": claims}))?;
        Ok(Self {
            envoy,
            registry,
            token: recipe.mint(now())?,
            _folder: folder,
        })
    }

    fn send(&self, request: &Request) -> Result<Response> {
        let request = request
            .clone()
            .header("authorization", &format!("Bearer {}", self.token));
        client::send(self.envoy.listener("clients")?, &request, PATIENCE)
            .with_context(|| format!("{}\n{}", self.envoy.log_tail(), self.registry.log()))
    }

    /// Pushes an index without images that differs by `text`.
    fn push(&self, host: &str, tag: &str, text: &str) -> Result<u16> {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [], "annotations": {"text": text}});
        let request = Request::new("PUT", &format!("/v2/app/manifests/{tag}")).header("host", host);
        let request = request
            .header("content-type", INDEX)
            .body(index.to_string().into_bytes());
        Ok(self.send(&request)?.status)
    }

    fn pull(&self, tag: &str) -> Result<Value> {
        let request =
            Request::new("GET", &format!("/v2/app/manifests/{tag}")).header("accept", INDEX);
        let answer = self.send(&request)?;
        ensure!(
            answer.status == 200,
            "the pull ended with {}",
            answer.status
        );
        let index: Value = serde_json::from_slice(&answer.body)?;
        index
            .pointer("/annotations/text")
            .cloned()
            .context("another manifest")
    }
}

#[test]
fn the_host_of_a_client_opens_no_tag_through_envoy() -> Outcome {
    let rows = [
        (NAME, json!({"upstreamCluster": NAME})),
        (
            "registry",
            json!({"upstreamCluster": "registry", "upstreamHost": NAME}),
        ),
    ];
    for (cluster, proxy) in rows {
        let fixture = Fixture::start(cluster, &proxy)?;
        for (number, host) in ["whatever.example", NAME, "127.0.0.1:5000"]
            .into_iter()
            .enumerate()
        {
            let tag = format!("v{number}");
            assert_eq!(
                fixture.push(host, &tag, "first")?,
                201,
                "{cluster} {host}: a new tag"
            );
            for other in ["whatever.example", NAME] {
                assert_eq!(
                    fixture.push(other, &tag, "second")?,
                    403,
                    "{cluster} {other}: a tag that is there"
                );
            }
            assert_eq!(fixture.pull(&tag)?, "first", "{cluster} {host}");
        }
    }
    Ok(())
}

/// The name of a cluster that the registry does not know as a host: the 404 is not one of the
/// registry, and grants nothing.
#[test]
fn a_virtual_host_that_does_not_know_the_name_opens_no_tag_through_envoy() -> Outcome {
    let fixture = Fixture::start("registry", &json!({"upstreamCluster": "registry"}))?;
    for host in ["whatever.example", NAME] {
        assert_eq!(fixture.push(host, "v1", "first")?, 403, "{host}");
    }
    Ok(())
}
