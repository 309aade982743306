//! How a program ends.

use std::process::ExitCode;

use anyhow::Result;

/// The status of a program that came to this; an error is printed on standard error.
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
