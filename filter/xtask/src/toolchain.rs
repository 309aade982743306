//! Installs what the toolchain needs besides the compiler: the target of the module, clippy,
//! rustfmt.
//!
//! `rust-toolchain.toml` names them, but rustup adds them only when it installs the toolchain
//! itself: not when the toolchain is there already and `RUSTUP_AUTO_INSTALL` is 0.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::process;
use crate::workspace::Workspace;

/// The target of the module.
pub(crate) const MODULE: &str = "wasm32-wasip1";
/// Components that the checks need: cargo's command and rustup's name.
const COMPONENTS: [(&str, &str); 2] = [("fmt", "rustfmt"), ("clippy", "clippy")];

/// Adds the standard library of a target, if it is missing.
///
/// # Errors
/// There is no rustup, or it fails (its output is on the terminal).
pub(crate) fn ensure_target(workspace: &Workspace, target: &str) -> anyhow::Result<()> {
    if has_target(workspace, target)? {
        Ok(())
    } else {
        add(workspace, ["target", target])
    }
}

/// Adds clippy and rustfmt, if they are missing.
///
/// # Errors
/// As [`ensure_target`].
pub(crate) fn ensure_components(workspace: &Workspace) -> anyhow::Result<()> {
    for (command, component) in COMPONENTS {
        if !process::works(&mut workspace.cargo(&[command, "--version"])) {
            add(workspace, ["component", component])?;
        }
    }
    Ok(())
}

/// Returns flags of the compiler that make builds reproducible: messages of panics have the paths of
/// source files, which depend on cargo's home, and on the registry that sources came from. Short
/// ones: there are hundreds.
///
/// # Errors
/// Cargo has no home.
pub(crate) fn remap() -> anyhow::Result<Vec<String>> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home
        .or_else(|| Some(env::home_dir()?.join(".cargo")))
        .context("there is neither CARGO_HOME nor HOME")?;
    let sources = home.join("registry/src");
    // This program has sources there too, so that the folder is there before the first build.
    let registries = fs::read_dir(&sources).into_iter().flatten().flatten();
    let mut folders: Vec<_> = registries.map(|entry| entry.path()).collect();
    folders.sort();
    let flag = |folder: &Path| format!("--remap-path-prefix={}=/crates", folder.display());
    // Of several that fit, the last counts.
    Ok([sources.as_path()]
        .into_iter()
        .chain(folders.iter().map(PathBuf::as_path))
        .map(flag)
        .collect())
}

/// Returns the target triple of the host.
///
/// # Errors
/// The compiler cannot be started, or does not say.
pub(crate) fn host(workspace: &Workspace) -> anyhow::Result<String> {
    let output = workspace
        .command("rustc")
        .arg("-vV")
        .output()
        .context("cannot start `rustc`")?;
    process::succeeded("rustc -vV", output.status)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("`rustc -vV` names no host")
}

/// Returns true if the compiler has the standard library of a target, wherever it came from.
fn has_target(workspace: &Workspace, target: &str) -> anyhow::Result<bool> {
    let output = workspace
        .command("rustc")
        .args(["--print", "sysroot"])
        .output()
        .context("cannot start `rustc`")?;
    process::succeeded("rustc --print sysroot", output.status)?;
    let sysroot = String::from_utf8(output.stdout)
        .context("the path of the compiler's folder is not UTF-8")?;
    Ok(Path::new(sysroot.trim_end())
        .join("lib/rustlib")
        .join(target)
        .join("lib")
        .is_dir())
}

/// Runs `rustup ... add` for the toolchain of `rust-toolchain.toml`.
fn add(workspace: &Workspace, [kind, name]: [&str; 2]) -> anyhow::Result<()> {
    eprintln!("the toolchain lacks the {kind} {name}: rustup adds it");
    if !process::works(workspace.command("rustup").arg("--version")) {
        bail!(
            "the Rust toolchain lacks the {kind} `{name}`, and there is no rustup to add it: install it as you installed Rust"
        );
    }
    process::run(workspace.command("rustup").args([kind, "add", name]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_there_only_with_its_standard_library() {
        let workspace = Workspace::find().unwrap();
        let there = |target: &str| has_target(&workspace, target).unwrap();
        let systems = ["unknown-linux-gnu", "unknown-linux-musl", "apple-darwin"];
        assert!(
            systems
                .iter()
                .any(|system| there(&format!("{}-{system}", env::consts::ARCH)))
        );
        assert!(!there("wasm32-nowhere"));
    }
}
