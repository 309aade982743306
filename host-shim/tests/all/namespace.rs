//! Tests in namespaces of their own: another loopback interface, on which port 53 is free, and
//! another `/etc/resolv.conf`. Nothing of the machine changes.

use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::shim::{Folder, text};

/// Where the DNS server is.
pub(crate) const DNS: &str = "127.0.0.53";
/// Set inside.
const INSIDE: &str = "REGISTRY_AUTH_NAMESPACE";

/// Returns true inside. Outside it runs the test of this name again, inside, and fails if that does.
pub(crate) fn enter(test: &str) -> anyhow::Result<bool> {
    const SCRIPT: &str = "ip link set lo up && mount --bind \"$0\" /etc/resolv.conf && mount --bind \"$1\" /etc/nsswitch.conf && shift && exec \"$@\"";
    if std::env::var_os(INSIDE).is_some() {
        return Ok(true);
    }
    let folder = Folder::new()?;
    let resolver = folder.write(
        "resolv.conf",
        &format!("nameserver {DNS}\noptions timeout:1 attempts:1\n"),
    )?;
    let order = folder.write("nsswitch.conf", "hosts: files dns\n")?;
    let status = Command::new("unshare")
        .args(["--map-root-user", "--mount", "--net", "sh", "-c", SCRIPT])
        .args([text(&resolver)?, text(&order)?])
        .arg(std::env::current_exe()?)
        .args([test, "--exact", "--include-ignored", "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .context("`unshare` of util-linux cannot be run")?;
    ensure!(
        status.success(),
        "{test} failed in namespaces of its own: {status}"
    );
    Ok(false)
}
