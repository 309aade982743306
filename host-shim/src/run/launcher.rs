//! Starts Envoy so that it ends with this process, even when this process is killed.
//!
//! The system can end a process when its parent ends (`PR_SET_PDEATHSIG`), if the process asks for
//! it itself. Envoy does not; so this program is started in between, asks, and becomes Envoy.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::Context as _;

/// The subcommand; not for users.
const NAME: &str = "become-envoy";

/// Becomes the given program, which is killed when the parent process ends
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The process id of the parent
    #[arg(long, value_name = "PID")]
    parent: u32,
    /// The program
    program: PathBuf,
    /// Its arguments
    #[arg(last = true, value_name = "ARGUMENTS")]
    passed: Vec<OsString>,
}

/// Becomes the program. Returns only with an error.
///
/// # Errors
/// The parent has ended already, or the program cannot be started.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, getppid, set_parent_process_death_signal};

        set_parent_process_death_signal(Some(Signal::KILL))
            .context("cannot tie Envoy to the life of this process")?;
        // It may have ended before the call.
        let parent = getppid().map(|parent| parent.as_raw_nonzero().get());
        anyhow::ensure!(
            parent.and_then(|parent| u32::try_from(parent).ok()) == Some(arguments.parent),
            "the parent process has ended"
        );
    }
    let error = Command::new(&arguments.program)
        .args(&arguments.passed)
        .exec();
    Err(error).with_context(|| format!("cannot run `{}`", arguments.program.display()))
}

/// Returns a command that starts `program`. It has to be spawned on the main thread: the system
/// watches the thread that starts a process.
pub(crate) fn command(program: &Path, arguments: &[OsString]) -> Command {
    // The path of this program may lead to another version meanwhile.
    let own = if cfg!(target_os = "linux") {
        Some(PathBuf::from("/proc/self/exe"))
    } else {
        std::env::current_exe().ok()
    };
    let mut command = Command::new(own.unwrap_or_else(|| "registry-auth".into()));
    command
        .arg(NAME)
        .args(["--parent", &std::process::id().to_string()])
        .arg(program)
        .arg("--")
        .args(arguments)
        .stdin(Stdio::null())
        // Ctrl-C in a terminal reaches this process alone, which ends Envoy.
        .process_group(0);
    command
}
