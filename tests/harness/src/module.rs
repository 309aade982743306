//! The built module: found, checked for its age, compiled once per process.

use std::fs;
use std::path::{Path, PathBuf};
#[cfg(feature = "vm")]
use std::sync::LazyLock;
use std::time::SystemTime;

use anyhow::{Context as _, Result, ensure};

const BUILD: &str = "run `cargo xtask build`";

/// The root of the workspace.
#[must_use]
pub fn workspace() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// The file of the built module, `target/registry-auth.wasm`, or what `REGISTRY_AUTH_MODULE` names.
///
/// # Errors
/// It is missing, or older than a source of `filter/`; the message says what to run.
pub fn path() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("REGISTRY_AUTH_MODULE") {
        return Ok(path.into());
    }
    fresh("target/registry-auth.wasm", &["filter/src", "filter/cel/src", "filter/engine/src"])
}

/// The file of the native binary, `target/release/registry-auth`, or what `REGISTRY_AUTH_SHIM` names.
///
/// # Errors
/// It is missing, or older than a source of `host-shim/` or the engine; the message says what to run.
pub fn shim() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("REGISTRY_AUTH_SHIM") {
        return Ok(path.into());
    }
    fresh("target/release/registry-auth", &["host-shim/src", "filter/cel/src", "filter/engine/src"])
}

fn fresh(file: &str, sources: &[&str]) -> Result<PathBuf> {
    let path = workspace().join(file);
    let built = modified(&path).with_context(|| format!("{} is missing: {BUILD}", path.display()))?;
    for folder in sources {
        let (changed, source) = newest(&workspace().join(folder))?;
        ensure!(changed <= built, "{} is older than {}: {BUILD}", path.display(), source.display());
    }
    Ok(path)
}

fn newest(folder: &Path) -> Result<(SystemTime, PathBuf)> {
    let mut newest = (SystemTime::UNIX_EPOCH, folder.to_owned());
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let found = if path.is_dir() { self::newest(&path)? } else { (modified(&path)?, path) };
        newest = newest.max(found);
    }
    Ok(newest)
}

fn modified(path: &Path) -> Result<SystemTime> {
    Ok(fs::metadata(path)?.modified()?)
}

/// A module that wasmtime has compiled.
#[cfg(feature = "vm")]
#[derive(Clone)]
pub struct Compiled {
    pub(crate) engine: wasmtime::Engine,
    pub(crate) module: wasmtime::Module,
}

#[cfg(feature = "vm")]
impl Compiled {
    /// The built module, compiled at the first call.
    ///
    /// # Errors
    /// As [`path`], or it is no valid module.
    pub fn built() -> Result<&'static Self> {
        static BUILT: LazyLock<Result<Compiled, String>> = LazyLock::new(|| {
            let compile = || Compiled::new(&fs::read(path()?)?);
            compile().map_err(|error| format!("{error:#}"))
        });
        BUILT.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
    }

    /// Compiles a module from its bytes.
    ///
    /// # Errors
    /// It is no valid module.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        let mut config = wasmtime::Config::new();
        config.consume_fuel(true);
        let engine = wasmtime::Engine::new(&config)?;
        let module = wasmtime::Module::new(&engine, bytes)?;
        Ok(Self { engine, module })
    }

    /// Names of what the module imports, by the module that has it.
    pub fn imports(&self) -> impl Iterator<Item = (&str, &str)> {
        self.module.imports().map(|import| (import.module(), import.name()))
    }

    /// Names of what the module exports.
    pub fn exports(&self) -> impl Iterator<Item = &str> {
        self.module.exports().map(|export| export.name())
    }
}
