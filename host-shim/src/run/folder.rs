//! The private folder of one `run`: the module, the configuration of Envoy, and the sockets.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::process::geteuid;
use tempfile::TempDir;

/// The file of the module.
const MODULE: &str = "registry-auth.wasm";

/// How the names of private folders begin.
const PREFIX: &str = "registry-auth-run-";
/// The file in it that is locked as long as its process lives.
const LOCK: &str = "lock";

/// A folder that only this user may open, removed on drop.
#[derive(Debug)]
pub(crate) struct Folder {
    folder: TempDir,
    /// Held until the folder is gone.
    _lock: File,
}

impl Folder {
    /// Creates an empty folder below that for temporary files (`TMPDIR`, else `/tmp`).
    ///
    /// # Errors
    /// It cannot be created.
    pub(crate) fn create() -> anyhow::Result<Self> {
        Self::create_in(&std::env::temp_dir())
    }

    fn create_in(parent: &Path) -> anyhow::Result<Self> {
        // The real path: a link in it could lead elsewhere later.
        let real = fs::canonicalize(parent);
        let parent = real.as_deref().unwrap_or(parent);
        if let Some(problem) = problem_above(parent) {
            anyhow::bail!("{problem}, or set TMPDIR to another place");
        }
        let cannot = || {
            format!(
                "cannot create a folder in `{}` (set TMPDIR to another place)",
                parent.display()
            )
        };
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)
            .with_context(cannot)?;
        let lock = lock(folder.path()).with_context(cannot)?;
        remove_stale(parent);
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    /// Returns its path.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the module, and returns the path of its file.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn put_module(&self, module: &[u8]) -> anyhow::Result<PathBuf> {
        let path = self.path().join(MODULE);
        fs::write(&path, module).with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(path)
    }

    /// Writes a file by renaming: whoever opens it meanwhile reads the old one or the new one.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn replace(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.path().join(name);
        let new = self.path().join(format!("{name}.new"));
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, &path))
            .inspect_err(|_| drop(fs::remove_file(&new)))
            .with_context(|| format!("cannot write `{}`", path.display()))
    }

    /// Removes a file; it may be gone.
    pub(crate) fn remove(&self, name: &str) {
        // Ignored: nothing refers to it any more.
        drop(fs::remove_file(self.path().join(name)));
    }
}

/// Returns who but root and this user could rename what is in a folder, or the folder itself.
fn problem_above(folder: &Path) -> Option<String> {
    folder.ancestors().find_map(|above| {
        // One that is missing is an error where the folder is made.
        let found = fs::metadata(above).ok()?;
        let problem = problem(found.uid(), found.mode(), geteuid().as_raw())?;
        let place = above.display();
        Some(format!(
            "others may replace what is in `{place}`: {problem}"
        ))
    })
}

/// Returns what to do about a folder of the user `owner`, whose entries somebody else than root and
/// `own` may rename. A sticky bit stops everybody but the owner.
const fn problem(owner: u32, mode: u32, own: u32) -> Option<&'static str> {
    if owner != 0 && owner != own {
        Some("it belongs to another user; give it to root or to this user")
    } else if mode & 0o022 != 0 && mode & 0o1000 == 0 {
        Some("set its sticky bit")
    } else {
        None
    }
}

/// Makes the file that says that the process of a folder lives. It has its name only once it is
/// locked: nobody sees it unlocked before.
fn lock(folder: &Path) -> std::io::Result<File> {
    let new = folder.join("lock.new");
    let file = File::create(&new)?;
    file.lock()?;
    fs::rename(new, folder.join(LOCK))?;
    Ok(file)
}

/// Removes the folders of processes that were killed. A lock, unlike the number of a process, also
/// tells of those in other containers with the same folder for temporary files.
fn remove_stale(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let is_named = path
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with(PREFIX));
        if is_named && is_own(&path) && is_stale(&path) {
            match fs::remove_dir_all(&path) {
                Ok(()) => {
                    tracing::info!(folder = %path.display(), "removed the folder of a process that was killed");
                }
                Err(error) => {
                    tracing::warn!(folder = %path.display(), %error, "cannot remove the folder of a process that was killed");
                }
            }
        }
    }
}

/// Returns true for a folder, and no link to one, of this user that nobody else may open.
fn is_own(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| {
        found.is_dir()
            && found.uid() == geteuid().as_raw()
            && found.permissions().mode() & 0o777 == 0o700
    })
}

fn is_stale(folder: &Path) -> bool {
    File::open(folder.join(LOCK)).is_ok_and(|file| file.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_private_and_goes() {
        let folder = Folder::create().unwrap();
        let path = folder.path().to_owned();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        folder.replace("a", "1").unwrap();
        folder.replace("a", "2").unwrap();
        assert_eq!(fs::read_to_string(path.join("a")).unwrap(), "2");
        let names = fs::read_dir(&path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.collect();
        names.sort();
        assert_eq!(names, ["a", LOCK]);
        folder.remove("a");
        folder.remove("a");
        drop(folder);
        assert!(!path.exists());
    }

    /// The rows: a name, the mode, whether the process lives (`None` if it has no lock), and whether
    /// the folder stays.
    #[test]
    fn folders_of_processes_that_were_killed_are_removed() {
        let rows = [
            ("registry-auth-run-a", 0o700, Some(false), false),
            ("registry-auth-run-b", 0o700, Some(true), true),
            ("registry-auth-run-c", 0o700, None, true),
            ("registry-auth-run-d", 0o755, Some(false), true),
            ("another", 0o700, Some(false), true),
        ];
        let parent = tempfile::tempdir().unwrap();
        let mut alive = Vec::new();
        for (name, mode, lives, _) in rows {
            let path = parent.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let lock = lives.map(|lives| (lives, lock(&path).unwrap()));
            alive.extend(lock.filter(|(lives, _)| *lives));
        }
        let link = parent.path().join("registry-auth-run-link");
        std::os::unix::fs::symlink(parent.path().join("another"), &link).unwrap();
        remove_stale(parent.path());
        for (name, _, _, stays) in rows {
            assert_eq!(parent.path().join(name).exists(), stays, "{name}");
        }
        assert!(link.exists());
    }

    /// The rows: the modes of the folder for temporary files and of the one above, and whether they
    /// are good.
    #[test]
    fn others_may_not_rename_the_folder() {
        for (above, mode, is_good) in [
            (0o700, 0o700, true),
            (0o755, 0o755, true),
            (0o755, 0o1777, true),
            (0o1777, 0o700, true),
            (0o755, 0o777, false),
            (0o755, 0o770, false),
            (0o777, 0o700, false),
            (0o770, 0o1777, false),
        ] {
            let top = tempfile::tempdir().unwrap();
            let parent = top.path().join("tmp");
            let link = top.path().join("link");
            fs::create_dir(&parent).unwrap();
            std::os::unix::fs::symlink(&parent, &link).unwrap();
            fs::set_permissions(&parent, Permissions::from_mode(mode)).unwrap();
            fs::set_permissions(top.path(), Permissions::from_mode(above)).unwrap();
            for place in [&parent, &link] {
                let made = Folder::create_in(place);
                assert_eq!(made.is_ok(), is_good, "{above:o} {mode:o}");
                match made {
                    Ok(folder) => assert!(!folder.path().starts_with(&link)),
                    Err(error) => {
                        assert!(error.to_string().contains("set its sticky bit"), "{error}");
                        assert_eq!(fs::read_dir(&parent).unwrap().count(), 0);
                    }
                }
            }
        }
    }

    /// The rows: the owner of a folder, its mode, the own user, and whether it is good.
    #[test]
    fn folders_of_another_user_are_not_used() {
        for (owner, mode, own, is_good) in [
            (0, 0o755, 1000, true),
            (1000, 0o700, 1000, true),
            (1000, 0o1777, 1000, true),
            (0, 0o1777, 1000, true),
            (1001, 0o700, 1000, false),
            (1001, 0o1777, 1000, false),
            (1001, 0o1777, 0, false),
            (0, 0o775, 1000, false),
        ] {
            let found = problem(owner, mode, own);
            assert_eq!(found.is_none(), is_good, "{owner} {mode:o} {own}");
        }
    }
}
