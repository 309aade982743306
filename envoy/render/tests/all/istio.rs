//! What is rendered for Istio, compared with files that the tests of `tests/istio` serve.
//!
//! `REGISTRY_AUTH_RENEW=1` writes the files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use registry_auth_render::istio::{Form, Mesh, Workload, render};
use registry_auth_render::{Options, Upstream};
use serde_json::Value;

const REGISTRY: &str = "http://registry.registry.svc.cluster.local:5000";

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
        let text = fs::read_to_string(folder.join(format!("documents/{}.json", row.document)));
        let document: Value = serde_json::from_str(&text.unwrap()).unwrap();
        let mut mesh = Mesh::default();
        mesh.image.sha256 = Some("0".repeat(64));
        (row.mesh)(&mut mesh);
        let no_files = BTreeMap::<String, Vec<u8>>::new();
        let rendered = match render(&document, &options(), &mesh, &no_files) {
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
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/istio")
}
