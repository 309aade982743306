//! Programs of Debian and Ubuntu, unpacked into `.tools`, without root and without changes to the
//! system.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::process;
use crate::workspace::Workspace;

const DOWNLOAD: &[&str] = &[
    "install",
    "--quiet=2",
    "--yes",
    "--download-only",
    "--reinstall",
    "--no-install-recommends",
];

/// Returns true if this system uses apt.
pub(crate) fn is_here(workspace: &Workspace) -> bool {
    ["apt-get", "dpkg-deb"]
        .iter()
        .all(|program| process::works(workspace.command(program).arg("--version")))
}

/// Fetches packages with the libraries that the system lacks into the folder `name`, and writes a
/// launcher for each program to `.tools/bin`.
///
/// # Errors
/// apt or dpkg fails (its output is on the terminal), or the packages lack a program.
pub(crate) fn install(
    workspace: &Workspace,
    name: &str,
    packages: &[&str],
    programs: &[&str],
) -> anyhow::Result<()> {
    let root = workspace.tools().join(name).join("root");
    fetch(workspace, name, packages)?;
    keep(&root, programs)?;
    programs
        .iter()
        .try_for_each(|program| write_starter(workspace, name, program))
}

/// A package that is unpacked.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Its architecture, in Debian's terms.
    pub(crate) architecture: String,
    /// What it says of itself, as in the status file of dpkg.
    pub(crate) control: String,
}

/// Fetches packages into the folder `name` and unpacks them below `root` there, once; returns them.
///
/// # Errors
/// apt or dpkg fails (its output is on the terminal).
pub(crate) fn unpack(
    workspace: &Workspace,
    name: &str,
    packages: &[&str],
) -> anyhow::Result<Vec<Package>> {
    let folder = workspace.tools().join(name);
    let list = folder.join("packages");
    if !list.exists() {
        eprintln!("fetching {} into .tools", packages.join(", "));
        let controls = fetch(workspace, name, packages)?;
        // Written last: an incomplete folder has none.
        fs::write(&list, controls.join("\n"))
            .with_context(|| format!("cannot write `.tools/{name}/packages`"))?;
    }
    let text = fs::read_to_string(&list)
        .with_context(|| format!("cannot read `.tools/{name}/packages`"))?;
    let read = text.split("\n\n").map(Package::read);
    read.collect::<Option<Vec<_>>>()
        .with_context(|| format!("`.tools/{name}/packages` is damaged: remove the folder"))
}

impl Package {
    fn read(control: &str) -> Option<Self> {
        let field = |name: &str| {
            let mut lines = control.lines();
            lines.find_map(|line| {
                line.strip_prefix(name)?
                    .strip_prefix(": ")
                    .map(str::to_owned)
            })
        };
        Some(Self {
            name: field("Package")?,
            version: field("Version")?,
            architecture: field("Architecture")?,
            control: format!("{}\n", control.trim_end()),
        })
    }
}

/// Fetches packages and unpacks them below `root` in the folder `name`; returns what each says of
/// itself.
fn fetch(workspace: &Workspace, name: &str, packages: &[&str]) -> anyhow::Result<Vec<String>> {
    let folder = workspace.tools().join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove the old `.tools/{name}`"))?;
    }
    let [lists, cache] = ["lists", "cache"].map(|name| folder.join(name));
    for partial in [lists.join("partial"), cache.join("archives/partial")] {
        fs::create_dir_all(partial).with_context(|| format!("cannot create `.tools/{name}`"))?;
    }
    process::run(apt(workspace, &folder).args(["update", "--quiet=2"]))?;
    process::run(apt(workspace, &folder).args(DOWNLOAD).args(packages))?;
    let root = folder.join("root");
    let mut controls = Vec::new();
    for archive in archives(&cache.join("archives"), packages)? {
        process::run(
            workspace
                .command("dpkg-deb")
                .arg("--extract")
                .arg(&archive)
                .arg(&root),
        )?;
        let output = workspace
            .command("dpkg-deb")
            .arg("--field")
            .arg(&archive)
            .output()
            .context("cannot start `dpkg-deb`")?;
        process::succeeded("dpkg-deb --field", output.status)?;
        controls.push(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    for fetched in [lists, cache] {
        fs::remove_dir_all(fetched).context("cannot remove what apt has fetched")?;
    }
    Ok(controls)
}

/// Programs to keep: the packages have large ones that nothing here uses.
fn keep(root: &Path, programs: &[&str]) -> anyhow::Result<()> {
    let kept = root.join("bin");
    fs::create_dir_all(&kept).context("cannot create a folder for programs")?;
    for program in programs {
        // The one in `usr/bin` is a script that knows only its place in a system.
        if root.join(own_folder(program)).is_file() {
            continue;
        }
        let found = ["usr/bin", "usr/sbin"].map(|folder| root.join(folder).join(program));
        // A symbolic link points to the program in the other folder, or to one with another name
        // that checks the name it is started under.
        let found = found
            .iter()
            .filter(|path| path.is_file())
            .min_by_key(|path| path.is_symlink());
        let found = found.with_context(|| format!("no package brought the program `{program}`"))?;
        fs::copy(found, kept.join(program))
            .with_context(|| format!("cannot copy the program `{program}`"))?;
    }
    for rest in ["usr/bin", "usr/sbin"]
        .map(|folder| root.join(folder))
        .iter()
        .filter(|rest| rest.exists())
    {
        fs::remove_dir_all(rest).context("cannot remove the other programs")?;
    }
    Ok(())
}

/// Where a program is that has a folder of its own with what it needs, as browsers have.
fn own_folder(program: &str) -> String {
    format!("usr/lib/{program}/{program}")
}

/// Returns a command of apt with private lists and archives, so that it needs no privileges and
/// changes nothing.
fn apt(workspace: &Workspace, folder: &Path) -> std::process::Command {
    let place = |name: &str, below: &str| {
        let mut option = OsString::from(format!("{name}="));
        option.push(folder.join(below));
        option
    };
    let mut command = workspace.command("apt-get");
    command
        .arg("-o")
        .arg(place("Dir::State::lists", "lists"))
        .arg("-o")
        .arg(place("Dir::Cache", "cache"))
        .args([
            "-o",
            "Debug::NoLocking=true",
            "-o",
            "APT::Sandbox::User=root",
        ]);
    command
}

/// Returns the archives of the packages and of libraries. Clients do not need their other
/// dependencies (network tools, user management).
fn archives(folder: &Path, packages: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).context("apt has fetched nothing")? {
        let path = entry.context("cannot read what apt has fetched")?.path();
        let name = path
            .file_name()
            .map(OsStr::to_string_lossy)
            .unwrap_or_default()
            .into_owned();
        let package = name.split('_').next().unwrap_or_default();
        if package.starts_with("lib") || packages.contains(&package) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn write_starter(workspace: &Workspace, folder: &str, program: &str) -> anyhow::Result<()> {
    let own = own_folder(program);
    let place = if workspace
        .tools()
        .join(folder)
        .join("root")
        .join(&own)
        .is_file()
    {
        own
    } else {
        format!("bin/{program}")
    };
    // libpulse looks for a library of its own in a folder that only the installed package has.
    let text = format!(
        "#!/bin/sh\nroot=$(dirname \"$0\")/../{folder}/root\nlibraries=$(echo \"$root\"/usr/lib/*-linux-*)\n\
         PATH=$root/bin:$PATH LD_LIBRARY_PATH=$libraries:$libraries/pulseaudio exec \"$root/{place}\" \"$@\"\n"
    );
    let bin = workspace.tools().join("bin");
    fs::create_dir_all(&bin).context("cannot create `.tools/bin`")?;
    let path = bin.join(program);
    fs::write(&path, text).with_context(|| format!("cannot write `{}`", workspace.short(&path)))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
        .context("cannot make it a program")
}
