//! Runs other programs.

use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, bail};

/// Runs a program to its end, with its output on the terminal.
///
/// # Errors
/// It cannot be started, or exits with a status other than 0.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let line = line_of(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{line}`"))?;
    succeeded(&line, status)
}

/// Returns true if a program starts and exits with 0, whatever it writes.
pub(crate) fn works(command: &mut Command) -> bool {
    silent(command).is_some_and(|status| status.success())
}

/// Returns true if a program starts, whatever its exit status. Shells and loaders exit with 126 or
/// 127 if it cannot be started.
pub(crate) fn starts(command: &mut Command) -> bool {
    silent(command)
        .and_then(|status| status.code())
        .is_some_and(|code| code < 126)
}

fn silent(command: &mut Command) -> Option<ExitStatus> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok()
}

/// Converts an exit status to a result.
pub(crate) fn succeeded(line: &str, status: ExitStatus) -> anyhow::Result<()> {
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// Formats a command for messages: the program without its folder, then the arguments.
pub(crate) fn line_of(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy();
    command
        .get_args()
        .fold(name.into_owned(), |line, argument| {
            line + " " + &argument.to_string_lossy()
        })
}
