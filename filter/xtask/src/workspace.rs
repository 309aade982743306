//! Paths of the checkout, and commands that run in it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::process;

/// All packages but the module, always built together: for some of them, the crates that they share
/// would have other features and be compiled again.
const TESTED: &[&str] = &["--workspace", "--exclude=registry-auth-filter"];

/// The module for the native program, in `target`.
pub(crate) const EMBEDDED: &str = "embedded.wasm";
/// The page of the playground, in `target`: built before, it becomes a part of the program.
pub(crate) const PAGE: &str = "playground";

/// What the native program holds, in `target`, and the variable by which its build script finds it.
const HELD: [(&str, &str); 2] = [
    ("REGISTRY_AUTH_EMBED", EMBEDDED),
    ("REGISTRY_AUTH_PLAYGROUND", PAGE),
];

/// The checkout that `cargo xtask` was started in.
pub(crate) struct Workspace {
    root: PathBuf,
    /// The native program is that of the tests.
    testing: bool,
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
            testing: false,
        })
    }

    /// The same checkout, with the native program built as the tests are, of whose libraries it has most: built as it ships, they would
    /// all be compiled once more, for a quarter of an hour.
    pub(crate) fn testing(self) -> Self {
        Self {
            testing: true,
            ..self
        }
    }

    /// Returns the path of the native program.
    pub(crate) fn native(&self) -> PathBuf {
        self.target(if self.testing {
            "debug/registry-auth"
        } else {
            "release/registry-auth"
        })
    }

    /// Returns a command that builds the native program.
    pub(crate) fn build_native(&self) -> Command {
        if self.testing {
            // Tests of commands come with the program; built alone, its libraries would have other features.
            return self.tested("test", &["--test=all", "--no-run"]);
        }
        let package = ["--package=registry-auth-shim", "--bin=registry-auth"];
        let mut command = self.cargo(&["build", "--release"]);
        command.args(package).envs(self.held());
        command
    }

    /// Variables with what there is of what the native program holds.
    fn held(&self) -> impl Iterator<Item = (&'static str, PathBuf)> {
        let all = HELD.map(|(variable, name)| (variable, self.target(name)));
        // Without its first file, a folder is not whole.
        all.into_iter()
            .filter(|(_, path)| path.is_file() || path.join("index.html").is_file())
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
        if self.testing {
            // The same for each command, or the program would be built again.
            command
                .envs(self.held())
                .env("REGISTRY_AUTH_SHIM", self.native());
        }
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
        if self.testing {
            command.env("REGISTRY_AUTH_SHIM", self.native());
        }
        Ok(command)
    }
}
