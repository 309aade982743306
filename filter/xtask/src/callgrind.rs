//! `cargo xtask bench --callgrind`: instructions of the engine for one request, natively.

use std::process::Stdio;

use anyhow::{Context, ensure};

use crate::workspace::Workspace;

/// Requests of two runs: their difference excludes start and end of the process.
const FEW: u32 = 100;
const MANY: u32 = 1_100;

/// Runs the benchmark of the engine twice in callgrind, and prints the difference for one request.
///
/// # Errors
/// valgrind is missing, or the benchmark does not run in it.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let [few, many] = [count(workspace, FEW)?, count(workspace, MANY)?];
    let each = many.saturating_sub(few) / u64::from(MANY - FEW);
    eprintln!("{each} instructions of the engine for a request whose token is in the cache");
    eprintln!(
        "by function: callgrind_annotate {}",
        workspace.short(&workspace.target("callgrind.out"))
    );
    Ok(())
}

/// The instructions of this many requests.
fn count(workspace: &Workspace, requests: u32) -> anyhow::Result<u64> {
    let file = workspace.target("callgrind.out");
    let runner = [
        "valgrind",
        "--tool=callgrind",
        &format!("--callgrind-out-file={}", file.display()),
    ];
    let runner = format!("target.'cfg(unix)'.runner = {runner:?}");
    let bench = [
        "bench",
        "--quiet",
        "--package",
        "registry-auth-engine",
        "--config",
        &runner,
        "--",
        "--hits",
    ];
    let mut command = workspace.cargo(&bench);
    let output = command
        .arg(requests.to_string())
        .stdout(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    let report = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{report}\nvalgrind of your system is needed, with debian: `apt-get install valgrind`"
    );
    collected(&report).with_context(|| format!("callgrind reports no instructions:\n{report}"))
}

/// Finds the count in the report of callgrind.
fn collected(report: &str) -> Option<u64> {
    report
        .lines()
        .find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read_from_the_report() {
        let report = "==7== Events    : Ir\n==7== Collected : 135813\n==7== \n==7== I   refs:      135,813\n";
        assert_eq!(collected(report), Some(135_813));
        assert_eq!(collected("==7== Collected : \nwarning"), None);
    }
}
