//! The private folder of one `run`: the module, the configuration of Envoy, and the sockets.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;

/// The file of the module.
const MODULE: &str = "registry-auth.wasm";

/// A folder that only this user may open, removed on drop.
#[derive(Debug)]
pub(crate) struct Folder(TempDir);

impl Folder {
    /// Creates an empty folder below that for temporary files (`TMPDIR`, else `/tmp`).
    ///
    /// # Errors
    /// It cannot be created.
    pub(crate) fn create() -> anyhow::Result<Self> {
        let parent = std::env::temp_dir();
        let mode = fs::metadata(&parent).map(|parent| parent.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o022 != 0 && mode & 0o1000 == 0) {
            anyhow::bail!(
                "others may replace what is in `{}`: set its sticky bit, or TMPDIR to another place",
                parent.display()
            );
        }
        tempfile::Builder::new()
            .prefix("registry-auth-run-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&parent)
            .map(Self)
            .with_context(|| {
                format!(
                    "cannot create a folder in `{}` (set TMPDIR to another place)",
                    parent.display()
                )
            })
    }

    /// Returns its path.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
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
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
        folder.remove("a");
        folder.remove("a");
        drop(folder);
        assert!(!path.exists());
    }
}
