//! Folders of tests.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::{Builder, TempDir};

/// Returns a folder that only this user may change, whatever the umask is: settings elsewhere are refused.
pub(crate) fn private() -> TempDir {
    let mut folder = Builder::new();
    folder.permissions(Permissions::from_mode(0o700));
    folder.tempdir().unwrap()
}
