//! Who may change a file that says which programs are started.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, fstatvfs, statvfs};
use rustix::process::geteuid;

use crate::environment::{self, FileError, shown};

/// Bits of a mode: the group and others may write.
const WRITABLE: u32 = 0o022;
/// Entries of a folder are renamed and removed by their owners only.
const STICKY: u32 = 0o1000;

/// Links that are followed, as the system does at most.
const MAX_LINKS: usize = 40;

/// Reads a file as [`environment::read`] does, if nobody but this user and root may change it, or
/// put another in its place: neither it, nor its folder, nor a folder above that, nor where a link on
/// the way has its name, belongs to others or can be written by them. `StrictModes` of sshd asks the
/// same, up to the home folder. A folder on a mount that is read-only, such as the volume of a
/// `ConfigMap`, cannot be written by anybody; those above it are checked all the same.
///
/// # Errors
/// See [`FileError`].
pub(crate) fn read(path: &Path) -> Result<String, FileError> {
    let file = environment::open(path)?;
    let own = geteuid().as_raw();
    check_file(&file, path, own)?;
    check_way(path, own)?;
    environment::content(file, path)
}

fn check_file(file: &File, path: &Path, own: u32) -> Result<(), FileError> {
    let found = file.metadata();
    let found = found.map_err(|error| environment::unreadable(path, &error))?;
    let is_fixed = fstatvfs(file).is_ok_and(|mount| is_read_only(mount.f_flag));
    match problem(found.uid(), found.mode(), own) {
        Some(advice) if !is_fixed => Err(others(path, advice)),
        _ => Ok(()),
    }
}

/// Goes the way of a path as the system does, and checks each folder in which it looks up a name.
fn check_way(path: &Path, own: u32) -> Result<(), FileError> {
    let unreadable = |error| environment::unreadable(path, &error);
    let whole = std::path::absolute(path).map_err(unreadable)?;
    // What is still to be looked up, the next part last.
    let mut parts = parts(&whole);
    let mut folder = PathBuf::from("/");
    let mut links = 0_usize;
    while let Some(part) = parts.pop() {
        if part == ".." {
            folder.pop();
            continue;
        }
        let entry = folder.join(part);
        let found = fs::symlink_metadata(&entry).map_err(unreadable)?;
        check_place(&folder, found.uid(), own)?;
        if found.is_symlink() {
            links = links.saturating_add(1);
            if links > MAX_LINKS {
                return Err(unreadable(io::ErrorKind::Other.into()));
            }
            let target = fs::read_link(&entry).map_err(unreadable)?;
            if target.is_absolute() {
                folder = PathBuf::from("/");
            }
            parts.extend(self::parts(&target));
        } else {
            folder = entry;
        }
    }
    Ok(())
}

/// Returns the names in a path, the first last.
fn parts(path: &Path) -> Vec<OsString> {
    let names = path.components().rev().filter_map(|part| match part {
        Component::Normal(_) | Component::ParentDir => Some(part.as_os_str().to_owned()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    });
    names.collect()
}

/// Checks the folder in which a name is looked up; `owner` is that of what has the name.
fn check_place(folder: &Path, owner: u32, own: u32) -> Result<(), FileError> {
    let found = fs::metadata(folder).map_err(|error| environment::unreadable(folder, &error))?;
    if statvfs(folder).is_ok_and(|mount| is_read_only(mount.f_flag)) {
        return Ok(());
    }
    let is_kept = found.mode() & STICKY != 0 && is_trusted(owner, own);
    let mode = if is_kept { 0 } else { found.mode() };
    match problem(found.uid(), mode, own) {
        Some(advice) => Err(others(folder, advice)),
        None => Ok(()),
    }
}

/// Returns what to do about a file or a folder of the user `owner` that others than root and `own`
/// may change.
const fn problem(owner: u32, mode: u32, own: u32) -> Option<&'static str> {
    if !is_trusted(owner, own) {
        Some("it belongs to another user: give it to this user, or to root (`chown`)")
    } else if mode & WRITABLE != 0 {
        Some("others can write it: take that from them (`chmod go-w`)")
    } else {
        None
    }
}

const fn is_trusted(owner: u32, own: u32) -> bool {
    owner == 0 || owner == own
}

const fn is_read_only(flags: StatVfsMountFlags) -> bool {
    flags.contains(StatVfsMountFlags::RDONLY)
}

fn others(place: &Path, advice: &'static str) -> FileError {
    FileError::Others {
        place: shown(place),
        advice,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// Returns a folder that only this user may change, whatever the umask is.
    pub(crate) fn private() -> tempfile::TempDir {
        let mut folder = tempfile::Builder::new();
        folder.permissions(Permissions::from_mode(0o700));
        folder.tempdir().unwrap()
    }

    #[test]
    fn what_others_may_change_is_not_trusted() {
        let rows = [
            (1_000, 0o100_644, 1_000, ""),
            (0, 0o100_644, 1_000, ""),
            (1_000, 0o100_664, 1_000, "others can write it"),
            (0, 0o100_646, 1_000, "others can write it"),
            (1_001, 0o100_600, 1_000, "it belongs to another user"),
            // Root is no exception: what it runs must not be in the hands of others.
            (1_000, 0o100_600, 0, "it belongs to another user"),
            (0, 0o100_600, 0, ""),
        ];
        for (owner, mode, own, expected) in rows {
            let found = problem(owner, mode, own).unwrap_or_default();
            assert!(found.starts_with(expected), "{owner} {mode:o} {own}");
            assert_eq!(found.is_empty(), expected.is_empty(), "{owner} {mode:o}");
        }
    }

    /// The rows: modes of the folder above, the folder and the file, which name is read, and what is said.
    #[test]
    fn a_file_is_read_if_nobody_else_may_change_it() {
        let fine = 0o755;
        let rows = [
            (fine, 0o755, 0o644, "above/real/file", ""),
            (fine, 0o700, 0o600, "link", ""),
            (fine, 0o755, 0o600, "first", ""),
            (fine, 0o755, 0o600, "above/real/../real/./file", ""),
            (
                fine,
                0o755,
                0o664,
                "above/real/file",
                "real/file` may be changed",
            ),
            (fine, 0o755, 0o646, "link", "link` may be changed"),
            (
                fine,
                0o775,
                0o644,
                "above/real/file",
                "real` may be changed",
            ),
            (fine, 0o757, 0o644, "link", "real` may be changed"),
            // As `/tmp`, with a file of this user.
            (fine, 0o1777, 0o644, "above/real/file", ""),
            (
                fine,
                0o1777,
                0o666,
                "above/real/file",
                "real/file` may be changed",
            ),
            // Whoever may rename the folder may put another in its place.
            (
                0o775,
                0o755,
                0o644,
                "above/real/file",
                "above` may be changed",
            ),
            (0o757, 0o755, 0o644, "link", "above` may be changed"),
            (0o1777, 0o755, 0o644, "above/real/file", ""),
            // A link to a link.
            (0o775, 0o755, 0o644, "first", "above` may be changed"),
            (fine, 0o775, 0o644, "through/file", "real` may be changed"),
            (0o775, 0o755, 0o644, "above/out", "above` may be changed"),
            (fine, 0o755, 0o644, "above/out", ""),
        ];
        for (above, folder, file, name, expected) in rows {
            let root = private();
            let at = |name: &str| root.path().join(name);
            let mode = |name: &str, mode: u32| {
                fs::set_permissions(at(name), Permissions::from_mode(mode)).unwrap();
            };
            fs::create_dir_all(at("above/real")).unwrap();
            fs::create_dir(at("safe")).unwrap();
            for name in ["above/real/file", "safe/file"] {
                fs::write(at(name), "text").unwrap();
                mode(name, 0o600);
            }
            mode("safe", 0o700);
            symlink(at("above/real/file"), at("link")).unwrap();
            symlink("above/real", at("through")).unwrap();
            // Its file is safe, but not where the way to it goes.
            symlink("../safe/file", at("above/out")).unwrap();
            symlink("above/out", at("first")).unwrap();
            mode("above/real/file", file);
            mode("above/real", folder);
            mode("above", above);
            let found = read(&at(name)).map_err(|error| error.to_string());
            match found {
                Ok(text) => assert_eq!((text.as_str(), expected), ("text", ""), "{name}"),
                Err(error) => {
                    assert!(!expected.is_empty() && error.contains(expected), "{error}");
                    assert!(error.contains("others can write it"), "{error}");
                }
            }
        }
    }

    #[test]
    fn links_in_a_circle_are_not_followed_for_ever() {
        let root = private();
        let at = |name: &str| root.path().join(name);
        symlink("b", at("a")).unwrap();
        symlink("a", at("b")).unwrap();
        let own = geteuid().as_raw();
        assert!(check_way(&at("a"), own).is_err() && read(&at("a")).is_err());
    }
}
