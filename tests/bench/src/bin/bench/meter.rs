//! CPU time and memory of a process, as the kernel reports them.

use std::fs;
use std::ops::Sub;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// One tick of `/proc/PID/stat`: `USER_HZ` is 100 on every Linux that Envoy runs on.
const TICK: Duration = Duration::from_millis(10);
/// Fields before `utime` that follow the name of the program (proc(5): it is field 14, the name is
/// 2).
const BEFORE_UTIME: usize = 11;

/// CPU time of all threads of a process, in user and in kernel mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cpu(Duration);

impl Cpu {
    /// That of a process which has not begun.
    pub(crate) const ZERO: Self = Self(Duration::ZERO);

    /// What process `number` has used since it started.
    ///
    /// # Errors
    /// There is no such process, or no `/proc`.
    pub(crate) fn of(number: u32) -> Result<Self> {
        let path = format!("/proc/{number}/stat");
        let text = fs::read_to_string(&path)
            .with_context(|| format!("cannot read `{path}`: Linux is needed"))?;
        Self::read(&text).with_context(|| format!("`{path}` has another form"))
    }

    fn read(stat: &str) -> Option<Self> {
        // The name is in brackets and may hold any character, brackets and spaces too.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut times = fields
            .split_ascii_whitespace()
            .skip(BEFORE_UTIME)
            .map(str::parse::<u32>);
        let (user, system) = (times.next()?.ok()?, times.next()?.ok()?);
        Some(Self(TICK * user.saturating_add(system)))
    }
}

impl Sub for Cpu {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Bytes of physical memory that process `number` holds (`VmRSS`).
///
/// # Errors
/// There is no such process, or no `/proc`.
pub(crate) fn resident(number: u32) -> Result<u64> {
    let path = format!("/proc/{number}/status");
    let text = fs::read_to_string(&path)
        .with_context(|| format!("cannot read `{path}`: Linux is needed"))?;
    read_resident(&text).with_context(|| format!("`{path}` has another form"))
}

fn read_resident(status: &str) -> Option<u64> {
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_kernel_time_are_read_whatever_the_program_is_called() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 3 0 100 0 0";
        for name in ["(envoy)", "(a b)", "(a) 1 (2)"] {
            assert_eq!(
                Cpu::read(&format!("42 {name} {rest}")),
                Some(Cpu(Duration::from_millis(1750))),
                "{name}"
            );
        }
        assert_eq!(Cpu::read("42 (envoy) S 1 2"), None);
    }

    #[test]
    fn resident_memory_is_in_bytes() {
        assert_eq!(
            read_resident("VmPeak:\t  9 kB\nVmRSS:\t    1024 kB\n"),
            Some(1024 * 1024)
        );
        assert_eq!(read_resident("VmPeak:\t  9 kB\n"), None);
    }
}
