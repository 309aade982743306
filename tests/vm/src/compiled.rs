//! A compiled module.

use std::fs;
use std::sync::LazyLock;

use anyhow::Result;
use registry_auth_harness::module;

/// A module compiled by wasmtime.
#[derive(Clone)]
pub struct Compiled {
    pub(crate) engine: wasmtime::Engine,
    pub(crate) module: wasmtime::Module,
}

impl Compiled {
    /// Returns the built module, which the first call compiles.
    ///
    /// # Errors
    /// As [`module::path`], or the module is invalid.
    pub fn built() -> Result<&'static Self> {
        static BUILT: LazyLock<Result<Compiled, String>> = LazyLock::new(|| {
            let compile = || Compiled::new(&fs::read(module::path()?)?);
            compile().map_err(|error| format!("{error:#}"))
        });
        BUILT.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
    }

    /// Returns the built module with every callback, which the first call compiles.
    ///
    /// # Errors
    /// As [`module::full`], or the module is invalid.
    pub fn full() -> Result<&'static Self> {
        static FULL: LazyLock<Result<Compiled, String>> = LazyLock::new(|| {
            let compile = || Compiled::new(&fs::read(module::full()?)?);
            compile().map_err(|error| format!("{error:#}"))
        });
        FULL.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
    }

    /// Compiles a module from its bytes.
    ///
    /// # Errors
    /// The module is invalid.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        let mut config = wasmtime::Config::new();
        config.consume_fuel(true);
        let engine = wasmtime::Engine::new(&config)?;
        let module = wasmtime::Module::new(&engine, bytes)?;
        Ok(Self { engine, module })
    }

    /// Returns the imports of the module: module and name.
    pub fn imports(&self) -> impl Iterator<Item = (&str, &str)> {
        self.module
            .imports()
            .map(|import| (import.module(), import.name()))
    }

    /// Returns the names of the exports.
    pub fn exports(&self) -> impl Iterator<Item = &str> {
        self.module.exports().map(|export| export.name())
    }
}
