//! A program with all that it has started: its process group. It is ended on drop, and when a signal ends
//! this process: that group does not get a signal of the terminal, or of whoever waits for this process.

use std::fs;
use std::io;
use std::process::{Child, Command, ExitStatus, exit};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

/// Signals that end this process. The exit status is that of a shell: 128 and the number.
const ENDING: [SignalKind; 3] = [
    SignalKind::hangup(),
    SignalKind::interrupt(),
    SignalKind::terminate(),
];

/// The groups that run.
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());
/// Whether signals are watched.
static IS_WATCHED: Mutex<bool> = Mutex::new(false);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program, and whatever it has started: ended on drop.
pub(super) struct Group {
    pub(super) child: Child,
    /// The id of the group; `None` once it is ended.
    id: Option<Pid>,
}

impl Group {
    /// Starts a program, which has to be the first of a new group.
    ///
    /// # Errors
    /// It cannot be started, or signals cannot be watched.
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        watch()?;
        // A signal waits until the group is known.
        let mut running = lock(&RUNNING);
        let child = command.spawn()?;
        let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        running.extend(id);
        Ok(Self { child, id })
    }

    /// Returns whether the program has ended. It is not reaped, so its id is that of its group still
    /// and of no other.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub(super) fn has_ended(&self) -> io::Result<bool> {
        let Some(id) = self.id else {
            return Ok(true);
        };
        let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(id), how)?.is_some())
    }

    /// Kills what is left of the group, and returns how the program has ended.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub(super) fn end(&mut self) -> io::Result<ExitStatus> {
        if let Some(id) = self.id.take() {
            let mut running = lock(&RUNNING);
            kill(id);
            running.retain(|other| *other != id);
        }
        self.child.wait()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(self.end());
    }
}

fn kill(group: Pid) {
    // Ignored: all of it may have ended by itself.
    let _ = kill_process_group(group, Signal::KILL);
}

/// Has a thread wait for signals, once in a process and before its first program: it works too while
/// nobody reads what this process says.
fn watch() -> io::Result<()> {
    let mut is_watched = lock(&IS_WATCHED);
    if !*is_watched {
        let (told, ready) = mpsc::channel();
        thread::Builder::new().spawn(move || wait(&told))?;
        ready.recv().map_err(io::Error::other)??;
        *is_watched = true;
    }
    Ok(())
}

/// Reports whether signals are watched; at the first one ends all groups and this process.
fn wait(told: &mpsc::Sender<io::Result<()>>) {
    let runtime = match Builder::new_current_thread().enable_io().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(told.send(Err(error))),
    };
    runtime.block_on(async {
        let mut signals = JoinSet::new();
        let ignored = ignored();
        for kind in ENDING {
            let number = kind.as_raw_value();
            if is_in(ignored, number) {
                continue;
            }
            match signal(kind) {
                Ok(mut signal) => {
                    signals.spawn(async move { signal.recv().await.map(|()| number) })
                }
                Err(error) => return drop(told.send(Err(error))),
            };
        }
        drop(told.send(Ok(())));
        while let Some(ended) = signals.join_next().await {
            if let Ok(Some(number)) = ended {
                // Kept to the end: nothing is started any more.
                let running = lock(&RUNNING);
                running.iter().copied().for_each(kill);
                exit(number.saturating_add(128));
            }
        }
    });
}

/// Returns the signals that whoever has started this process has it ignore, as `nohup` does: a bit for
/// each, beginning with number 1. None where the system does not say.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bits = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
        .unwrap_or_default()
}

fn is_in(signals: u64, number: i32) -> bool {
    let place = u32::try_from(number.saturating_sub(1)).ok();
    let bit = place.and_then(|place| 1_u64.checked_shl(place));
    bit.is_some_and(|bit| signals & bit != 0)
}
