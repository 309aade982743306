//! The credential helper: a small program of its own.

use std::fs;

use anyhow::{Context as _, ensure};

use crate::process;
use crate::workspace::Workspace;

/// The largest that it may be, in bytes: jobs fetch it each time.
const MAX_SIZE: u64 = 6 * 1024 * 1024;
/// The profile, and the folder in `target`.
const PROFILE: &str = "helper";
const PROGRAM: &str = "docker-credential-registry-auth";

/// Builds target/helper/docker-credential-registry-auth.
///
/// # Errors
/// The compiler fails (its output is on the terminal), or the program is too large.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<()> {
    process::run(&mut workspace.cargo(&[
        "build",
        "--package",
        "registry-auth-credential-helper",
        "--profile",
        PROFILE,
    ]))?;
    let path = workspace.target(PROFILE).join(PROGRAM);
    let short = workspace.short(&path);
    let size = fs::metadata(&path)
        .with_context(|| format!("cannot read `{short}`"))?
        .len();
    ensure!(
        size <= MAX_SIZE,
        "`{short}` has {size} bytes: at most {MAX_SIZE}"
    );
    let percent = size.saturating_mul(100).div_ceil(MAX_SIZE);
    eprintln!("{short}: {size} bytes, {percent} % of the limit");
    Ok(())
}
