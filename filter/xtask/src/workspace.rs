//! Paths of the checkout, and commands that run in it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::process;

/// The packages of the tests, always built together: with others, the crates that they share would
/// have other features and be compiled again.
const TESTED: &[&str] = &[
    "--package=registry-auth-bytes",
    "--package=registry-auth-cel",
    "--package=registry-auth-engine",
    "--package=registry-auth-lint",
    "--package=registry-auth-playground",
    "--package=registry-auth-policy",
    "--package=xtask",
    "--package=registry-auth-harness",
    "--package=registry-auth-vm",
    "--package=registry-auth-cases",
    "--package=registry-auth-suite-native",
    "--package=registry-auth-suite-wasm",
    "--package=registry-auth-suite-envoy",
    "--package=registry-auth-suite-hosts",
    "--package=registry-auth-suite-playground",
    "--package=registry-auth-bench",
    "--package=registry-auth-demo",
];

/// The checkout that `cargo xtask` was started in.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds the checkout by the environment variables that cargo sets.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let package =
            env::var_os("CARGO_MANIFEST_DIR").context("start this program with `cargo xtask`")?;
        let root = Path::new(&package)
            .ancestors()
            .nth(2)
            .context("xtask stands two folders below the root")?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// Returns a path inside the checkout.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Returns a path inside `target`, where the documented paths of the artefacts are, whatever
    /// `CARGO_TARGET_DIR` says.
    pub(crate) fn target(&self, relative: &str) -> PathBuf {
        self.root.join("target").join(relative)
    }

    /// Returns the folder of the pinned programs; ignored by git.
    pub(crate) fn tools(&self) -> PathBuf {
        self.root.join(".tools")
    }

    /// Returns `path` relative to the checkout, for messages.
    pub(crate) fn short<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }

    /// Returns a command that runs a program in the root.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// Returns a command of the cargo that runs this program, in the root, with the paths of tools
    /// and build results in its environment.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command
            .args(arguments)
            .env("REGISTRY_AUTH_TOOLS", self.tools())
            .env("CARGO_TARGET_DIR", self.path("target"));
        command
    }

    /// Returns cargo's command `name` for all packages of the tests, with further arguments.
    pub(crate) fn tested(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = self.cargo(&[name]);
        command.args(TESTED).args(arguments);
        command
    }

    /// Builds a program of the tests together with their packages, and returns a command that
    /// starts it.
    ///
    /// # Errors
    /// The compiler fails; its output is on the terminal.
    pub(crate) fn program(&self, name: &str) -> anyhow::Result<Command> {
        process::run(&mut self.tested("build", &["--bin", name]))?;
        let mut command = self.command(self.target("debug").join(name));
        command.env("REGISTRY_AUTH_TOOLS", self.tools());
        Ok(command)
    }
}
