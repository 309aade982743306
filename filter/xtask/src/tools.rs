//! `.tools`: the pinned programs that tests and demo need, installed when they are missing.
//!
//! A tool is treated as installed when its stamp, written last, holds the version of this table and
//! the program starts. So an incomplete install, a changed version and a moved checkout are all
//! installed again.

mod table;
mod tool;

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, bail};

use crate::debian;
use crate::process;
use crate::workspace::Workspace;
pub(crate) use table::{
    ALL, BENCH, BUILD, BUILD_ENVIRONMENT, CLIENTS, DELIVERY, DEMO, ENVOY, HOSTS, ISTIO,
    OBSERVABILITY, OTHERS, PAGES, PEOPLE, PLAYGROUND, TEST,
};
use table::{BINDGEN, HTPASSWD, WRK};
use tool::Source;
pub(crate) use tool::Tool;

const OLDEST_PYTHON: (u32, u32) = (3, 10);

/// Installs what is missing of `tools`, one process at a time.
///
/// # Errors
/// Python or Go is missing, or an installer fails (its output is on the terminal).
pub(crate) fn install(workspace: &Workspace, tools: &[Tool]) -> anyhow::Result<()> {
    let folder = workspace.tools();
    fs::create_dir_all(folder.join("stamps"))
        .with_context(|| format!("cannot create `{}`", folder.display()))?;
    let lock = File::create(folder.join("lock")).context("cannot create `.tools/lock`")?;
    lock.lock().context("cannot lock `.tools/lock`")?;
    for tool in tools {
        tool.ensure(workspace)
            .with_context(|| format!("cannot install {}", tool.name))?;
    }
    Ok(())
}

impl Tool {
    fn ensure(&self, workspace: &Workspace) -> anyhow::Result<()> {
        if matches!(self.source, Source::Debian(..)) && !debian::is_here(workspace) {
            eprintln!("{} cannot be installed without apt", self.name);
            return Ok(());
        }
        let stamp = workspace
            .tools()
            .join("stamps")
            .join(self.name.replace([' ', ','], "-"));
        let version = self.version(workspace)?;
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == version)
            && self.starts(workspace)
        {
            return Ok(());
        }
        eprintln!("installing {} into .tools", self.name);
        remove(&stamp)?;
        match self.source {
            Source::NewEnvironment(folder, requirements) => {
                create_environment(workspace, folder)?;
                install_wheels(workspace, folder, &["--requirement", requirements])?;
            }
            Source::Wheel(folder, wheel) => {
                create_environment(workspace, folder)?;
                install_wheels(workspace, folder, &["--no-deps", wheel])?;
            }
            Source::Wheels(folder, requirements) => {
                install_wheels(workspace, folder, &["--requirement", requirements])?;
            }
            Source::Go(package, version) => install_go(workspace, package, version)?,
            Source::Npm(folder, lock) => install_npm(workspace, folder, lock)?,
            Source::Crate(folder) => install_crate(workspace, folder)?,
            Source::Debian(folder, packages, programs) => {
                debian::install(workspace, folder, packages, programs)?;
            }
        }
        if !self.starts(workspace) {
            bail!(
                "`.tools/{}` does not start on this machine",
                self.probe.join(" ")
            );
        }
        fs::write(&stamp, version)
            .with_context(|| format!("cannot write `{}`", workspace.short(&stamp)))
    }

    /// Returns the content of the stamp: everything that determines what is installed.
    fn version(&self, workspace: &Workspace) -> anyhow::Result<String> {
        match self.source {
            Source::NewEnvironment(_, file) | Source::Wheels(_, file) => {
                fs::read_to_string(workspace.path(file))
                    .with_context(|| format!("cannot read `{file}`"))
            }
            Source::Wheel(_, wheel) => Ok(format!("{wheel}\n")),
            Source::Go(package, version) => Ok(format!("{package}@{version}\n")),
            Source::Npm(_, lock) => {
                let file = format!("{lock}/package-lock.json");
                fs::read_to_string(workspace.path(&file))
                    .with_context(|| format!("cannot read `{file}`"))
            }
            Source::Crate(folder) => {
                let file = format!("{folder}/Cargo.lock");
                fs::read_to_string(workspace.path(&file))
                    .with_context(|| format!("cannot read `{file}`"))
            }
            Source::Debian(_, packages, programs) => Ok([packages, programs].concat().join("\n")),
        }
    }

    fn starts(&self, workspace: &Workspace) -> bool {
        let [program, argument] = self.probe;
        // The conformance suite has no option that only prints something, but it stops at an
        // unknown version.
        let mut command = workspace.command(workspace.tools().join(program));
        command.arg(argument).env("OCI_VERSION", "none");
        // These print their usage and exit with an error.
        if [WRK.name, HTPASSWD.name, BINDGEN.name].contains(&self.name) {
            process::starts(&mut command)
        } else {
            process::works(&mut command)
        }
    }
}

/// Scripts in a virtual environment have its path, so it cannot be created elsewhere and moved.
fn create_environment(workspace: &Workspace, folder: &str) -> anyhow::Result<()> {
    check_python(workspace)?;
    let environment = workspace.tools().join(folder);
    if environment.exists() {
        fs::remove_dir_all(&environment)
            .with_context(|| format!("cannot remove the old `.tools/{folder}`"))?;
    }
    process::run(
        workspace
            .command("python3")
            .args(["-m", "venv"])
            .arg(&environment),
    )
    .context("python3 lacks its module venv (Debian, Ubuntu: install the package `python3-venv`)")
}

fn check_python(workspace: &Workspace) -> anyhow::Result<()> {
    let (major, minor) = OLDEST_PYTHON;
    let missing = format!(
        "Python {major}.{minor} or newer is needed: install it so that `python3` starts it"
    );
    let question = format!("import sys; sys.exit(sys.version_info < ({major}, {minor}))");
    if process::works(workspace.command("python3").args(["-c", &question])) {
        Ok(())
    } else {
        bail!(missing)
    }
}

/// Installs wheels only: nothing is compiled, and no package runs its own code while it is
/// installed.
fn install_wheels(workspace: &Workspace, folder: &str, wanted: &[&str]) -> anyhow::Result<()> {
    let python = workspace.tools().join(folder).join("bin/python");
    let arguments = [
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
    ];
    process::run(workspace.command(python).args(arguments).args(wanted))
}

/// Builds a Go command in a temporary folder and moves it: a program in `.tools/bin` is always
/// complete.
fn install_go(workspace: &Workspace, package: &str, version: &str) -> anyhow::Result<()> {
    if !process::works(workspace.command("go").arg("version")) {
        bail!("Go 1.21 or newer is needed: install it so that `go` starts it");
    }
    let fresh = workspace.tools().join("new");
    let bin = workspace.tools().join("bin");
    fs::create_dir_all(&bin).context("cannot create `.tools/bin`")?;
    eprintln!("go install {package}@{version} (some minutes, the first time)");
    process::run(
        workspace
            .command("go")
            .args(["install", "-trimpath", &format!("{package}@{version}")])
            .env("GOBIN", &fresh)
            .env("CGO_ENABLED", "0"),
    )?;
    let name = Path::new(package)
        .file_name()
        .context("a Go command has a name")?;
    fs::rename(fresh.join(name), bin.join(name)).context("cannot move the program to `.tools/bin`")
}

/// Installs exactly what a lock file names. No package runs its own code while it is installed.
fn install_npm(workspace: &Workspace, folder: &str, lock: &str) -> anyhow::Result<()> {
    if !process::works(workspace.command("npm").arg("--version")) {
        bail!("Node.js 20 or newer is needed: install it so that `npm` starts its package manager");
    }
    let place = workspace.tools().join(folder);
    fs::create_dir_all(&place).with_context(|| format!("cannot create `.tools/{folder}`"))?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(workspace.path(lock).join(file), place.join(file))
            .with_context(|| format!("cannot copy `{lock}/{file}`"))?;
    }
    process::run(
        workspace
            .command("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&place),
    )
}

/// Builds a program of this repository apart from everything else: it has other versions of what they
/// share.
fn install_crate(workspace: &Workspace, folder: &str) -> anyhow::Result<()> {
    let target = workspace.target("tools");
    process::run(
        workspace
            .cargo(&["install", "--quiet", "--locked", "--force", "--no-track"])
            .arg("--path")
            .arg(workspace.path(folder))
            .arg("--root")
            .arg(workspace.tools())
            .env("CARGO_TARGET_DIR", target),
    )
}

fn remove(file: &Path) -> anyhow::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).context("cannot remove an old stamp")
        }
        _ => Ok(()),
    }
}
