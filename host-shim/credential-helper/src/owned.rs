//! Who may change a file that says which programs are started.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{StatVfsMountFlags, fstatvfs, statvfs};
use rustix::process::geteuid;

use crate::environment::{self, FileError, shown};

/// Bits of a mode: the group and others may write.
const WRITABLE: u32 = 0o022;
/// Entries of a folder are renamed and removed by their owners only.
const STICKY: u32 = 0o1000;

/// Reads a file as [`environment::read`] does, if nobody but this user and root may change it, or
/// put another in its place: neither it nor its folder, and where it is a link neither that of the
/// link, belongs to others or can be written by them. What is on a mount that is read-only, such as
/// the volume of a `ConfigMap`, cannot be written by anybody.
///
/// # Errors
/// See [`FileError`].
pub(crate) fn read(path: &Path) -> Result<String, FileError> {
    let file = environment::open(path)?;
    let own = geteuid().as_raw();
    check_file(&file, path, own)?;
    check_place(path, own)?;
    // Where links lead.
    if let Ok(real) = fs::canonicalize(path) {
        check_place(&real, own)?;
    }
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

/// Checks the folder in which a file, or a link, has its name.
fn check_place(path: &Path, own: u32) -> Result<(), FileError> {
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => return Ok(()),
    };
    let unreadable = |error| environment::unreadable(path, &error);
    let found = fs::metadata(folder).map_err(unreadable)?;
    let entry = fs::symlink_metadata(path).map_err(unreadable)?;
    if statvfs(folder).is_ok_and(|mount| is_read_only(mount.f_flag)) {
        return Ok(());
    }
    let is_kept = found.mode() & STICKY != 0 && is_trusted(entry.uid(), own);
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
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

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

    /// The rows: modes of the folder and the file, which name is read, and what is said.
    #[test]
    fn a_file_is_read_if_nobody_else_may_change_it() {
        let rows = [
            (0o755, 0o644, "real/file", ""),
            (0o700, 0o600, "link", ""),
            (0o755, 0o664, "real/file", "real/file` may be changed"),
            (0o755, 0o646, "link", "link` may be changed"),
            (0o775, 0o644, "real/file", "real` may be changed"),
            (0o757, 0o644, "link", "real` may be changed"),
            // As `/tmp`, with a file of this user.
            (0o1777, 0o644, "real/file", ""),
            (0o1777, 0o666, "real/file", "real/file` may be changed"),
        ];
        for (folder, file, name, expected) in rows {
            let root = tempfile::tempdir().unwrap();
            let at = |name: &str| root.path().join(name);
            fs::create_dir(at("real")).unwrap();
            fs::write(at("real/file"), "text").unwrap();
            symlink(at("real/file"), at("link")).unwrap();
            fs::set_permissions(at("real/file"), Permissions::from_mode(file)).unwrap();
            fs::set_permissions(at("real"), Permissions::from_mode(folder)).unwrap();
            let found = read(&at(name)).map_err(|error| error.to_string());
            match found {
                Ok(text) => assert_eq!((text.as_str(), expected), ("text", "")),
                Err(error) => {
                    assert!(!expected.is_empty() && error.contains(expected), "{error}");
                    assert!(error.contains("others can write it"), "{error}");
                }
            }
        }
    }
}
