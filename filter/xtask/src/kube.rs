//! `cargo xtask kube`: the controller, and keys and tokens of an API server, with the real one.
//!
//! It is no part of `cargo xtask test`: the first run compiles etcd and kube-apiserver, which takes a
//! quarter of an hour. There the same scenes are played with a stub.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::workspace::Workspace;
use crate::{build, process, tools};

/// The folder with the versions, as a Go module.
const MODULE: &str = "tests/kube";
/// The folder of the programs in `.tools`.
const FOLDER: &str = "kube";
/// The programs, and their packages.
const PROGRAMS: [(&str, &str); 2] = [
    ("etcd", "go.etcd.io/etcd/server/v3"),
    ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
];
/// The member of `go.mod` with the version of Kubernetes.
const VERSION: &str = "\tk8s.io/kubernetes v";
/// One package at a time, so that a small machine has room; no symbols, which nobody reads.
const GO_FLAGS: &str = "-mod=readonly -p=1 -trimpath";
const CONTROLLER: &[&str] = &["--test=all", "--", "--nocapture", "scenarios::"];
const ENVOY: &[&str] = &["--test=envoy", "--", "--nocapture", "kube::"];

/// Builds what is missing, and runs the tests.
///
/// # Errors
/// A step fails.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    eprintln!("[1/5] tools");
    tools::install(workspace, tools::ENVOY)?;
    eprintln!("[2/5] etcd and kube-apiserver (Go; a quarter of an hour, the first time)");
    programs(workspace)?;
    eprintln!("[3/5] build");
    build::all(workspace)?;
    eprintln!("[4/5] the controller with the stub and with the API server");
    process::run(&mut workspace.tested("test", CONTROLLER))?;
    eprintln!("[5/5] keys and bound tokens of the API server through Envoy");
    process::run(&mut workspace.tested("test", ENVOY))
}

fn programs(workspace: &Workspace) -> anyhow::Result<()> {
    let folder = workspace.tools().join(FOLDER);
    let sums = workspace.path(MODULE).join("go.sum");
    let wanted = fs::read(&sums).with_context(|| format!("no {}", workspace.short(&sums)))?;
    // Written last, so an incomplete build is repeated.
    let stamp = folder.join("go.sum");
    if fs::read(&stamp).is_ok_and(|built| built == wanted) {
        return Ok(());
    }
    fs::create_dir_all(&folder)?;
    let version = version(&workspace.path(MODULE).join("go.mod"))?;
    let link = format!("-s -w -X k8s.io/component-base/version.gitVersion=v{version}");
    for (program, package) in PROGRAMS {
        process::run(
            workspace
                .command("go")
                .args(["build", "-ldflags", &link, "-o"])
                .arg(folder.join(program))
                .arg(package)
                .env("GOFLAGS", GO_FLAGS)
                .env("CGO_ENABLED", "0")
                .current_dir(workspace.path(MODULE)),
        )?;
    }
    Ok(fs::write(stamp, wanted)?)
}

/// The API server says this version; built in this way it would not know its own.
fn version(file: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(file)?;
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(VERSION));
    let version = lines
        .next()
        .context("go.mod names no version of Kubernetes")?;
    Ok(version.trim().to_owned())
}
