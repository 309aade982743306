//! The credential helper in the folder of a caller.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use anyhow::{Context as _, Result};
use registry_auth_harness::callers::AUDIENCE;
use registry_auth_harness::module;
use serde_json::json;

/// The variable with the file of its settings, and the file in the folder.
pub(super) const SETTINGS: (&str, &str) = ("REGISTRY_AUTH_CREDENTIALS", "credentials.json");
/// The folder of the program, in that of the caller.
const BIN: &str = "bin";
const NAME: &str = "docker-credential-registry-auth";
/// What clients read: those of Docker, and those of containers/image.
const CONFIGURATIONS: [&str; 2] = ["config.json", "auth.json"];

/// Makes clients ask the helper, which has the token of this caller. For one without a token the
/// registry is not in its settings, as on a machine that has none.
///
/// # Errors
/// The helper is not built, or a file cannot be written.
pub(super) fn set_up(host: SocketAddr, folder: &Path, token: Option<&str>) -> Result<()> {
    let bin = folder.join(BIN);
    fs::create_dir_all(&bin)?;
    symlink(module::helper()?, bin.join(NAME)).context("the helper is there already")?;
    let configuration = json!({"credHelpers": {host.to_string(): "registry-auth"}});
    for file in CONFIGURATIONS {
        fs::write(folder.join(file), configuration.to_string())?;
    }
    let mut settings = json!({"registries": {}});
    if let (Some(token), Some(registries)) = (token, settings.pointer_mut("/registries")) {
        let file = folder.join("token");
        fs::write(&file, token)?;
        *registries = json!({host.to_string(): {"audience": AUDIENCE, "source": {"file": file}}});
    }
    let file = folder.join(SETTINGS.1);
    fs::write(&file, settings.to_string())?;
    // What others may change is refused, and the umask may be any.
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    Ok(fs::set_permissions(file, Permissions::from_mode(0o600))?)
}

/// Returns `PATH` with the helper in front.
pub(super) fn path(folder: &Path, path: &OsStr) -> OsString {
    let mut all = folder.join(BIN).into_os_string();
    all.push(":");
    all.push(path);
    all
}
