//! Exit status of programs.

use std::process::ExitCode;

use anyhow::Result;

/// Converts a result to an exit status; prints an error to standard error.
#[must_use]
pub fn code(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
