//! What the image of the native program has below the program: certificates of authorities, users,
//! and for a program that is not static the C library, from packages of Debian or Ubuntu. No shell
//! and no package manager.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use super::layer::Files;
use super::sbom::SystemPackage;
use crate::debian;
use crate::workspace::Workspace;

/// The folder of `.tools` with the packages.
const FOLDER: &str = "debian-base";
/// Always needed: who vouches for issuers and registries, and the name of the distribution, which
/// scanners look for.
const COMMON: [&str; 2] = ["base-files", "ca-certificates"];
/// Needed by a program that is not static.
const LIBRARIES: [&str; 2] = ["libc6", "libgcc-s1"];
const PASSWD: &str =
    "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nnonroot:x:65532:\n";
const NSSWITCH: &str = "passwd: files\ngroup: files\nhosts: files dns\n";

/// The lowest layer, and the packages that it has files of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Base {
    /// The files.
    pub(crate) files: Files,
    /// The packages.
    pub(crate) packages: Vec<SystemPackage>,
}

/// Returns the base for a program of this machine, static or not; fetches the packages if they are
/// missing.
///
/// # Errors
/// This system has no apt, or it fails.
pub(crate) fn of_packages(workspace: &Workspace, is_static: bool) -> anyhow::Result<Base> {
    ensure!(
        debian::is_here(workspace),
        "the base of the image is made of packages of Debian or Ubuntu, and this system has no apt: build the image there"
    );
    let folder = workspace.tools().join(FOLDER);
    let names = [COMMON, LIBRARIES].concat();
    let fetched = debian::unpack(workspace, FOLDER, &names)?;
    let mut base = Base::default();
    for package in fetched {
        let is_common = COMMON.contains(&package.name.as_str());
        if !is_common && (is_static || !LIBRARIES.contains(&package.name.as_str())) {
            continue;
        }
        let status = format!("var/lib/dpkg/status.d/{}", package.name);
        base.files.file(&status, 0o644, package.control);
        base.packages.push(SystemPackage {
            name: package.name,
            version: package.version,
            architecture: package.architecture,
        });
    }
    let root = folder.join("root");
    users(&mut base.files);
    certificates(&mut base.files, &root)?;
    let copy = |files: &mut Files, from: &str, to: &str| -> anyhow::Result<()> {
        let content =
            fs::read(root.join(from)).with_context(|| format!("no package has `{from}`"))?;
        files.file(to, 0o644, content);
        Ok(())
    };
    copy(&mut base.files, "usr/lib/os-release", "usr/lib/os-release")?;
    base.files.link("etc/os-release", "../usr/lib/os-release");
    for package in &base.packages {
        let path = format!("usr/share/doc/{}/copyright", package.name);
        if root.join(&path).is_file() {
            copy(&mut base.files, &path, &path)?;
        }
    }
    if !is_static {
        libraries(&mut base.files, &root)?;
    }
    Ok(base)
}

fn users(files: &mut Files) {
    files.file("etc/passwd", 0o644, PASSWD);
    files.file("etc/group", 0o644, GROUP);
    files.file("etc/nsswitch.conf", 0o644, NSSWITCH);
    files.folder("tmp", 0o1777);
}

/// The file that `update-ca-certificates` would write.
fn certificates(files: &mut Files, root: &Path) -> anyhow::Result<()> {
    let mut bundle = Vec::new();
    let mut paths = all_below(&root.join("usr/share/ca-certificates"))?;
    paths.retain(|path| path.extension() == Some(OsStr::new("crt")));
    ensure!(!paths.is_empty(), "`ca-certificates` has no certificates");
    for path in paths {
        bundle
            .extend(fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?);
        if bundle.last() != Some(&b'\n') {
            bundle.push(b'\n');
        }
    }
    files.file("etc/ssl/certs/ca-certificates.crt", 0o644, bundle);
    Ok(())
}

/// Libraries and the loader, where both merged and separate `/usr` have them.
fn libraries(files: &mut Files, root: &Path) -> anyhow::Result<()> {
    for name in ["lib", "lib64"] {
        files.folder(&format!("usr/{name}"), 0o755);
        files.link(name, &format!("usr/{name}"));
    }
    for place in ["lib", "lib64", "usr/lib", "usr/lib64"] {
        if !root.join(place).is_dir() || root.join(place).is_symlink() {
            continue;
        }
        for path in all_below(&root.join(place))? {
            let relative = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_needed = name.contains(".so")
                && !relative.contains("/gconv/")
                && !relative.contains("/audit/");
            if !is_needed {
                continue;
            }
            let to = format!("usr/{}", relative.trim_start_matches("usr/"));
            if let Ok(target) = fs::read_link(&path) {
                files.link(&to, &target.to_string_lossy());
            } else {
                let content =
                    fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
                files.file(&to, 0o755, content);
            }
        }
    }
    Ok(())
}

/// Returns the files and links below a folder, sorted.
fn all_below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() && !path.is_symlink() {
                left.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_certificates_are_found_in_both_kinds_of_root() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        };
        for path in [
            "lib/x86_64-linux-gnu/libc.so.6",
            "usr/lib/x86_64-linux-gnu/libm.so.6",
            "usr/lib/x86_64-linux-gnu/gconv/A.so",
            "usr/lib/os-release",
            "usr/share/ca-certificates/mozilla/b.crt",
            "usr/share/ca-certificates/mozilla/a.crt",
        ] {
            put(path);
        }
        let mut files = Files::default();
        libraries(&mut files, root.path()).unwrap();
        certificates(&mut files, root.path()).unwrap();
        let expected = [
            "etc",
            "etc/ssl",
            "etc/ssl/certs",
            "etc/ssl/certs/ca-certificates.crt",
            "lib",
            "lib64",
            "usr",
            "usr/lib",
            "usr/lib/x86_64-linux-gnu",
            "usr/lib/x86_64-linux-gnu/libc.so.6",
            "usr/lib/x86_64-linux-gnu/libm.so.6",
            "usr/lib64",
        ];
        assert_eq!(files.paths(), expected);
    }
}
