//! `registry-auth credential-helper`: the credential helper without its own program.

use std::io::{Write as _, stderr, stdin, stdout};
use std::process::ExitCode;

use registry_auth_credential_helper::environment::Environment;
use registry_auth_credential_helper::helper;

/// Answers a registry client as `docker-credential-registry-auth` does
///
/// The verbs, and what is on stdin and stdout, are those of Docker's credential helpers; messages are
/// on stdout too.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// `get`, `store`, `erase`, `list` or `version`
    #[arg(value_name = "VERB")]
    verb: String,
}

/// Runs the command. What a client is not given is an exit status, not an error.
///
/// # Errors
/// Stdout cannot be written.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let environment = Environment::of_process();
    let (mut stdin, mut stderr) = (stdin().lock(), stderr().lock());
    let mut stdout = stdout();
    let verb = &arguments.verb;
    match helper::answer(verb, &environment, &mut stdin, &mut stdout, &mut stderr) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            writeln!(stdout, "{error}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}
