//! Documents and files of the tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use registry_auth_engine::json;
use registry_auth_render::{Completed, ConfigError, Options, complete};
use serde_json::Value;

/// Files that documents of zot name, and the fixtures with their content.
const NAMED: &[(&str, &str)] = &[
    ("/etc/zot/k8s-ca.pem", "certificates/issuer-ca.pem"),
    ("/etc/zot/auth.crt", "keys/rs256.crt"),
    ("/etc/zot/certs/server.cert", "certificates/server.pem"),
    ("/etc/zot/certs/server.key", "certificates/server.key.pem"),
    ("/etc/zot/certs/ca.cert", "certificates/ca.pem"),
];

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn fixture(name: &str) -> String {
    fs::read_to_string(repository().join("tests/fixtures").join(name)).unwrap()
}

/// The files that the documents name.
pub(crate) fn files() -> BTreeMap<String, Vec<u8>> {
    let named = NAMED
        .iter()
        .map(|(path, name)| ((*path).to_owned(), fixture(name).into_bytes()));
    named.collect()
}

/// The configurations of zot's documents, with a real certificate where they abbreviate one.
pub(crate) fn documents() -> Vec<(String, Value)> {
    let mut text = fixture("zot-documents.json");
    let ca = Value::from(fixture("certificates/issuer-ca.pem")).to_string();
    let short = r#""-----BEGIN CERTIFICATE-----\nMIIC...\n-----END CERTIFICATE-----""#;
    assert_eq!(text.matches(short).count(), 1);
    text = text.replace(short, &ca);
    let all = json::parse(text.as_bytes()).unwrap();
    let all = all["configurations"].as_array().unwrap().clone();
    let row = |row: Value| {
        (
            row["name"].as_str().unwrap().to_owned(),
            row["document"].clone(),
        )
    };
    all.into_iter().map(row).collect()
}

/// Returns the document of zot's with this name.
pub(crate) fn document(name: &str) -> Value {
    documents()
        .into_iter()
        .find(|row| row.0 == name)
        .unwrap_or_else(|| panic!("no document {name}"))
        .1
}

/// Completes a document whose files are all there.
pub(crate) fn with(document: &Value, options: &Options) -> Result<Completed, Vec<ConfigError>> {
    complete(document, options, &files())
}

/// Completes a document that is good.
pub(crate) fn good(document: &Value, options: &Options) -> Completed {
    with(document, options).unwrap_or_else(|errors| panic!("{document:#}: {errors:#?}"))
}

/// Options that read every named file.
pub(crate) fn checking() -> Options {
    Options {
        check_files: true,
        ..Options::default()
    }
}

/// A document with these issuers and a policy.
#[expect(clippy::needless_pass_by_value, reason = "literals of tests")]
pub(crate) fn issuers(entries: Value) -> Value {
    serde_json::json!({
        "http": {
            "auth": { "bearer": { "oidc": entries } },
            "accessControl": { "repositories": { "**": { "defaultPolicy": ["read"] } } }
        }
    })
}

/// Reads YAML.
pub(crate) fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}
