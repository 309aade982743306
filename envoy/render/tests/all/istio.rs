//! What is rendered for Istio and Envoy Gateway, compared with files that `tests/istio` serves and
//! `tests/schemas` checks.
//!
//! `REGISTRY_AUTH_RENEW=1` writes the files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use registry_auth_render::envoy_gateway::{self, Gateway};
use registry_auth_render::istio::{Form, Mesh, Workload, render};
use registry_auth_render::{Options, Upstream};
use serde_json::Value;

const REGISTRY: &str = "http://registry.registry.svc.cluster.local:5000";

const HTTPS: &str = "https://registry.internal.example.com";

/// A file of `tests/istio/rendered`.
struct Row {
    name: &'static str,
    /// The file of `tests/istio/documents`.
    document: &'static str,
    mesh: fn(&mut Mesh),
}

const ROWS: &[Row] = &[
    Row {
        name: "inline-keys",
        document: "inline-keys",
        mesh: |_| (),
    },
    Row {
        name: "one-port",
        document: "inline-keys",
        mesh: |mesh| mesh.workload = gateway(8443),
    },
    Row {
        name: "issuer",
        document: "issuer",
        mesh: |_| (),
    },
    Row {
        name: "registry-tls",
        document: "inline-keys",
        mesh: |_| (),
    },
    Row {
        name: "shared-keys",
        document: "shared-keys",
        mesh: |_| (),
    },
    Row {
        name: "traffic-extension",
        document: "issuer",
        mesh: |mesh| mesh.form = Some(Form::TrafficExtension),
    },
    Row {
        name: "private-issuer",
        document: "private-issuer",
        mesh: |_| (),
    },
    Row {
        name: "pushed-keys",
        document: "pushed-keys",
        mesh: |mesh| mesh.workload = gateway(8443),
    },
    Row {
        name: "pushed-keys-plugin",
        document: "pushed-keys",
        mesh: |mesh| {
            mesh.workload = gateway(8443);
            mesh.form = Some(Form::Plugin);
        },
    },
    Row {
        name: "token-endpoint",
        document: "token-endpoint",
        mesh: |_| (),
    },
    Row {
        name: "client-certificates",
        document: "client-certificates",
        mesh: |_| (),
    },
    Row {
        name: "sidecar",
        document: "issuer",
        mesh: |mesh| {
            "registry".clone_into(&mut mesh.namespace);
            mesh.workload = Workload::Sidecar(vec![("app".to_owned(), "registry".to_owned())]);
        },
    },
    Row {
        name: "waypoint",
        document: "inline-keys",
        mesh: |mesh| {
            "registry".clone_into(&mut mesh.namespace);
            mesh.workload = Workload::Waypoint("waypoint".to_owned());
        },
    },
];

#[test]
fn rendered_resources_are_those_that_are_served() {
    let folder = folder();
    for row in ROWS {
        let document = read(row.document);
        let mut mesh = Mesh::default();
        mesh.image.sha256 = Some("0".repeat(64));
        (row.mesh)(&mut mesh);
        let no_files = BTreeMap::<String, Vec<u8>>::new();
        let mut options = options();
        if let (true, Some(upstream)) = (row.name == "registry-tls", &mut options.upstream) {
            HTTPS.clone_into(&mut upstream.url);
        }
        let rendered = match render(&document, &options, &mesh, &no_files) {
            Ok(rendered) => rendered,
            Err(errors) => panic!("{}: {errors:?}", row.name),
        };
        let said = rendered.assumptions.join("\n") + "\n";
        same(
            &folder.join(format!("rendered/{}.yaml", row.name)),
            &rendered.yaml,
        );
        same(&folder.join(format!("rendered/{}.txt", row.name)), &said);
    }
}

#[test]
fn rendered_resources_of_envoy_gateway_are_those_that_are_checked() {
    for (name, document, url) in [
        ("inline-keys", "inline-keys", REGISTRY),
        ("issuer", "issuer", REGISTRY),
        ("private-issuer", "private-issuer", HTTPS),
        ("shared-keys", "shared-keys", REGISTRY),
    ] {
        let mut options = options();
        if let Some(upstream) = &mut options.upstream {
            url.clone_into(&mut upstream.url);
        }
        let mut gateway = Gateway::default();
        gateway.image.sha256 = Some("0".repeat(64));
        let no_files = BTreeMap::<String, Vec<u8>>::new();
        let rendered = envoy_gateway::render(&read(document), &options, &gateway, &no_files);
        let rendered = rendered.unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        let path = folder().join(format!("../envoy-gateway/{name}"));
        same(&path.with_extension("yaml"), &rendered.yaml);
        same(
            &path.with_extension("txt"),
            &(rendered.assumptions.join("\n") + "\n"),
        );
    }
}

/// A change of a document and of the options, and the beginning of the only error.
type Refusal = (fn(&mut Value), fn(&mut Options, &mut Mesh), &'static str);

#[test]
fn what_cannot_work_in_a_mesh_is_refused() {
    let nothing: fn(&mut Value) = |_| ();
    let same: fn(&mut Options, &mut Mesh) = |_, _| ();
    let rows: &[Refusal] = &[
        (
            nothing,
            |options, _| options.upstream = None,
            "--upstream: must be given",
        ),
        (
            nothing,
            |options, _| {
                options.upstream.as_mut().unwrap().url = "unix:/run/registry.sock".to_owned();
            },
            "--upstream: a socket cannot be reached in a mesh",
        ),
        (
            |document| oidc(document)["issuer"] = "https://issuer".into(),
            same,
            "http.auth.bearer.oidc: `issuer` is a short name",
        ),
        (
            |document| oidc(document)["issuer"] = "https://192.0.2.1".into(),
            same,
            "http.auth.bearer.oidc: 192.0.2.1 is an address",
        ),
        (
            |document| oidc(document)["keySource"] = "push".into(),
            same,
            "--port: must be given",
        ),
        (
            |document| oidc(document)["keySource"] = "push".into(),
            |_, mesh| mesh.form = Some(Form::Plugin),
            "--port: must be given",
        ),
        (
            |document| document["proxy"] = serde_json::json!({ "readRequestBodies": true }),
            |_, mesh| mesh.form = Some(Form::TrafficExtension),
            "--form: proxy.readRequestBodies is true",
        ),
        (
            |document| oidc(document)["keySource"] = "push".into(),
            |_, mesh| mesh.workload = Workload::Sidecar(vec![]),
            "--mode: keys are pushed to the filter",
        ),
        (
            nothing,
            |_, mesh| mesh.workload = Workload::Waypoint("waypoint".to_owned()),
            "--mode: a waypoint has no cluster for the issuer at issuer.example.com",
        ),
        (
            |document| {
                let condition = serde_json::json!([{
                    "expression": "req.client.ip == '192.0.2.1'", "message": "not from there",
                }]);
                document["http"]["accessControl"]["repositories"]["acme/**"]["policies"][0]["conditions"] =
                    condition;
            },
            |_, mesh| mesh.workload = Workload::Sidecar(vec![]),
            "http.accessControl.repositories",
        ),
    ];
    for (change, choose, expected) in rows {
        let mut document = read("issuer");
        change(&mut document);
        let (mut options, mut mesh) = (options(), Mesh::default());
        choose(&mut options, &mut mesh);
        let no_files = BTreeMap::<String, Vec<u8>>::new();
        let errors = render(&document, &options, &mesh, &no_files).expect_err(expected);
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors.len(), 1, "{expected}: {errors:?}");
        assert!(errors[0].starts_with(expected), "{expected}: {errors:?}");
    }
}

#[test]
fn what_envoy_gateway_cannot_do_is_refused() {
    let no_files = BTreeMap::<String, Vec<u8>>::new();
    let gateway = Gateway::default();
    for (document, expected) in [
        ("pushed-keys", "http.auth.bearer: keys are pushed"),
        ("token-endpoint", "proxy.readRequestBodies: "),
    ] {
        let errors = envoy_gateway::render(&read(document), &options(), &gateway, &no_files);
        let errors = errors.expect_err(document);
        assert!(errors[0].to_string().starts_with(expected), "{errors:?}");
    }
}

#[test]
fn what_the_route_has_to_do_is_said() {
    let mut options = options();
    if let Some(upstream) = &mut options.upstream {
        upstream.rewrite_host = true;
    }
    let no_files = BTreeMap::<String, Vec<u8>>::new();
    let document = read("inline-keys");
    let istio = render(&document, &options, &Mesh::default(), &no_files).unwrap();
    let gateway = Gateway::default();
    let gateway = envoy_gateway::render(&document, &options, &gateway, &no_files).unwrap();
    let line =
        "the route to the registry rewrites the host to registry.registry.svc.cluster.local:5000";
    for rendered in [istio, gateway] {
        assert!(rendered.assumptions.iter().any(|said| said == line));
    }
}

fn oidc(document: &mut Value) -> &mut Value {
    &mut document["http"]["auth"]["bearer"]["oidc"][0]
}

/// Returns a file of `tests/istio/documents`.
fn read(name: &str) -> Value {
    let text = fs::read_to_string(folder().join(format!("documents/{name}.json")));
    serde_json::from_str(&text.unwrap()).unwrap()
}

/// Compares a file, or writes it.
fn same(path: &Path, text: &str) {
    if std::env::var_os("REGISTRY_AUTH_RENEW").is_some() {
        fs::write(path, text).unwrap();
        return;
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        written,
        text,
        "{}: REGISTRY_AUTH_RENEW=1 renews it",
        path.display()
    );
}

fn gateway(port: u16) -> Workload {
    let labels = vec![("istio".to_owned(), "ingressgateway".to_owned())];
    Workload::Gateway(labels, Some(port))
}

fn options() -> Options {
    Options {
        upstream: Some(Upstream {
            url: REGISTRY.to_owned(),
            ..Upstream::default()
        }),
        check_files: false,
        login: None,
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/istio")
}
