//! Load by wrk.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::workload::HEADERS;
use tempfile::NamedTempFile;

use super::{CONNECTIONS, Load, TARGET};

const SCRIPT: &str = include_str!("wrk.lua");

/// As [`super::Generator::send`]. It measures whole seconds. When each token is sent once, those
/// that were under way at the end, at most one for each connection, are not counted.
pub(super) fn send(program: &Path, load: &Load<'_>) -> Result<u64> {
    let script = file(SCRIPT)?;
    let scheme = load.scheme;
    let credentials = load
        .tokens
        .iter()
        .map(|token| format!("{scheme:?} {token}"));
    let tokens = file(&credentials.collect::<Vec<_>>().join("\n"))?;
    let mut command = Command::new(program);
    command.args(["--threads", "1", "--connections", &CONNECTIONS.to_string()]);
    command
        .args(["--duration", &format!("{}s", load.time.as_secs().max(1))])
        .arg("--script")
        .arg(script.path());
    for (name, value) in HEADERS {
        command.args(["--header", &format!("{name}: {value}")]);
    }
    command
        .arg(format!("http://{}{TARGET}", load.address))
        .arg("--")
        .arg(tokens.path());
    command.arg(if load.once { "once" } else { "again" });
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .context("wrk cannot be started: run `cargo xtask tools`")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "wrk ended with {}\n{text}",
        output.status
    );
    let [answered, refused, broken] =
        read(&text).with_context(|| format!("wrk says something else\n{text}"))?;
    ensure!(
        refused == 0 && broken == 0,
        "{refused} requests were refused and {broken} broke off"
    );
    Ok(answered)
}

fn file(text: &str) -> Result<NamedTempFile> {
    let mut file = NamedTempFile::with_prefix("registry-auth-bench-")?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

/// Reads what the script prints.
fn read(output: &str) -> Option<[u64; 3]> {
    let line = output
        .lines()
        .find_map(|line| line.strip_prefix("answered "))?;
    let (answered, rest) = line.split_once(" refused ")?;
    let (refused, broken) = rest.split_once(" broken ")?;
    Some([
        answered.parse().ok()?,
        refused.parse().ok()?,
        broken.parse().ok()?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_script_is_found_in_what_wrk_prints() {
        let text =
            "Running 1s test\n  1 threads\nRequests/sec: 1.00\nanswered 12 refused 3 broken 4\n";
        assert_eq!(read(text), Some([12, 3, 4]));
        assert_eq!(read("Requests/sec: 1.00\n"), None);
    }
}
