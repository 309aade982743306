//! Checks that the configurations of `examples/` are valid and decide the requests of
//! `tests/examples/` as expected.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Error, ensure};
use registry_auth_engine::compile;
use registry_auth_engine::config::{self, Role};
use registry_auth_harness::module::workspace;
use registry_auth_harness::native::Native;
use registry_auth_harness::scenario::Scenarios;
use registry_auth_harness::substrate::run;
use serde_json::{Value, json};

use crate::Outcome;

/// Every example by its name.
pub(crate) fn all() -> Result<BTreeMap<String, Value>, Error> {
    read(&workspace().join("examples"))
}

fn read(folder: &Path) -> Result<BTreeMap<String, Value>, Error> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            let name = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .context("a file without a name")?;
            let text = fs::read(&path)?;
            let value =
                serde_json::from_slice(&text).with_context(|| path.display().to_string())?;
            files.insert(name.to_owned(), value);
        }
    }
    Ok(files)
}

#[test]
fn each_example_holds_without_a_warning() -> Outcome {
    for (name, example) in all()? {
        let (role, mut found) = config::decode_value(example);
        if let Role::Filter(document) = role {
            assert_eq!(
                compile(&document, &mut found).is_some(),
                found.errors.is_empty(),
                "{name}"
            );
        }
        assert!(
            found.errors.is_empty() && found.warnings.is_empty(),
            "{name}: {found:#?}"
        );
    }
    Ok(())
}

#[test]
fn each_example_decides_its_requests_as_it_says() -> Outcome {
    let examples = all()?;
    let mut requests = read(&workspace().join("tests/examples"))?;
    let deciding = examples
        .iter()
        .filter(|(_, example)| example.get("intake").is_none());
    let mut files = Vec::new();
    for (name, example) in deciding {
        let mut file = requests
            .remove(name)
            .with_context(|| format!("tests/examples/{name}.json is missing"))?;
        file["configs"]["example"]["plugin"] = with_keys(example.clone());
        let file = Scenarios::parse(name, file.to_string().as_bytes())?;
        ensure_rows(&file)?;
        files.push(file);
    }
    assert!(requests.is_empty(), "no example for {:?}", requests.keys());
    Ok(run(&mut Native::new()?, &files)?)
}

fn ensure_rows(file: &Scenarios) -> Result<(), Error> {
    ensure!(
        file.rows.len() > 4,
        "{}: {} requests",
        file.name,
        file.rows.len()
    );
    Ok(())
}

/// The example with a test key for each issuer that the proxy would be asked for.
fn with_keys(mut example: Value) -> Value {
    let issuers = example
        .pointer_mut("/http/auth/bearer/oidc")
        .and_then(Value::as_array_mut);
    for issuer in issuers
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        if issuer.remove("cluster").is_some() {
            issuer.insert("jwks".to_owned(), json!("${jwks:es256}"));
        }
    }
    example
}
