//! `docker-credential-registry-auth`: the credential helper as clients look for it.

use std::io::{Write as _, stderr, stdin, stdout};
use std::process::ExitCode;

use registry_auth_credential_helper::environment::Environment;
use registry_auth_credential_helper::helper;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let verb = match arguments.as_slice() {
        [verb] => verb.to_string_lossy(),
        _ => return ended(&helper::usage(), ExitCode::FAILURE),
    };
    match &*verb {
        "--version" | "-v" => ended(&helper::version(), ExitCode::SUCCESS),
        "--help" | "-h" => ended(&helper::usage(), ExitCode::SUCCESS),
        verb => {
            let environment = Environment::of_process();
            let (mut stdin, mut stderr) = (stdin().lock(), stderr().lock());
            match helper::answer(verb, &environment, &mut stdin, &mut stdout(), &mut stderr) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => ended(&error.to_string(), ExitCode::FAILURE),
            }
        }
    }
}

/// The protocol wants messages on stdout.
fn ended(line: &str, status: ExitCode) -> ExitCode {
    match writeln!(stdout(), "{line}") {
        Ok(()) => status,
        Err(_) => ExitCode::FAILURE,
    }
}
