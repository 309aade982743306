//! The machine and the versions of a measurement.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use crate::substrate::now;
use crate::{envoy, module};
use anyhow::{Context as _, Result};
use serde::Serialize;

/// Machine, versions and date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// The model of the CPU.
    pub cpu: String,
    /// The cores that this process may use.
    pub cores: usize,
    /// The kernel's version.
    pub kernel: String,
    /// Envoy's version.
    pub envoy: String,
    /// The compiler's version.
    pub rustc: String,
    /// The commit of the checkout, with `+` if files are changed.
    pub commit: String,
    /// The date, UTC.
    pub date: String,
}

impl Machine {
    /// Reads the values of this machine.
    ///
    /// # Errors
    /// The version of Envoy or of the compiler cannot be read.
    pub fn this() -> Result<Self> {
        let envoy = says(Command::new(envoy::binary()?).arg("--version"))?;
        Ok(Self {
            cpu: cpu(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
            cores: available_parallelism().map_or(0, usize::from),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .unwrap_or_default()
                .trim()
                .to_owned(),
            envoy: version(&envoy).unwrap_or(&envoy).to_owned(),
            rustc: says(Command::new("rustc").arg("--version"))?,
            commit: commit(),
            date: now().rfc3339(),
        })
    }
}

/// Without git, or outside a checkout, there is none to name.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        says(
            Command::new("git")
                .args(arguments)
                .current_dir(module::workspace()),
        )
    };
    let Ok(commit) = git(&["rev-parse", "--short", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])
        .is_ok_and(|changes| !changes.is_empty());
    if changed { commit + "+" } else { commit }
}

fn says(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn cpu(cpuinfo: &str) -> String {
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(
        || std::env::consts::ARCH.to_owned(),
        |(_, model)| model.to_owned(),
    )
}

/// Returns the version in `.../envoy  version: HASH/1.40.0/Clean/RELEASE/BoringSSL`.
fn version(text: &str) -> Option<&str> {
    let (_, version) = text.split_once(" version: ")?;
    version.split('/').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        assert_eq!(
            version("/opt/bin/envoy  version: abc/1.40.0/Clean/RELEASE/BoringSSL"),
            Some("1.40.0")
        );
        assert_eq!(
            cpu("processor\t: 0\nmodel name\t: AMD EPYC 7000\n"),
            "AMD EPYC 7000"
        );
        assert_eq!(cpu(""), std::env::consts::ARCH);
    }
}
