//! Instructions of Envoy for one request, counted by callgrind: other than times they are the same on every machine, whatever
//! else it does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::envoy::Envoy;

use crate::lane::Lane;
use crate::load::Generator;
use crate::row::Row;
use crate::stand::Files;

/// How long requests are sent before anything is counted: V8 has compiled what is hot by then, although valgrind is slow.
const WARM_UP: Duration = Duration::from_secs(20);
/// The same with counting, which translates all code again.
const SHORTLY: Duration = Duration::from_secs(1);
/// How long requests are counted.
const TIME: Duration = Duration::from_secs(5);
/// How long Envoy may take to start.
const START: Duration = Duration::from_mins(10);
/// How long a command to valgrind may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// Tokens that are used once.
const FRESH: usize = 200;

/// Rows in one Envoy: valgrind has not room for the address space of many VMs.
const TOGETHER: usize = 3;

/// The rows that are counted, unless others are named.
pub(crate) const ROWS: [&str; 7] = ["a", "b", "c", "d", "e", "g", "n"];

/// What a row takes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counted {
    /// The row.
    pub(crate) row: Row,
    /// Instructions of the Envoy process for each request.
    pub(crate) each: f64,
}

/// Counts the rows, which need no program in addition to Envoy.
///
/// # Errors
/// valgrind is missing, or as with [`crate::rounds::measure`].
pub(crate) fn measure(rows: &[Row], files: &Files) -> Result<Vec<Counted>> {
    ensure!(
        rows.iter().all(|row| row.companion.is_none()),
        "instructions are counted of Envoy alone: leave out the rows with another program"
    );
    let mut counted = Vec::new();
    for rows in rows.chunks(TOGETHER) {
        counted.extend(measure_together(rows, files)?);
    }
    Ok(counted)
}

/// Counts rows in one Envoy.
fn measure_together(rows: &[Row], files: &Files) -> Result<Vec<Counted>> {
    let mut lanes = rows
        .iter()
        .map(|row| Lane::new(row, FRESH))
        .collect::<Result<Vec<_>>>()?;
    let listeners: Vec<_> = lanes.iter().map(Lane::listener).collect();
    let folder = files.folder.join("callgrind");
    // What was left before would be read.
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    eprintln!("Envoy starts in callgrind");
    let envoy = files.start_by(valgrind(&folder), START, &listeners)?;
    let callgrind = Counter::of(&envoy, folder);
    for lane in &mut lanes {
        lane.send(&envoy, WARM_UP, &Generator::Own)?;
        lane.renew()?;
        lane.probe(&envoy)?;
    }
    callgrind.tell("instrumentation on")?;
    let mut counted = Vec::new();
    for lane in &mut lanes {
        lane.send(&envoy, SHORTLY, &Generator::Own)?;
        lane.renew()?;
        callgrind.tell("zero")?;
        let requests = lane.send(&envoy, TIME, &Generator::Own)?;
        let all = callgrind.dump()?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let each = all as f64 / requests as f64;
        eprintln!("{}: {each:.0}", lane.row.id);
        counted.push(Counted {
            row: lane.row.clone(),
            each,
        });
    }
    Ok(counted)
}

/// A command that starts a program in callgrind, which counts nothing yet.
fn valgrind(folder: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--instr-atstart=no"])
        // V8 writes code; the file of Envoy does not change.
        .arg("--smc-check=all-non-file")
        .args(["--max-stackframe=8000000", "--main-stacksize=16000000"])
        // The program of the package is a script that becomes Envoy.
        .arg("--trace-children=yes")
        .arg(format!("--vgdb-prefix={}", folder.join("vgdb").display()))
        .arg(format!("--callgrind-out-file={}", out(folder).display()));
    command
}

fn out(folder: &Path) -> PathBuf {
    folder.join("out")
}

/// callgrind, as it counts in a process.
struct Counter {
    process: u32,
    folder: PathBuf,
}

impl Counter {
    fn of(envoy: &Envoy, folder: PathBuf) -> Self {
        Self {
            process: envoy.process(),
            folder,
        }
    }

    fn tell(&self, what: &str) -> Result<()> {
        let output = Command::new("vgdb")
            .arg(format!("--pid={}", self.process))
            .arg(format!(
                "--vgdb-prefix={}",
                self.folder.join("vgdb").display()
            ))
            .args(what.split(' '))
            .output()
            .context("vgdb, a part of valgrind, cannot be run")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "vgdb {what}: {said}");
        Ok(())
    }

    /// Has it write what it has counted since the command `zero`, and reads that.
    fn dump(&self) -> Result<u64> {
        let before = self.dumps()?;
        self.tell("dump")?;
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(path) = self
                .dumps()?
                .into_iter()
                .find(|path| !before.contains(path))
                && let Some(count) = total(&fs::read_to_string(&path)?)
            {
                return Ok(count);
            }
            ensure!(Instant::now() < end, "callgrind writes no counts");
            sleep(Duration::from_millis(50));
        }
    }

    fn dumps(&self) -> Result<Vec<PathBuf>> {
        let name = out(&self.folder).display().to_string() + ".";
        let paths = fs::read_dir(&self.folder)?.map(|entry| Ok(entry?.path()));
        let paths: Vec<PathBuf> = paths.collect::<Result<_>>()?;
        let is_dump = |path: &PathBuf| path.display().to_string().starts_with(&name);
        Ok(paths.into_iter().filter(is_dump).collect())
    }
}

/// The total at the end of a file of callgrind; `None` while it is not whole.
fn total(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("totals:"));
    line?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_when_the_file_is_whole() {
        let rows = [
            (
                "events: Ir\nsummary: 7\nfn=(1)\n1 7\ntotals: 12\n",
                Some(12),
            ),
            ("events: Ir\nsummary: 7\nfn=(1)\n1 7\n", None),
            ("totals: many\n", None),
        ];
        for (text, expected) in rows {
            assert_eq!(total(text), expected);
        }
    }
}
