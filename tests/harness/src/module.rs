//! Finds the built module and the native binary, and checks that they are up to date.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, ensure};

const BUILD: &str = "run `cargo xtask build`";
/// What the modules are made from.
const SOURCES: [&str; 5] = [
    "filter/src",
    "filter/bytes/src",
    "filter/cel/src",
    "filter/engine/src",
    "filter/rsa/src",
];

/// What the dynamic module is made from in addition.
const DYNAMIC: [&str; 6] = [
    "filter/native/src",
    SOURCES[0],
    SOURCES[1],
    SOURCES[2],
    SOURCES[3],
    SOURCES[4],
];

/// Returns true if the tests in Envoy are for the dynamic module, `target/libregistry_auth.so`:
/// `REGISTRY_AUTH_MODULE_KIND` is `native`.
#[must_use]
pub fn is_native() -> bool {
    std::env::var_os("REGISTRY_AUTH_MODULE_KIND").is_some_and(|kind| kind == "native")
}

/// Returns the path of the dynamic module, or what `REGISTRY_AUTH_MODULE_NATIVE` names.
///
/// # Errors
/// As [`path`].
pub fn native() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("REGISTRY_AUTH_MODULE_NATIVE") {
        return Ok(path.into());
    }
    fresh("target/libregistry_auth.so", &DYNAMIC)
}

/// Returns the root of the workspace.
#[must_use]
pub fn workspace() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package)
}

/// Returns the path of the built module, `target/registry-auth.wasm`, or what
/// `REGISTRY_AUTH_MODULE` names; the dynamic module if the tests are for that.
///
/// # Errors
/// It is missing, or older than a source of `filter/`; the message says what to run.
pub fn path() -> Result<PathBuf> {
    if is_native() {
        return native();
    }
    if let Some(path) = std::env::var_os("REGISTRY_AUTH_MODULE") {
        return Ok(path.into());
    }
    fresh("target/registry-auth.wasm", &SOURCES)
}

/// Returns the path of the module with every callback, `target/registry-auth-full.wasm`, or what
/// `REGISTRY_AUTH_MODULE_FULL` names.
///
/// # Errors
/// As [`path`].
pub fn full() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("REGISTRY_AUTH_MODULE_FULL") {
        return Ok(path.into());
    }
    fresh("target/registry-auth-full.wasm", &SOURCES)
}

/// Returns the path of the native binary, `target/release/registry-auth`, or what
/// `REGISTRY_AUTH_SHIM` names.
///
/// # Errors
/// It is missing, or older than a source of `host-shim/` or the engine; the message says what to
/// run.
pub fn shim() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("REGISTRY_AUTH_SHIM") {
        return Ok(path.into());
    }
    fresh(
        "target/release/registry-auth",
        &[
            "host-shim/src",
            "envoy/render/src",
            "filter/bytes/src",
            "filter/cel/src",
            "filter/engine/src",
            "filter/rsa/src",
        ],
    )
}

/// Returns the path of the credential helper, `target/helper/docker-credential-registry-auth`.
///
/// # Errors
/// It is missing, or older than one of its sources; the message says what to run.
pub fn helper() -> Result<PathBuf> {
    fresh(
        "target/helper/docker-credential-registry-auth",
        &["host-shim/credential-helper/src"],
    )
}

fn fresh(file: &str, sources: &[&str]) -> Result<PathBuf> {
    let path = workspace().join(file);
    let built =
        modified(&path).with_context(|| format!("{} is missing: {BUILD}", path.display()))?;
    for folder in sources {
        let (changed, source) = newest(&workspace().join(folder))?;
        ensure!(
            changed <= built,
            "{} is older than {}: {BUILD}",
            path.display(),
            source.display()
        );
    }
    Ok(path)
}

fn newest(folder: &Path) -> Result<(SystemTime, PathBuf)> {
    let mut newest = (SystemTime::UNIX_EPOCH, folder.to_owned());
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let found = if path.is_dir() {
            self::newest(&path)?
        } else {
            (modified(&path)?, path)
        };
        newest = newest.max(found);
    }
    Ok(newest)
}

fn modified(path: &Path) -> Result<SystemTime> {
    Ok(fs::metadata(path)?.modified()?)
}
