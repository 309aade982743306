//! Hosts that are no Envoy: programs of `tests/hosts`, built into `target/hosts`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::process;
use crate::workspace::Workspace;

/// The compiler of `tests/hosts/wasm_host`, as its `rust-toolchain.toml` says.
const RUST: &str = "1.96.0";
const WASM_HOST: &str = "tests/hosts/wasm_host";
const PROXYTEST: &str = "tests/hosts/proxytest";
const SDK: &str = "github.com/tetratelabs/proxy-wasm-go-sdk";
/// The file of the SDK between module and emulator, and what is exchanged in it.
const BETWEEN: &str = "proxywasm/proxytest/wasmwrapper.go";
const EXCHANGED: [(&str, &str); 2] = [
    // The clock of the system.
    (
        "wazero.NewModuleConfig()",
        "wazero.NewModuleConfig().WithSysWalltime()",
    ),
    // Copies of what the module hands over: its addresses hold something else later.
    ("return &buf[0]", "return &append([]byte(nil), buf...)[0]"),
];

/// Builds the hosts, and sends them the rows.
///
/// # Errors
/// A step fails.
pub(super) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    proxy_wasm_host(workspace)?;
    proxytest(workspace)?;
    process::run(&mut workspace.tested("test", &["--test=hosts"]))
}

/// Builds the host of the crate `proxy-wasm-host`, with a compiler that rustup installs.
fn proxy_wasm_host(workspace: &Workspace) -> anyhow::Result<()> {
    let mut compiler = workspace.command("rustup");
    if !process::works(compiler.args(["run", RUST, "rustc", "--version"])) {
        let mut install = workspace.command("rustup");
        process::run(install.args(["toolchain", "install", RUST, "--profile", "minimal"]))?;
    }
    let folder = workspace.target("wasm_host");
    process::run(
        workspace
            .command("rustup")
            .args(["run", RUST, "cargo", "build", "--locked"])
            .env("CARGO_TARGET_DIR", &folder)
            .current_dir(workspace.path(WASM_HOST)),
    )?;
    let program = workspace.target("hosts").join("wasm_host");
    fs::create_dir_all(workspace.target("hosts"))?;
    fs::copy(folder.join("debug/registry-auth-wasm-host"), &program)
        .with_context(|| format!("cannot write `{}`", workspace.short(&program)))?;
    Ok(())
}

/// Builds the emulator of the Go SDK twice: as it comes, with a clock that stands still in 2022 and
/// cannot be set, and with [`EXCHANGED`].
fn proxytest(workspace: &Workspace) -> anyhow::Result<()> {
    build_go(workspace, "proxytest", "off".as_ref())?;
    let (copy, work) = (
        workspace.target("hosts").join("proxy-wasm-go-sdk"),
        workspace.target("hosts").join("go.work"),
    );
    copy_sdk(&sdk(workspace)?, &copy)?;
    exchange(&copy.join(BETWEEN))?;
    let text = format!(
        "go 1.26.0\n\nuse {}\nuse {}\n",
        workspace.path(PROXYTEST).display(),
        copy.display()
    );
    fs::write(&work, text).with_context(|| format!("cannot write `{}`", workspace.short(&work)))?;
    build_go(workspace, "proxytest-mended", &work)
}

/// `work` names the modules that replace others, or is `off`.
fn build_go(workspace: &Workspace, name: &str, work: &Path) -> anyhow::Result<()> {
    process::run(
        workspace
            .command("go")
            .args(["build", "-o"])
            .args([workspace.target("hosts").join(name), PathBuf::from(".")])
            .env("GOWORK", work)
            .env("GOFLAGS", "-mod=readonly")
            .current_dir(workspace.path(PROXYTEST)),
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Module {
    dir: PathBuf,
}

/// Returns the folder with the SDK, in the version of `go.mod`.
fn sdk(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let mut list = workspace.command("go");
    let output = list
        .args(["list", "-m", "-json", SDK])
        .env("GOWORK", "off")
        .current_dir(workspace.path(PROXYTEST))
        .output()
        .context("cannot start `go`")?;
    process::succeeded("go list", output.status)?;
    let module: Module = serde_json::from_slice(&output.stdout).context("`go list`")?;
    Ok(module.dir)
}

/// Copies a folder in place of another. What is copied can be written, which the original cannot.
fn copy_sdk(from: &Path, to: &Path) -> anyhow::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| to.display().to_string())?;
    }
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let path = entry?.path();
        let copy = to.join(path.file_name().context("a file without a name")?);
        if path.is_dir() {
            copy_sdk(&path, &copy)?;
        } else {
            fs::write(&copy, fs::read(&path)?).with_context(|| copy.display().to_string())?;
        }
    }
    Ok(())
}

fn exchange(file: &Path) -> anyhow::Result<()> {
    let mut text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    for (old, new) in EXCHANGED {
        ensure!(
            text.matches(old).count() == 1,
            "{} has `{old}` not once: change EXCHANGED in filter/xtask/src/hosts/other.rs",
            file.display()
        );
        text = text.replace(old, new);
    }
    fs::write(file, text).with_context(|| file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_is_that_of_the_package() {
        let workspace = Workspace::find().unwrap();
        let file = workspace.path(WASM_HOST).join("rust-toolchain.toml");
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains(&format!("channel = \"{RUST}\"\n")), "{text}");
    }

    #[test]
    fn what_is_exchanged_is_there_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("wrapper.go");
        let old = EXCHANGED.map(|(old, _)| old).join("\n");
        fs::write(&file, &old).unwrap();
        exchange(&file).unwrap();
        let new = EXCHANGED.map(|(_, new)| new).join("\n");
        assert_eq!(fs::read_to_string(&file).unwrap(), new);
        fs::write(&file, [&*old, &*old].concat()).unwrap();
        let error = exchange(&file).unwrap_err().to_string();
        assert!(error.contains("not once"), "{error}");
    }
}
